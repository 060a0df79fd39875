//! `Sidecar:ForwardAuth`: the path on which reverse proxies ask whether a request may pass.

use http::HeaderName;
use sidekey_config::Section;

use crate::{
    downstream::{HeaderFault, extra_header},
    original::OriginalSource,
    routes::{self, Route},
};

/// Where proxies ask, and what they are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ForwardAuth {
    /// Without a slash at its end.
    path: Box<str>,
    /// Headers and the claims that they carry.
    pub(crate) headers: Vec<(HeaderName, Box<str>)>,
    /// Where it is said which request a proxy asks about. `None`: nowhere that could be trusted, so that no signed request
    /// can be judged.
    pub(crate) original: Option<OriginalSource>,
}

impl ForwardAuth {
    /// Reads the section; `None` where it is off.
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let is_on = section.bool("Enabled", false);
        let path = section.text("Path").unwrap_or(PATH);
        let headers = headers(section);
        let original = section.one_of("OriginalRequest", None, &ORIGINAL);
        if !is_usable(path) {
            let problem = format!("`{path}` cannot be a path of its own");
            section.fault("Path", problem, "write a path such as `/ForwardAuth` that no other route has");
        }
        is_on.then(|| Self { path: path.trim_end_matches('/').into(), headers, original })
    }

    /// The path, without a slash at its end.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Whether a path is ours as it was sent: the very path, or one below it, as proxies append the path that they ask about.
    /// Nothing in it is decoded, so that there is one answer.
    pub(crate) fn has(&self, path: &str) -> bool {
        let Some((own, rest)) = path.split_at_checked(self.path.len()) else { return false };
        own.eq_ignore_ascii_case(&self.path) && (rest.is_empty() || rest.starts_with('/'))
    }
}

/// A list of `Header=claim` or `claim`, or a map from header to claim.
fn headers(section: &Section<'_>) -> Vec<(HeaderName, Box<str>)> {
    let mut headers: Vec<(HeaderName, Box<str>)> = Vec::new();
    for (header, claim) in entries(section) {
        match name(&header) {
            Ok(name) if headers.iter().any(|(own, _)| *own == name) => {
                section.fault("ClaimHeaders", format!("`{header}` is there twice"), HINT);
            }
            Ok(name) if !claim.is_empty() => headers.push((name, claim.into())),
            Ok(_) => section.fault("ClaimHeaders", format!("`{header}` has no claim"), HINT),
            Err(fault) => section.fault("ClaimHeaders", format!("the header `{header}` {fault}"), HINT),
        }
    }
    headers
}

fn entries(section: &Section<'_>) -> Vec<(String, String)> {
    let of_text = |text: &str| match text.split_once('=') {
        Some((header, claim)) => (header.trim().to_owned(), claim.trim().to_owned()),
        None => (format!("{PREFIX}{}", text.trim()), text.trim().to_owned()),
    };
    if section.setting("ClaimHeaders").is_some() {
        return section.list("ClaimHeaders").into_iter().map(of_text).collect();
    }
    let entry = |(name, value): (&str, &str)| {
        let is_index = name.bytes().all(|byte| byte.is_ascii_digit());
        if is_index { of_text(value) } else { (name.to_owned(), value.trim().to_owned()) }
    };
    section.map("ClaimHeaders").into_iter().map(entry).collect()
}

/// A header that means something else to a proxy, or to what stands behind it, carries no claim.
fn name(header: &str) -> Result<HeaderName, HeaderFault> {
    let (name, _) = extra_header(header, "")?;
    if RESERVED.contains(&name.as_str()) || name.as_str().starts_with("access-control-") {
        return Err(HeaderFault::Reserved);
    }
    Ok(name)
}

fn is_usable(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    let is_whole = path.starts_with('/') && path.bytes().all(is_plain) && !path.contains("//") && !path.contains("/.");
    let own = path.trim_end_matches('/');
    is_whole && !own.is_empty() && Route::of(own).is_none() && !routes::is_probe(own)
}

const PATH: &str = "/ForwardAuth";
/// What a claim's header is called that has no name of its own.
const PREFIX: &str = "X-Claim-";
const HINT: &str = "write entries such as `X-User-Id=oid`, or `oid` alone for the header `X-Claim-oid`";
const ORIGINAL: [(&str, Option<OriginalSource>); 4] = [
    ("None", None),
    ("OriginalHeaders", Some(OriginalSource::OriginalHeaders)),
    ("ForwardedHeaders", Some(OriginalSource::ForwardedHeaders)),
    ("RequestLine", Some(OriginalSource::RequestLine)),
];
const RESERVED: [&str; 10] = [
    "cache-control",
    "date",
    "expires",
    "location",
    "pragma",
    "retry-after",
    "server",
    "set-cookie",
    "vary",
    "www-authenticate",
];
