//! Why a token is refused: once for a person who reads the log, once for the caller's `WWW-Authenticate` header.

use std::fmt;

use jiff::Timestamp;
use sidekey_host::UnixTime;

/// Why a token is refused. `Display` is the reason for logs (which check, what was found, what was expected);
/// [`Rejection::description`] is what the challenge says.
///
/// Values that come from the token are escaped and cut in both, so that nobody can forge a log line or a header with them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// Not a token at all, or not one we look at.
    #[error("the token is malformed: {0}")]
    Malformed(String),
    /// Five parts (RFC 7516), and nothing to decrypt them with.
    #[error(
        "the token is encrypted, and no decryption credentials are configured (`AzureAd:TokenDecryptionCredentials`)"
    )]
    Encrypted,
    /// Five parts that do not open; the text says what the header shows, and nothing about the rest.
    #[error("the token cannot be decrypted: {0}")]
    Decryption(String),
    /// The signature algorithm.
    #[error(
        "the token is signed with `{}`, accepted are: {allowed} (`Sidecar:TokenValidation:Algorithms`)",
        Echo(found)
    )]
    Algorithm {
        /// The header's `alg`.
        found: String,
        /// What is accepted.
        allowed: String,
    },
    /// The key is unknown, or the keys cannot be got.
    #[error("the signing key was not found: {0}")]
    UnknownKey(String),
    /// The signature.
    #[error("the signature is invalid")]
    Signature,
    /// The token has the format of another API (a `nonce` in its header), so that only that API can check its signature.
    #[error(
        "the token for `{}` has its audience's own format (a `nonce` in the header), which nobody else can verify: ask \
         Entra for a token with a scope of this API",
        Echo(.0.as_deref().unwrap_or(NOTHING))
    )]
    ForeignFormat(Option<String>),
    /// No `exp`.
    #[error("the token has no `exp`")]
    NoExpiration,
    /// `nbf` behind `exp`.
    #[error("the token's `nbf` ({}) lies behind its `exp` ({})", Utc(*not_before), Utc(*expires))]
    Lifetime {
        /// `nbf`.
        not_before: UnixTime,
        /// `exp`.
        expires: UnixTime,
    },
    /// Before `nbf`.
    #[error("the token is not valid before {} (UTC), clock skew allowed for", Utc(*.0))]
    NotYetValid(UnixTime),
    /// After `exp`.
    #[error("the token expired at {} (UTC), clock skew allowed for", Utc(*.0))]
    Expired(UnixTime),
    /// The audience.
    #[error("the audience `{}` is not accepted, expected: {expected}", Echo(audience.as_deref().unwrap_or(NOTHING)))]
    Audience {
        /// What the token says.
        audience: Option<String>,
        /// What is accepted.
        expected: String,
    },
    /// The issuer.
    #[error("the issuer `{}` is not accepted, expected: {expected}", Echo(issuer.as_deref().unwrap_or(NOTHING)))]
    Issuer {
        /// What the token says.
        issuer: Option<String>,
        /// What is accepted, or what does not fit together.
        expected: String,
    },
    /// A tenant that `Sidecar:TokenValidation:AllowedTenants` leaves out.
    #[error("the tenant `{}` is not in `Sidecar:TokenValidation:AllowedTenants`", Echo(tenant.as_deref().unwrap_or(NOTHING)))]
    Tenant {
        /// The tenant of the token.
        tenant: Option<String>,
        /// The token's issuer.
        issuer: Option<String>,
    },
    /// A client that `Sidecar:TokenValidation:AllowedClientApps` leaves out.
    #[error(
        "the client application `{}` is not in `Sidecar:TokenValidation:AllowedClientApps`",
        Echo(.0.as_deref().unwrap_or(NOTHING))
    )]
    Client(Option<String>),
    /// Another kind of token than an access token; the text says which.
    #[error("not an access token: {0}")]
    Kind(String),
    /// Bound to a key (`cnf`), of which nothing is proven.
    #[error(
        "the token is bound to a key (`cnf`) and needs a proof of possession: send it within a signed HTTP request \
         (`Authorization: PoP`)"
    )]
    Bound,
    /// Neither scopes nor roles, and `AzureAd:AllowWebApiToBeAuthorizedByACL` is `false`.
    #[error(
        "the token has neither scopes (`scp`) nor roles (`roles`), and `AzureAd:AllowWebApiToBeAuthorizedByACL` is `false`"
    )]
    NoScopeOrRole,
    /// Anything else; the text says which check.
    #[error("{0}")]
    Other(String),
}

impl Rejection {
    /// The `error_description` of the challenge, where there is one: printable ASCII without `"` and `\` (RFC 6750 §3).
    pub fn description(&self) -> Option<String> {
        let text = match self {
            Self::Audience { audience, .. } => format!("The audience '{}' is invalid", or_null(audience.as_deref())),
            Self::Issuer { issuer, .. } | Self::Tenant { issuer, .. } => {
                format!("The issuer '{}' is invalid", or_null(issuer.as_deref()))
            }
            Self::NoExpiration => "The token has no expiration".to_owned(),
            Self::Lifetime { not_before, expires } => format!(
                "The token lifetime is invalid; NotBefore: '{}', Expires: '{}'",
                Utc(*not_before),
                Utc(*expires)
            ),
            Self::NotYetValid(not_before) => format!("The token is not valid before '{}'", Utc(*not_before)),
            Self::Expired(expires) => format!("The token expired at '{}'", Utc(*expires)),
            Self::UnknownKey(_) => "The signature key was not found".to_owned(),
            Self::Signature | Self::ForeignFormat(_) => "The signature is invalid".to_owned(),
            // An unsigned token fails at its signature; any other algorithm is a setting of ours.
            Self::Algorithm { found, .. } if found.eq_ignore_ascii_case("none") => {
                "The signature is invalid".to_owned()
            }
            Self::Malformed(_)
            | Self::Encrypted
            | Self::Decryption(_)
            | Self::Algorithm { .. }
            | Self::Client(_)
            | Self::Kind(_)
            | Self::Bound
            | Self::NoScopeOrRole
            | Self::Other(_) => return None,
        };
        Some(text)
    }
}

impl Rejection {
    /// The whole reason as a caller may see it: which check, what was found, what was expected. On one line of printable
    /// ASCII. How a token did not open, and what happened on the way to the authority, is for the log.
    pub fn reason(&self) -> String {
        match self {
            Self::Decryption(_) => "the token cannot be decrypted".to_owned(),
            Self::UnknownKey(_) => "the signing key is not one that the authority publishes".to_owned(),
            other => Line(other.to_string()).to_string(),
        }
    }
}

/// A text as it may stand in a header: escaped as by [`Echo`], but whole sentences with backticks.
pub(crate) struct Line(pub(crate) String);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars().take(MAX_LINE) {
            match character {
                ' '..='~' => fmt::Write::write_char(f, character)?,
                other => write!(f, "{}", other.escape_default())?,
            }
        }
        if self.0.chars().nth(MAX_LINE).is_some() { f.write_str("...") } else { Ok(()) }
    }
}

/// A value from a token as it may be shown: percent-escaped where it is not printable ASCII (or is `"` or `\`), and cut.
pub(crate) struct Echo<T>(pub(crate) T);

impl<T: AsRef<str>> fmt::Display for Echo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.as_ref().as_bytes();
        for &byte in text.iter().take(MAX_ECHO) {
            match byte {
                b'"' | b'\\' | ..0x20 | 0x7f.. => write!(f, "%{byte:02X}")?,
                _ => fmt::Write::write_char(f, char::from(byte))?,
            }
        }
        if text.len() > MAX_ECHO { f.write_str("...") } else { Ok(()) }
    }
}

fn or_null(value: Option<&str>) -> Echo<&str> {
    Echo(value.unwrap_or("(null)"))
}

/// A time as the challenge's texts have it: `MM/dd/yyyy HH:mm:ss`, UTC.
struct Utc(UnixTime);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = i64::try_from(self.0.0).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        match time {
            Some(time) => write!(f, "{}", time.strftime("%m/%d/%Y %H:%M:%S")),
            // Beyond the calendar: its end stands for it.
            None => f.write_str("12/31/9999 23:59:59"),
        }
    }
}

const NOTHING: &str = "(none)";
/// Bytes of a token's value that are shown.
const MAX_ECHO: usize = 256;
/// Characters of a whole reason.
const MAX_LINE: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    const T: UnixTime = UnixTime(1_700_000_000);

    #[test]
    fn descriptions_are_those_of_the_original() {
        let some = |text: &str| Some(text.to_owned());
        let cases = [
            (
                Rejection::Audience { audience: some("api://x"), expected: String::new() },
                some("The audience 'api://x' is invalid"),
            ),
            (Rejection::Audience { audience: None, expected: String::new() }, some("The audience '(null)' is invalid")),
            (
                Rejection::Issuer { issuer: some("https://i/"), expected: String::new() },
                some("The issuer 'https://i/' is invalid"),
            ),
            (Rejection::Issuer { issuer: None, expected: String::new() }, some("The issuer '(null)' is invalid")),
            (
                Rejection::Tenant { tenant: some("t"), issuer: some("https://i/") },
                some("The issuer 'https://i/' is invalid"),
            ),
            (Rejection::NoExpiration, some("The token has no expiration")),
            (
                Rejection::Lifetime { not_before: T, expires: UnixTime(0) },
                some("The token lifetime is invalid; NotBefore: '11/14/2023 22:13:20', Expires: '01/01/1970 00:00:00'"),
            ),
            (Rejection::NotYetValid(T), some("The token is not valid before '11/14/2023 22:13:20'")),
            (Rejection::Expired(T), some("The token expired at '11/14/2023 22:13:20'")),
            (Rejection::Expired(UnixTime(u64::MAX)), some("The token expired at '12/31/9999 23:59:59'")),
            (Rejection::UnknownKey("k".into()), some("The signature key was not found")),
            (Rejection::Signature, some("The signature is invalid")),
            (Rejection::ForeignFormat(None), some("The signature is invalid")),
            (Rejection::Malformed("m".into()), None),
            (Rejection::Encrypted, None),
            (Rejection::Decryption("d".into()), None),
            (Rejection::Algorithm { found: "HS256".into(), allowed: "RS256".into() }, None),
            (Rejection::Algorithm { found: "none".into(), allowed: "RS256".into() }, some("The signature is invalid")),
            (Rejection::Client(None), None),
            (Rejection::Kind("k".into()), None),
            (Rejection::NoScopeOrRole, None),
            (Rejection::Other("o".into()), None),
        ];
        for (rejection, expected) in cases {
            assert_eq!(rejection.description(), expected, "{rejection:?}");
        }
    }

    #[test]
    fn echoed_values_cannot_break_out_of_a_header_or_a_log_line() {
        let evil = "a\"\\\r\nSet-Cookie: x\u{7f}é'";
        let rejection = Rejection::Audience { audience: Some(evil.to_owned()), expected: "b".to_owned() };
        let escaped = "a%22%5C%0D%0ASet-Cookie: x%7F%C3%A9'";
        assert_eq!(rejection.description(), Some(format!("The audience '{escaped}' is invalid")));
        assert_eq!(rejection.to_string(), format!("the audience `{escaped}` is not accepted, expected: b"));
    }

    #[test]
    fn echoed_values_are_cut() {
        let rejection = Rejection::Issuer { issuer: Some("x".repeat(100_000)), expected: String::new() };
        assert!(rejection.description().is_some_and(|text| text.len() < 300 && text.contains("x...'")));
        assert!(rejection.to_string().len() < 400);
    }

    #[test]
    fn reasons_for_callers_are_headers_and_tell_nothing_of_what_was_within() {
        let audience = Some("a\r\nSet-Cookie: \u{e9}".to_owned());
        let rejection = Rejection::Audience { audience, expected: "`b`".to_owned() };
        let expected = "the audience `a%0D%0ASet-Cookie: %C3%A9` is not accepted, expected: `b`";
        assert_eq!(rejection.reason(), expected);
        let rejection = Rejection::Malformed("`\u{e9}\r\n` and \"quotes\"".to_owned());
        assert_eq!(rejection.reason(), "the token is malformed: `\\u{e9}\\r\\n` and \"quotes\"");
        assert!(Rejection::Malformed("x".repeat(10_000)).reason().len() < 1_100);
        let [one, other] =
            ["none of the 3 keys", "not a name"].map(|why| Rejection::Decryption(why.to_owned()).reason());
        assert_eq!(one, other);
        assert!(!Rejection::UnknownKey("http://10.0.0.1: refused".to_owned()).reason().contains("10.0.0.1"));
    }

    #[test]
    fn reasons_name_what_was_found_and_what_was_expected() {
        let rejection = Rejection::Client(Some("evil".to_owned()));
        assert_eq!(
            rejection.to_string(),
            "the client application `evil` is not in `Sidecar:TokenValidation:AllowedClientApps`"
        );
        let rejection = Rejection::Algorithm { found: "none".into(), allowed: "RS256, PS256".into() };
        assert_eq!(
            rejection.to_string(),
            "the token is signed with `none`, accepted are: RS256, PS256 (`Sidecar:TokenValidation:Algorithms`)"
        );
    }
}
