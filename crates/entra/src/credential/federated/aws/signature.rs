//! Signature Version 4 for requests in a form's body (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>).

use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac,
};
use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use sidekey_host::UnixTime;

use super::keys::Keys;

/// What is signed: a `POST` of a form to `/`.
pub(super) struct ToSign<'a> {
    /// With the port, as the `Host` header has it.
    pub(super) host: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) body: &'a [u8],
    pub(super) now: UnixTime,
}

/// The headers that the request needs; `None` if one of the parts cannot be in a header.
pub(super) fn headers(request: &ToSign<'_>, keys: &Keys) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let time = i64::try_from(request.now.0).ok().and_then(|seconds| Timestamp::from_second(seconds).ok())?;
    let time = time.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut signed = vec![("content-type", FORM), ("host", request.host), ("x-amz-date", &time)];
    if let Some(token) = &keys.session_token {
        signed.push(("x-amz-security-token", token.expose()));
    }
    let authorization = authorization(request, keys, &time, &signed)?;
    let mut headers = vec![(CONTENT_TYPE, HeaderValue::from_static(FORM)), (AUTHORIZATION, secret(&authorization)?)];
    for (name, value) in signed.into_iter().filter(|(name, _)| name.starts_with("x-amz-")) {
        headers.push((HeaderName::from_static(name), secret(value)?));
    }
    Some(headers)
}

fn authorization(request: &ToSign<'_>, keys: &Keys, time: &str, signed: &[(&str, &str)]) -> Option<String> {
    let day = time.get(..8)?;
    let scope = format!("{day}/{}/{}/aws4_request", request.region, request.service);
    let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: String = signed.iter().flat_map(|(name, value)| [*name, ":", *value, "\n"]).collect();
    let canonical = format!("POST\n/\n\n{lines}\n{names}\n{}", hex(digest(&SHA256, request.body).as_ref()));
    let to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{}", hex(digest(&SHA256, canonical.as_bytes()).as_ref()));
    let secret = zeroize::Zeroizing::new(format!("AWS4{}", keys.secret.expose()));
    let key = [day, request.region, request.service, "aws4_request"]
        .iter()
        .fold(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), |key, part| {
            hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref())
        });
    let signature = hex(hmac::sign(&key, to_sign.as_bytes()).as_ref());
    Some(format!("{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", keys.id))
}

fn secret(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

#[cfg(test)]
mod tests {
    use sidekey_oauth::Secret;

    use super::*;

    /// `post-x-www-form-urlencoded` of the suite that AWS publishes with its specification.
    #[test]
    fn the_signature_is_that_of_the_published_example() {
        let keys = Keys {
            id: "AKIDEXAMPLE".to_owned(),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: None,
        };
        let request = ToSign {
            host: "example.amazonaws.com",
            region: "us-east-1",
            service: "service",
            body: b"Param1=value1",
            now: UnixTime(1_440_938_160),
        };
        let headers = headers(&request, &keys).unwrap();
        let authorization = headers.iter().find(|(name, _)| *name == AUTHORIZATION).unwrap().1.to_str().unwrap();
        assert_eq!(
            authorization,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        );
        assert_eq!(headers.iter().find(|(name, _)| name == "x-amz-date").unwrap().1, "20150830T123600Z");
        assert!(!format!("{headers:?}").contains("ff11897932ad"), "{headers:?}");
    }
}
