//! `Sidecar:ForwardAuth:Path`: says to a reverse proxy whether a request may pass, and who makes it. For nginx
//! (`auth_request`), Traefik (`forwardAuth`) and Envoy (`ext_authz` over HTTP).
//!
//! What the proxy is told goes on to the application as headers. So every configured header is always there, empty where
//! the token has no such claim: a proxy that only adds would otherwise pass on what its client made up.

use std::{borrow::Cow, collections::HashMap, fmt::Write};

use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, request::Parts};
use serde_json::value::RawValue;

use super::validate::{judge, judge_pop};
use crate::{
    Sidecar,
    caller::{bearer_token, pop_token},
    config::ForwardAuth,
    error::Failure,
    events, reply,
};

/// Judges the token of a request. The body is not looked at; what the proxy says about the request counts for signed
/// requests alone.
pub(crate) async fn forward_auth(sidecar: &Sidecar, config: &ForwardAuth, parts: &Parts) -> Result<Response, Failure> {
    let verified = match (pop_token(&parts.headers), config.original) {
        (Some(shr), Some(source)) => {
            let original = source.read(parts, config.path()).map_err(Failure::PopRejected)?;
            judge_pop(sidecar, &shr, &original).await?.token
        }
        _ => judge(sidecar, &bearer_token(&parts.headers).ok_or(Failure::NoCredentials)?).await?,
    };
    let mut response = reply::success(Bytes::new(), "text/plain");
    let claims = if config.headers.is_empty() { HashMap::new() } else { read(&verified.claims_json) };
    for (header, claim) in &config.headers {
        let value = claims.get(claim.as_ref()).and_then(|value| text(value.get()));
        let value = value.as_deref().unwrap_or_default();
        if value.len() > MAX_BYTES {
            events::claim_left_out(claim, value.len(), MAX_BYTES);
        }
        let value = Some(value).filter(|value| value.len() <= MAX_BYTES).and_then(|value| value.parse().ok());
        response.headers_mut().insert(header, value.unwrap_or(HeaderValue::from_static("")));
    }
    Ok(response)
}

/// Claims with the JSON of their values. They were read once to be judged: this does not fail.
fn read(claims: &str) -> HashMap<Cow<'_, str>, &RawValue> {
    serde_json::from_str(claims).unwrap_or_default()
}

/// A claim as a header's value: text as it is, a list with commas between, anything else as JSON. Percent-encoded is what is
/// not printable ASCII, `%` itself, a blank at either end, and a comma within a list's item.
fn text(json: &str) -> Option<String> {
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(json).ok().map(|text| encode(&text, false)),
        b'[' => match serde_json::from_str::<Vec<String>>(json) {
            Ok(items) => Some(items.iter().map(|item| encode(item, true)).collect::<Vec<_>>().join(",")),
            Err(_) => Some(encode(json, false)),
        },
        b'n' => None,
        _ => Some(encode(json, false)),
    }
}

fn encode(text: &str, is_item: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let last = text.len().saturating_sub(1);
    for (index, byte) in text.bytes().enumerate() {
        let is_plain = match byte {
            b'%' => false,
            b',' => !is_item,
            b' ' => index > 0 && index < last,
            byte => byte.is_ascii_graphic(),
        };
        if is_plain {
            out.push(char::from(byte));
        } else {
            // Writing to memory cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Proxies have little room for headers; a claim cut in two would be a lie.
const MAX_BYTES: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn claims_are_written_so_that_no_two_look_the_same_and_none_breaks_out() {
        let table = [
            (r#""alice@contoso.com""#, Some("alice@contoso.com")),
            (r#""Orders.Read Orders.Write""#, Some("Orders.Read Orders.Write")),
            (r#"" a b ""#, Some("%20a b%20")),
            (r#""\u00dcnal \ud83d\ude00""#, Some("%C3%9Cnal %F0%9F%98%80")),
            (r#""a\r\nSet-Cookie: x\u0000\u007f\t""#, Some("a%0D%0ASet-Cookie: x%00%7F%09")),
            (r#""100%25, a""#, Some("100%2525, a")),
            (r#""""#, Some("")),
            (r#"["a","b,c","d e"]"#, Some("a,b%2Cc,d e")),
            ("[]", Some("")),
            ("[1,2]", Some("[1,2]")),
            (r#"{"a":"\u00e9"}"#, Some(r#"{"a":"\u00e9"}"#)),
            ("12345678901234567890123", Some("12345678901234567890123")),
            ("1.50", Some("1.50")),
            ("true", Some("true")),
            ("null", None),
        ];
        for (json, expected) in table {
            assert_eq!(text(json).as_deref(), expected, "{json}");
        }
    }

    proptest! {
        #[test]
        fn any_claim_is_a_header_value_that_can_be_read_back(claim: String) {
            let written = text(&serde_json::to_string(&claim).unwrap()).unwrap();
            prop_assert!(HeaderValue::from_str(&written).is_ok() && written.is_ascii());
            prop_assert_eq!(written.trim(), &written);
            prop_assert_eq!(percent_encoding::percent_decode_str(&written).decode_utf8().unwrap(), claim);
        }
    }
}
