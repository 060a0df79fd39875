//! Certificates: thumbprints (RFC 7515 §4.1.7, §4.1.8: base64url of the digest over the DER) and public keys.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use x509_parser::{
    oid_registry::{OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521},
    parse_x509_certificate,
    public_key::{PublicKey, RSAPublicKey},
    x509::SubjectPublicKeyInfo,
};

use crate::{JoseError, VerifyingKey, base64url, ec::Curve};

/// The `x5t` of a certificate.
pub fn thumbprint_sha1(der: &[u8]) -> String {
    base64url::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, der))
}

/// The `x5t#S256` of a certificate.
pub fn thumbprint_sha256(der: &[u8]) -> String {
    base64url::encode(digest(&SHA256, der))
}

/// The public key of a certificate. Nothing else in the certificate is looked at: whoever trusts it decides why.
pub(crate) fn public_key(der: &[u8]) -> Result<VerifyingKey, JoseError> {
    let (rest, certificate) =
        parse_x509_certificate(der).map_err(|_| JoseError::Key("it is not an X.509 certificate in DER form"))?;
    if !rest.is_empty() {
        return Err(JoseError::Key("there are bytes behind the certificate"));
    }
    let info = certificate.public_key();
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => rsa_key(&key),
        Ok(PublicKey::EC(point)) => VerifyingKey::from_point(curve(info)?, point.data()),
        _ => Err(JoseError::Key("the certificate's key is neither RSA nor EC")),
    }
}

/// An RSA key as DER shows it: signed numbers, so a set first bit would mean a negative one.
pub(crate) fn rsa_key(key: &RSAPublicKey<'_>) -> Result<VerifyingKey, JoseError> {
    let negative = |number: &[u8]| number.first().is_some_and(|first| *first >= 0x80);
    if negative(key.modulus) || negative(key.exponent) {
        return Err(JoseError::Key("its RSA modulus or exponent is negative"));
    }
    VerifyingKey::from_rsa(key.modulus, key.exponent)
}

fn curve(info: &SubjectPublicKeyInfo<'_>) -> Result<Curve, JoseError> {
    let named = info.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    let curves = [(OID_EC_P256, Curve::P256), (OID_NIST_EC_P384, Curve::P384), (OID_NIST_EC_P521, Curve::P521)];
    let known = curves.into_iter().find(|(oid, _)| named.as_ref() == Some(oid));
    known.map(|(_, curve)| curve).ok_or(JoseError::Key("the certificate's curve is not P-256, P-384 or P-521"))
}
