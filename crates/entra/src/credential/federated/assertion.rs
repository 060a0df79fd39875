//! What a source gave: is it a JWT, and how long does it serve?

use serde::Deserialize;
use serde_json::Value;
use sidekey_host::UnixTime;
use sidekey_jose::{NumericDate, base64url};
use sidekey_oauth::Secret;
use zeroize::Zeroizing;

use crate::credential::{
    CredentialError,
    kept::{Assertion, Fetched},
};

/// Accepts a JWT that has not ended, and says until when it may be sent. Its signature is for Entra to check.
pub(super) fn judge(text: Secret, source: &'static str, now: UnixTime) -> Fetched {
    let refuse = |problem: &str, hint: &str| {
        Err(CredentialError::new("SourceType", format!("what `{source}` gave {problem}"), hint))
    };
    if text.expose().len() > MAX_BYTES {
        return refuse("is larger than 64 KiB", "let it give the token alone");
    }
    let Some(claims) = claims(text.expose()) else {
        return refuse("is no JWT", "let it give a signed token (three parts of base64url) and nothing else");
    };
    let Some(end) = claims.exp.as_ref().and_then(NumericDate::from_value).map(|end| UnixTime(end.0)) else {
        return refuse("is a JWT without the time of its end (`exp`)", "let it give a token that Entra can accept");
    };
    let left = end.since(now);
    if left.is_zero() && now.since(end).as_secs() > TOLERANCE_SECONDS {
        return refuse("has expired", "let it give a new token, and check this machine's clock");
    }
    warn_of_algorithm(text.expose(), source);
    // Short-lived ones (five minutes are usual) serve for most of their life, too.
    Ok(Assertion { text, serves_until: end - (left / 5).min(MARGIN) })
}

/// Three parts of base64url.
pub(in crate::credential) fn is_compact_jws(text: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    text.split('.').count() == 3 && text.split('.').all(is_part)
}

#[derive(Deserialize)]
struct Claims {
    exp: Option<Value>,
}

#[derive(Deserialize)]
struct Header {
    alg: Option<String>,
}

fn claims(text: &str) -> Option<Claims> {
    is_compact_jws(text).then(|| part(text, 1)).flatten()
}

fn part<T: for<'de> Deserialize<'de>>(text: &str, index: usize) -> Option<T> {
    let bytes = base64url::decode(text.split('.').nth(index)?).ok().map(Zeroizing::new)?;
    serde_json::from_slice(&bytes).ok()
}

/// The one thing that Entra refuses with words which do not name it.
fn warn_of_algorithm(text: &str, source: &str) {
    let algorithm = part::<Header>(text, 0).and_then(|header| header.alg);
    if let Some(algorithm) = algorithm.filter(|algorithm| algorithm != "RS256" && algorithm.len() <= 16) {
        tracing::warn!(source, %algorithm, "Entra accepts federated assertions with RS256 alone; let the issuer use an RSA key");
    }
}

const MAX_BYTES: usize = 64 * 1024;
/// Entra's own tolerance towards clocks that differ.
const TOLERANCE_SECONDS: u64 = 300;
const MARGIN: std::time::Duration = std::time::Duration::from_mins(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> Secret {
        Secret::new(format!("e30.{}.c2ln", base64url::encode(claims)))
    }

    #[test]
    fn an_assertion_serves_until_shortly_before_its_end() {
        let now = UnixTime(10_000);
        for (claims, until) in [
            (r#"{"exp":13600}"#, 13_300),
            (r#"{"exp":10300}"#, 10_240),
            (r#"{"exp":10300.5}"#, 10_240),
            (r#"{"exp":10001}"#, 10_001),
            // Ended already, by a clock that may be wrong.
            (r#"{"exp":9700}"#, 9_700),
        ] {
            assert_eq!(judge(token(claims), "Test", now).unwrap().serves_until, UnixTime(until), "{claims}");
        }
    }

    #[test]
    fn what_is_of_no_use_is_refused_without_being_shown() {
        for (text, problem) in [
            (Secret::new("hush"), "no JWT"),
            (Secret::new("hush.hush.hush"), "no JWT"),
            (Secret::new(""), "no JWT"),
            (Secret::new("a".repeat(MAX_BYTES + 1)), "64 KiB"),
            (token("[]"), "no JWT"),
            (token(r#"{"sub":"hush"}"#), "without the time of its end"),
            (token(r#"{"exp":"soon"}"#), "without the time of its end"),
            (token(r#"{"exp":9699}"#), "has expired"),
        ] {
            let error = judge(text, "Test", UnixTime(10_000)).unwrap_err();
            assert!(error.problem.contains("`Test` gave") && error.problem.contains(problem), "{error}");
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }
}
