//! Public keys in PEM (RFC 7468) and DER, as JWKs.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sidekey_jose::{Jwk, base64url};
use x509_parser::{
    oid_registry::{OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521},
    prelude::{FromDer, X509Certificate},
    public_key::{PublicKey, RSAPublicKey},
    x509::SubjectPublicKeyInfo,
};

use super::BadPopKey;

/// Of the first section of PEM text.
pub(super) fn of_pem(text: &str) -> Result<Jwk, BadPopKey> {
    let (label, der) = section(text)?;
    match label {
        "PUBLIC KEY" => of_spki(&der).map_err(|_| not_a(label)),
        "RSA PUBLIC KEY" => whole(RSAPublicKey::from_der(&der)).map(|key| rsa(&key)).ok_or_else(|| not_a(label)),
        "CERTIFICATE" => {
            let certificate =
                whole(X509Certificate::from_der(&der)).ok_or_else(|| BadPopKey::new("is not a certificate"))?;
            of_info(certificate.public_key())
        }
        _ if label.ends_with("PRIVATE KEY") => {
            Err(BadPopKey::new("is a private key, which nobody but its owner may see"))
        }
        other => {
            let shown: String = other.chars().take(40).flat_map(char::escape_debug).collect();
            Err(BadPopKey::new(format!("is PEM of `{shown}`, not a public key")))
        }
    }
}

/// Of a `SubjectPublicKeyInfo`.
pub(super) fn of_spki(der: &[u8]) -> Result<Jwk, BadPopKey> {
    let info = whole(SubjectPublicKeyInfo::from_der(der));
    of_info(&info.ok_or_else(|| BadPopKey::new("is neither a PEM nor a DER public key"))?)
}

fn of_info(info: &SubjectPublicKeyInfo<'_>) -> Result<Jwk, BadPopKey> {
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => Ok(rsa(&key)),
        Ok(PublicKey::EC(point)) => ec(info, point.data()),
        _ => Err(BadPopKey::new("holds a key that is neither RSA nor EC")),
    }
}

fn rsa(key: &RSAPublicKey<'_>) -> Jwk {
    let number = |bytes: &[u8]| {
        let significant = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
        bytes.get(significant..).map(base64url::encode)
    };
    Jwk { kty: "RSA".to_owned(), n: number(key.modulus), e: number(key.exponent), ..Jwk::default() }
}

/// A point in its uncompressed form (SEC 1 §2.3.3).
fn ec(info: &SubjectPublicKeyInfo<'_>, point: &[u8]) -> Result<Jwk, BadPopKey> {
    let named = info.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    let curves = [(OID_EC_P256, "P-256"), (OID_NIST_EC_P384, "P-384"), (OID_NIST_EC_P521, "P-521")];
    let curve = curves.into_iter().find(|(oid, _)| named.as_ref() == Some(oid)).map(|(_, name)| name);
    let coordinates = point.strip_prefix(&[4]).and_then(|both| both.split_at_checked(both.len() / 2));
    let (Some(curve), Some((x, y))) = (curve, coordinates) else {
        return Err(BadPopKey::new("holds an EC key that is not a plain point on P-256, P-384 or P-521"));
    };
    Ok(Jwk {
        kty: "EC".to_owned(),
        crv: Some(curve.to_owned()),
        x: Some(base64url::encode(x)),
        y: Some(base64url::encode(y)),
        ..Jwk::default()
    })
}

/// Label and content of the first section. Its line breaks may have been lost on the way.
fn section(text: &str) -> Result<(&str, Vec<u8>), BadPopKey> {
    let (_, rest) = text.split_once("-----BEGIN ").unwrap_or_default();
    let (label, rest) = rest.split_once("-----").ok_or_else(|| BadPopKey::new("is PEM without a whole BEGIN line"))?;
    let (body, _) = rest.split_once("-----END").ok_or_else(|| BadPopKey::new("is PEM that has no END line"))?;
    let compact: String = body.split_ascii_whitespace().collect();
    let der = STANDARD.decode(compact).map_err(|_| BadPopKey::new("is PEM whose content is not base64"))?;
    Ok((label, der))
}

/// What was parsed, if nothing stands behind it.
fn whole<T, E>(parsed: Result<(&[u8], T), E>) -> Option<T> {
    parsed.ok().filter(|(rest, _)| rest.is_empty()).map(|(_, value)| value)
}

fn not_a(label: &str) -> BadPopKey {
    BadPopKey::new(format!("is PEM of a `{label}` that is not a public key"))
}
