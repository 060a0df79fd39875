//! JSON Web Keys (RFC 7517), public ones, with Entra's `issuer` member.

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{JoseError, base64url, parse_object};

/// A public key as it stands in a key set. Members that its type does not need are kept as given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// `RSA`, `EC`, or a type that is not used here.
    pub kty: String,
    /// `sig` or `enc`.
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    pub use_: Option<String>,
    /// The key's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The one algorithm that the key is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// What the key may do (RFC 7517 §4.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_ops: Option<Vec<String>>,
    /// SHA-1 thumbprint of the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x5t: Option<String>,
    /// SHA-256 thumbprint of the certificate.
    #[serde(rename = "x5t#S256", default, skip_serializing_if = "Option::is_none")]
    pub x5t_s256: Option<String>,
    /// RSA modulus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    /// RSA exponent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
    /// EC curve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// EC point, x.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// EC point, y.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// Certificate chain, base64 DER, leaf first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x5c: Option<Vec<String>>,
    /// Entra: the issuer (or template with `{tenantid}`) that the key signs for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Entra: the cloud that the key belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_instance_name: Option<String>,
}

impl Jwk {
    /// The RFC 7638 thumbprint, base64url of SHA-256.
    pub fn thumbprint(&self) -> Result<String, JoseError> {
        let canonical = match self.kty.as_str() {
            "RSA" => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, plain(self.e.as_ref())?, plain(self.n.as_ref())?),
            "EC" => format!(
                r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#,
                plain(self.crv.as_ref())?,
                plain(self.x.as_ref())?,
                plain(self.y.as_ref())?
            ),
            _ => return Err(JoseError::Key("its `kty` is neither `RSA` nor `EC`")),
        };
        Ok(base64url::encode(digest(&SHA256, canonical.as_bytes())))
    }
}

/// A key set (RFC 7517 §5). Entries that cannot be read are left out, as the RFC asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JwkSet {
    /// The keys in order.
    pub keys: Vec<Jwk>,
}

impl JwkSet {
    /// Reads a key set document of at most 1 MiB and 1,000 keys.
    pub fn parse(document: &[u8]) -> Result<Self, JoseError> {
        if document.len() > MAX_DOCUMENT_BYTES {
            return Err(JoseError::Json("the key set is longer than 1 MiB".to_owned()));
        }
        let Some(Value::Array(entries)) = parse_object(document)?.remove("keys") else {
            return Err(JoseError::Json("the key set has no array `keys`".to_owned()));
        };
        if entries.len() > MAX_KEYS {
            return Err(JoseError::Json("the key set has more than 1,000 keys".to_owned()));
        }
        let keys = entries.into_iter().filter_map(|entry| serde_json::from_value(entry).ok()).collect();
        Ok(Self { keys })
    }
}

/// A member of which a thumbprint is made: text in the alphabet of base64url (which covers the names of curves), so that it
/// cannot write further JSON into the canonical form.
fn plain(member: Option<&String>) -> Result<&str, JoseError> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    member
        .filter(|text| !text.is_empty() && text.bytes().all(good))
        .map(String::as_str)
        .ok_or(JoseError::Key("a member that its type needs is missing or not base64url"))
}

const MAX_DOCUMENT_BYTES: usize = 1 << 20;
const MAX_KEYS: usize = 1_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn jwk(value: Value) -> Jwk {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_set_as_entra_publishes_it_is_read_and_written_back() {
        let document = json!({ "keys": [{
            "kty": "RSA", "use": "sig", "kid": "k", "x5t": "k", "n": "AQ", "e": "AQAB", "x5c": ["MII"],
            "cloud_instance_name": "microsoftonline.com", "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0",
        }]});
        let set = JwkSet::parse(document.to_string().as_bytes()).unwrap();
        assert_eq!(set.keys[0].issuer.as_deref(), Some("https://login.microsoftonline.com/{tenantid}/v2.0"));
        assert_eq!(serde_json::to_value(&set).unwrap(), document);
    }

    #[test]
    fn entries_that_cannot_be_read_are_left_out() {
        let document = json!({ "keys": [
            7, null, {}, [], "k", { "kty": 1 }, { "kty": "RSA", "kid": 1 }, { "kty": "RSA", "x5c": "MII" },
            { "kty": "future", "kid": "kept", "pub": { "a": [1] } }, { "kty": "oct", "k": "c2VjcmV0" },
        ]});
        let set = JwkSet::parse(document.to_string().as_bytes()).unwrap();
        let types: Vec<&str> = set.keys.iter().map(|key| key.kty.as_str()).collect();
        assert_eq!(types, ["future", "oct"]);
    }

    #[test]
    fn private_members_are_not_kept() {
        let key = jwk(
            json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "secret", "k": "secret", "p": "secret" }),
        );
        assert!(!serde_json::to_string(&key).unwrap().contains("secret"));
    }

    #[test]
    fn a_document_that_is_no_set_is_refused() {
        for document in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":null}"#, r#"{"Keys":[]}"#, r#"{"keys":[]"#] {
            assert!(matches!(JwkSet::parse(document.as_bytes()), Err(JoseError::Json(_))), "{document}");
        }
        assert_eq!(JwkSet::parse(br#"{"keys":[]}"#), Ok(JwkSet::default()));
    }

    #[test]
    fn a_member_twice_anywhere_in_a_set_is_refused() {
        for document in [r#"{"keys":[],"keys":[]}"#, r#"{"keys":[{"kty":"RSA","n":"AQ","n":"Ag"}]}"#] {
            assert!(matches!(JwkSet::parse(document.as_bytes()), Err(JoseError::Json(_))), "{document}");
        }
    }

    #[test]
    fn a_set_of_unreasonable_size_is_refused() {
        let of = |count: usize| json!({ "keys": vec![json!({ "kty": "x" }); count] }).to_string();
        assert_eq!(JwkSet::parse(of(1_000).as_bytes()).unwrap().keys.len(), 1_000);
        assert!(JwkSet::parse(of(1_001).as_bytes()).is_err());
        let padded = |blanks: usize| format!(r#"{{"keys":[]{}}}"#, " ".repeat(blanks));
        assert!(JwkSet::parse(padded(MAX_DOCUMENT_BYTES - 11).as_bytes()).is_ok());
        assert!(JwkSet::parse(padded(MAX_DOCUMENT_BYTES - 10).as_bytes()).is_err());
    }

    #[test]
    fn a_thumbprint_depends_on_the_required_members_only() {
        let bare = jwk(json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AQ" }));
        let dressed =
            jwk(json!({ "y": "AQ", "kid": "k", "alg": "ES256", "crv": "P-256", "n": "AQ", "x": "AA", "kty": "EC" }));
        assert_eq!(bare.thumbprint(), dressed.thumbprint());
        assert_ne!(bare.thumbprint(), jwk(json!({ "kty": "EC", "crv": "P-384", "x": "AA", "y": "AQ" })).thumbprint());
    }

    #[test]
    fn a_thumbprint_needs_its_members_and_they_cannot_smuggle_json() {
        for value in [
            json!({ "kty": "RSA", "n": "AQ" }),
            json!({ "kty": "RSA", "e": "AQAB" }),
            json!({ "kty": "RSA", "e": "AQAB", "n": "" }),
            json!({ "kty": "RSA", "e": "AQAB\",\"kty\":\"RSA\",\"n\":\"AQ\"}//", "n": "AQ" }),
            json!({ "kty": "EC", "crv": "P-256\"", "x": "AA", "y": "AQ" }),
            json!({ "kty": "EC", "crv": "P-256", "x": "A\\u0041", "y": "AQ" }),
            json!({ "kty": "EC", "crv": "P-256", "x": "AA==", "y": "AQ" }),
            json!({ "kty": "oct", "k": "AA" }),
            json!({ "kty": "rsa", "e": "AQAB", "n": "AQ" }),
        ] {
            assert!(matches!(jwk(value.clone()).thumbprint(), Err(JoseError::Key(_))), "{value}");
        }
    }

    proptest! {
        #[test]
        fn noise_never_panics(noise: Vec<u8>, text in r#"\{"keys":\[[{}\[\]",:a-z0-9]{0,60}"#) {
            let _ = JwkSet::parse(&noise);
            let _ = JwkSet::parse(text.as_bytes());
        }

        #[test]
        fn any_key_is_read_back(kty: String, kid: Option<String>, n: Option<String>, ops: Option<Vec<String>>) {
            let key = Jwk { kty, kid, n, key_ops: ops, ..Jwk::default() };
            let document = serde_json::to_vec(&JwkSet { keys: vec![key.clone()] }).unwrap();
            prop_assert_eq!(JwkSet::parse(&document).unwrap().keys, [key]);
        }
    }
}
