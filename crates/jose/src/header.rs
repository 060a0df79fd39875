//! The JOSE header (RFC 7515 §4).

use serde_json::Value;

use crate::{Algorithm, JoseError, base64url, error::shorten, parse_members};

/// A JWS header, as much of it as is used. `jwk`, `jku`, `x5u` are never read: keys come from our own sources only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The algorithm's name as sent.
    pub alg: String,
    /// The key's id.
    pub kid: Option<String>,
    /// The token's type, such as `JWT`, `at+jwt`, `pop`.
    pub typ: Option<String>,
    /// SHA-1 thumbprint of the signer's certificate, padding stripped.
    pub x5t: Option<String>,
    /// SHA-256 thumbprint of the signer's certificate, padding stripped.
    pub x5t_s256: Option<String>,
    /// Certificate chain, leaf first; a single string is read as a chain of one.
    pub x5c: Vec<String>,
    /// Whether the header has a `nonce`, the mark of Graph's own token format.
    pub has_nonce: bool,
}

impl Header {
    /// The algorithm, if it is one of ours.
    pub fn algorithm(&self) -> Result<Algorithm, JoseError> {
        self.alg.parse()
    }

    /// Reads a header from its base64url text.
    pub(crate) fn decode(text: &str) -> Result<Self, JoseError> {
        let mut members = decode_members(text)?;
        Ok(Self {
            alg: take_text(&mut members, "alg")?.ok_or(JoseError::Malformed("the header has no `alg`"))?,
            kid: take_text(&mut members, "kid")?,
            typ: take_text(&mut members, "typ")?,
            x5t: take_text(&mut members, "x5t")?.map(without_padding),
            x5t_s256: take_text(&mut members, "x5t#S256")?.map(without_padding),
            x5c: take_chain(&mut members)?,
            has_nonce: members.take("nonce").is_some(),
        })
    }
}

/// The members of a header that are read. The others are checked for their form and made nothing of.
pub(crate) struct Members([Option<Value>; MEMBERS.len()]);

impl Members {
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        slot(name).and_then(|slot| self.0.get_mut(slot)).and_then(Option::take)
    }
}

fn slot(name: &str) -> Option<usize> {
    MEMBERS.iter().position(|member| *member == name)
}

/// The members of a header, of JWS or JWE: an object without members twice and without critical extensions.
pub(crate) fn decode_members(text: &str) -> Result<Members, JoseError> {
    if text.len() > MAX_HEADER_CHARS {
        return Err(JoseError::Malformed("the header is longer than 64 KiB"));
    }
    let mut members = Members(parse_members(&base64url::decode(text)?, slot)?);
    refuse_extensions(&mut members)?;
    Ok(members)
}

/// `crit` lists extensions that must be understood (RFC 7515 §4.1.11). We understand none, not even `b64` (RFC 7797), which
/// changes what is signed; so it is refused without `crit` too.
fn refuse_extensions(members: &mut Members) -> Result<(), JoseError> {
    if let Some(critical) = members.take("crit") {
        let first = critical.get(0).and_then(Value::as_str).unwrap_or("crit");
        return Err(JoseError::Critical(shorten(first)));
    }
    if members.take("b64").is_some() {
        return Err(JoseError::Critical("b64".to_owned()));
    }
    Ok(())
}

/// Takes a member that is text, where it is there.
pub(crate) fn take_text(members: &mut Members, name: &'static str) -> Result<Option<String>, JoseError> {
    match members.take(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JoseError::Malformed(
            "one of `alg`, `enc`, `kid`, `typ`, `cty`, `x5t` and `x5t#S256` in the header is not text",
        )),
    }
}

/// Reads `x5c`: RFC 7515 wants an array, MSAL for .NET writes a single string.
fn take_chain(members: &mut Members) -> Result<Vec<String>, JoseError> {
    let certificates = match members.take("x5c") {
        None => Vec::new(),
        Some(Value::Array(certificates)) => certificates,
        Some(single) => vec![single],
    };
    let text = |value| match value {
        Value::String(text) => Ok(text),
        _ => Err(JoseError::Malformed("`x5c` in the header is neither text nor an array of texts")),
    };
    certificates.into_iter().map(text).collect()
}

/// MSAL for Python pads its thumbprints.
pub(crate) fn without_padding(mut thumbprint: String) -> String {
    thumbprint.truncate(thumbprint.trim_end_matches('=').len());
    thumbprint
}

/// What is read of a header; the most frequent first.
const MEMBERS: [&str; 12] =
    ["alg", "kid", "typ", "x5t", "nonce", "x5t#S256", "x5c", "crit", "b64", "enc", "zip", "cty"];

/// The longest header, encoded: room for a certificate chain.
const MAX_HEADER_CHARS: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(json: &str) -> Result<Header, JoseError> {
        Header::decode(&base64url::encode(json))
    }

    #[test]
    fn the_members_that_are_used_are_read() {
        let json = r#"{"alg":"RS256","kid":"k","typ":"JWT","x5t":"AAA","x5t#S256":"BBB","x5c":["C","D"],"nonce":"n","zip":"x"}"#;
        let expected = Header {
            alg: "RS256".into(),
            kid: Some("k".into()),
            typ: Some("JWT".into()),
            x5t: Some("AAA".into()),
            x5t_s256: Some("BBB".into()),
            x5c: vec!["C".into(), "D".into()],
            has_nonce: true,
        };
        assert_eq!(decode(json), Ok(expected));
    }

    #[test]
    fn the_padding_of_thumbprints_is_stripped() {
        let header = decode(r#"{"alg":"RS256","x5t":"AAA=","x5t#S256":"BB=="}"#).unwrap();
        assert_eq!((header.x5t.as_deref(), header.x5t_s256.as_deref()), (Some("AAA"), Some("BB")));
    }

    #[test]
    fn a_chain_may_be_a_single_text() {
        assert_eq!(decode(r#"{"alg":"RS256","x5c":"C"}"#).unwrap().x5c, ["C"]);
        assert!(decode(r#"{"alg":"RS256","x5c":[]}"#).unwrap().x5c.is_empty());
    }

    #[test]
    fn members_of_the_wrong_type_are_refused() {
        for json in [
            r#"{"alg":1}"#,
            r#"{"alg":null}"#,
            r#"{"alg":"RS256","kid":7}"#,
            r#"{"alg":"RS256","kid":null}"#,
            r#"{"alg":"RS256","typ":["JWT"]}"#,
            r#"{"alg":"RS256","x5t":{}}"#,
            r#"{"alg":"RS256","x5t#S256":true}"#,
            r#"{"alg":"RS256","x5c":{}}"#,
            r#"{"alg":"RS256","x5c":["C",1]}"#,
            r#"{"kid":"k"}"#,
        ] {
            assert!(matches!(decode(json), Err(JoseError::Malformed(_))), "{json}");
        }
    }

    #[test]
    fn critical_extensions_are_refused_and_named() {
        for (json, name) in [
            (r#"{"alg":"RS256","crit":["exp"],"exp":1}"#, "exp"),
            (r#"{"alg":"RS256","crit":["b64"],"b64":false}"#, "b64"),
            (r#"{"alg":"RS256","crit":[]}"#, "crit"),
            (r#"{"alg":"RS256","crit":null}"#, "crit"),
            (r#"{"alg":"RS256","b64":true}"#, "b64"),
            (r#"{"alg":"none","crit":["x"]}"#, "x"),
        ] {
            assert_eq!(decode(json), Err(JoseError::Critical(name.to_owned())), "{json}");
        }
    }

    #[test]
    fn a_member_twice_is_refused() {
        assert!(matches!(decode(r#"{"alg":"RS256","alg":"none"}"#), Err(JoseError::Json(_))));
        assert!(matches!(decode(r#"{"alg":"RS256","jwk":{"n":1,"n":2}}"#), Err(JoseError::Json(_))));
    }

    #[test]
    fn a_header_of_unreasonable_size_is_refused() {
        let json = format!(r#"{{"alg":"RS256","kid":"{}"}}"#, "k".repeat(50_000));
        assert!(matches!(decode(&json), Err(JoseError::Malformed(_))));
    }
}
