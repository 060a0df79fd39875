//! The JWE header (RFC 7516 §4).

use super::{ContentEncryption, KeyManagement};
use crate::{
    JoseError,
    header::{decode_members, take_text, without_padding},
};

/// A JWE header, as much of it as is used. Members of algorithms outside of our profile (`epk`, `p2s`, `p2c`) are never read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JweHeader {
    /// How the content's key is encrypted.
    pub alg: KeyManagement,
    /// How the content is encrypted.
    pub enc: ContentEncryption,
    /// The id of the recipient's key.
    pub kid: Option<String>,
    /// SHA-1 thumbprint of the recipient's certificate, padding stripped.
    pub x5t: Option<String>,
    /// SHA-256 thumbprint of the recipient's certificate, padding stripped.
    pub x5t_s256: Option<String>,
    /// The token's type.
    pub typ: Option<String>,
    /// The content's type; `JWT` for a token within.
    pub cty: Option<String>,
}

impl JweHeader {
    /// Reads a header from its base64url text.
    pub(super) fn decode(text: &str) -> Result<Self, JoseError> {
        let mut members = decode_members(text)?;
        let alg = take_text(&mut members, "alg")?.ok_or(JoseError::Malformed("the header has no `alg`"))?;
        let alg = alg.parse()?;
        let enc = take_text(&mut members, "enc")?.ok_or(JoseError::Malformed("the header has no `enc`"))?;
        let enc = enc.parse()?;
        if members.take("zip").is_some() {
            return Err(JoseError::Compressed);
        }
        Ok(Self {
            alg,
            enc,
            kid: take_text(&mut members, "kid")?,
            x5t: take_text(&mut members, "x5t")?.map(without_padding),
            x5t_s256: take_text(&mut members, "x5t#S256")?.map(without_padding),
            typ: take_text(&mut members, "typ")?,
            cty: take_text(&mut members, "cty")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base64url;

    fn decode(json: &str) -> Result<JweHeader, JoseError> {
        JweHeader::decode(&base64url::encode(json))
    }

    #[test]
    fn the_members_that_are_used_are_read() {
        let json = r#"{"alg":"RSA-OAEP","enc":"A256GCM","kid":"k","x5t":"AAA=","x5t#S256":"BB==","typ":"JWT","cty":"JWT","p2c":1}"#;
        let text = |value: &str| Some(value.to_owned());
        let expected = JweHeader {
            alg: KeyManagement::RsaOaep,
            enc: ContentEncryption::A256Gcm,
            kid: text("k"),
            x5t: text("AAA"),
            x5t_s256: text("BB"),
            typ: text("JWT"),
            cty: text("JWT"),
        };
        assert_eq!(decode(json), Ok(expected));
    }

    #[test]
    fn both_algorithms_are_needed_and_are_text() {
        for json in [
            r#"{"enc":"A256GCM"}"#,
            r#"{"alg":"RSA-OAEP"}"#,
            r#"{"Alg":"RSA-OAEP","enc":"A256GCM"}"#,
            r#"{"alg":1,"enc":"A256GCM"}"#,
            r#"{"alg":"RSA-OAEP","enc":null}"#,
            r#"{"alg":"RSA-OAEP","enc":["A256GCM"]}"#,
            r#"{"alg":"RSA-OAEP","enc":"A256GCM","kid":7}"#,
            r#"{"alg":"RSA-OAEP","enc":"A256GCM","cty":{}}"#,
        ] {
            assert!(matches!(decode(json), Err(JoseError::Malformed(_))), "{json}");
        }
    }

    #[test]
    fn compression_is_refused_whatever_it_is_called() {
        for zip in ["\"DEF\"", "\"none\"", "\"\"", "null", "[]"] {
            let json = format!(r#"{{"alg":"RSA-OAEP","enc":"A256GCM","zip":{zip}}}"#);
            assert_eq!(decode(&json), Err(JoseError::Compressed), "{zip}");
        }
    }

    #[test]
    fn the_rules_for_every_header_hold_here_too() {
        let critical = |json: &str| matches!(decode(json), Err(JoseError::Critical(_)));
        assert!(critical(r#"{"alg":"RSA-OAEP","enc":"A256GCM","crit":["exp"],"exp":1}"#));
        assert!(critical(r#"{"alg":"RSA-OAEP","enc":"A256GCM","b64":false}"#));
        let twice = decode(r#"{"alg":"RSA-OAEP","enc":"A256GCM","enc":"A128GCM"}"#);
        assert!(matches!(twice, Err(JoseError::Json(_))));
        assert!(matches!(decode("[]"), Err(JoseError::Json(_))));
        assert_eq!(JweHeader::decode("e30="), Err(JoseError::Base64));
        assert!(matches!(JweHeader::decode(&"A".repeat(65_537)), Err(JoseError::Malformed(_))));
    }
}
