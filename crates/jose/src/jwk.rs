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
