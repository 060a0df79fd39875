//! URLs of downstream calls. Whatever a caller writes as relative path, the result lies on the configured base URL's
//! origin and below its path, also for a server behind it that decodes more than once or reads look-alikes of dots.

use std::{fmt::Write, str::FromStr};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Host, Url};

/// A configured base URL: `https`, or `http` on loopback; no user, query or fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    url: Url,
    /// The path with exactly one slash at its end.
    prefix: String,
}

impl Base {
    /// The URL of a relative path (which may have a query of its own) with more query parameters.
    ///
    /// The path is joined as text: a missing one gives the base path with a slash, as the original has it.
    pub(crate) fn join(&self, relative: &str, extra_query: &[(String, String)]) -> Result<Url, Escape> {
        if relative.chars().any(char::is_control) {
            return Err(Escape::Control);
        }
        let (path, query) = relative.split_once('?').map_or((relative, None), |(path, query)| (path, Some(query)));
        check(path)?;
        let mut url = self.url.clone();
        let path = path.strip_prefix('/').unwrap_or(path);
        url.set_path(&format!("{}{}", self.prefix, with_stray_percents_encoded(path)));
        url.set_query(joined_query(query, extra_query).as_deref());
        if url.as_str().len() > MAX_URL_BYTES {
            return Err(Escape::TooLong);
        }
        if self.contains(&url) { Ok(url) } else { Err(Escape::Outside) }
    }

    /// Whether a URL lies on this origin and below this path.
    fn contains(&self, url: &Url) -> bool {
        url.origin() == self.url.origin()
            && url.path().starts_with(&self.prefix)
            && url.username().is_empty()
            && url.password().is_none()
    }
}

impl FromStr for Base {
    type Err = BaseError;

    fn from_str(text: &str) -> Result<Self, BaseError> {
        let mut url = Url::parse(text.trim()).map_err(|cause| BaseError::NotAUrl(cause.to_string()))?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(BaseError::PlainHttp),
            other => return Err(BaseError::Scheme(other.to_owned())),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BaseError::User);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(BaseError::Query);
        }
        let prefix = format!("{}/", url.path().trim_end_matches('/'));
        url.set_path(&prefix);
        Ok(Self { url, prefix })
    }
}

/// Why a text is no base URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BaseError {
    /// It cannot be parsed.
    #[error("is not an absolute URL ({0})")]
    NotAUrl(String),
    /// `http` to another machine, where anyone on the way could read the token.
    #[error("is plain `http`, which is accepted for loopback addresses only")]
    PlainHttp,
    /// Neither `http` nor `https`.
    #[error("has the scheme `{0}`, expected `https`")]
    Scheme(String),
    /// A user or password.
    #[error("holds a user name or password")]
    User,
    /// A query or fragment.
    #[error("has a query or fragment, which belongs into `ExtraQueryParameters`")]
    Query,
}

/// Why a relative path is refused. `Display` follows the name of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Escape {
    /// `.` or `..` as a segment, in whatever encoding.
    #[error("must not have `.` or `..` as a segment, encoded or not: it would leave the configured base URL")]
    DotSegment,
    /// `\`, in whatever encoding.
    #[error("must not have backslashes, encoded or not")]
    Backslash,
    /// A URL of its own, or the beginning of one.
    #[error("must be relative to the configured base URL, not a URL of its own")]
    Absolute,
    /// `user:password@`.
    #[error("must not begin with a user name and password")]
    User,
    /// Control characters, in whatever encoding.
    #[error("must not have control characters, encoded or not")]
    Control,
    /// Escapes that are not UTF-8, or `%u` escapes.
    #[error("must have percent escapes of UTF-8 only")]
    Encoding,
    /// Escapes of escapes of escapes.
    #[error("must not be percent-encoded over and over")]
    Nested,
    /// Longer than any server reads.
    #[error("makes a URL of more than {MAX_URL_BYTES} characters")]
    TooLong,
    /// What the other checks should have found.
    #[error("must stay below the configured base URL")]
    Outside,
}

/// Checks a path at every level of percent-encoding, until decoding changes nothing any more.
fn check(path: &str) -> Result<(), Escape> {
    let mut level = path.to_owned();
    for _ in 0..MAX_LEVELS {
        check_level(&level)?;
        let decoded = percent_encoding::percent_decode_str(&level);
        let decoded = decoded.decode_utf8().map_err(|_| Escape::Encoding)?.into_owned();
        if decoded == level {
            return Ok(());
        }
        level = decoded;
    }
    Err(Escape::Nested)
}

fn check_level(level: &str) -> Result<(), Escape> {
    if level.chars().any(char::is_control) {
        return Err(Escape::Control);
    }
    if has_u_escape(level) {
        return Err(Escape::Encoding);
    }
    let folded: String = level.chars().map(fold).collect();
    if folded.contains('\\') {
        return Err(Escape::Backslash);
    }
    check_beginning(folded.trim_start())?;
    if folded.split('/').any(is_dot_segment) { Err(Escape::DotSegment) } else { Ok(()) }
}

/// Refuses what reads as the beginning of a URL. A colon alone is none: `root:/a.txt:/content`, `items:batch`.
fn check_beginning(path: &str) -> Result<(), Escape> {
    if path.starts_with("//") {
        return Err(Escape::Absolute);
    }
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let Some((name, rest)) = first.split_once(':') else { return Ok(()) };
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._~!$&%".contains(&byte)) {
        return Ok(());
    }
    let behind = path.trim_start_matches('/').get(name.len() + 1..).unwrap_or_default();
    if behind.starts_with("//") || SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Err(Escape::Absolute);
    }
    if rest.contains('@') { Err(Escape::User) } else { Ok(()) }
}

/// `.` and `..`, also with blanks around them or with what some servers cut off behind them (`..;x`).
fn is_dot_segment(segment: &str) -> bool {
    let name = segment.split([';', '?', '#']).next().unwrap_or_default().trim();
    matches!(name, "." | "..")
}

/// `%uXXXX`, which old servers decode.
fn has_u_escape(level: &str) -> bool {
    level
        .as_bytes()
        .windows(6)
        .any(|window| matches!(window, [b'%', b'u' | b'U', digits @ ..] if digits.iter().all(u8::is_ascii_hexdigit)))
}

/// Look-alikes that normalisation or a "best fit" conversion turns into ASCII.
fn fold(character: char) -> char {
    match character {
        '\u{ff0e}' | '\u{2024}' | '\u{fe52}' | '\u{3002}' | '\u{ff61}' => '.',
        '\u{ff0f}' | '\u{2044}' | '\u{2215}' | '\u{29f8}' => '/',
        '\u{ff3c}' | '\u{fe68}' | '\u{2216}' | '\u{29f5}' => '\\',
        '\u{ff1a}' => ':',
        '\u{ff20}' => '@',
        other => other,
    }
}

/// A `%` that begins no escape stands for itself.
fn with_stray_percents_encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for (index, part) in path.split('%').enumerate() {
        if index > 0 {
            let is_escape = matches!(part.as_bytes(), [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
            encoded.push_str(if is_escape { "%" } else { "%25" });
        }
        encoded.push_str(part);
    }
    encoded
}

/// The relative path's own query and then the further parameters, percent-encoded.
fn joined_query(own: Option<&str>, extra: &[(String, String)]) -> Option<String> {
    if extra.is_empty() {
        return own.map(str::to_owned);
    }
    let mut query = own.unwrap_or_default().to_owned();
    for (name, value) in extra {
        let separator = if query.is_empty() { "" } else { "&" };
        let (name, value) = (utf8_percent_encode(name, RESERVED), utf8_percent_encode(value, RESERVED));
        let _ = write!(query, "{separator}{name}={value}");
    }
    Some(query)
}

/// Whether a URL's host is this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}

/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The schemes that URL parsers treat as special, with or without slashes behind them.
const SCHEMES: [&str; 6] = ["http", "https", "ws", "wss", "ftp", "file"];

/// More than any chain of proxies decodes.
const MAX_LEVELS: usize = 6;

/// Below the longest URI that the HTTP library takes.
const MAX_URL_BYTES: usize = 60_000;

#[cfg(test)]
mod tests;
