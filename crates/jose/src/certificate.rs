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

/// The SHA-1 thumbprint in hexadecimal, as .NET and Azure write it.
pub(crate) fn thumbprint_sha1_hex(der: &[u8]) -> String {
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, der);
    let digits = digest.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
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

#[cfg(test)]
mod tests {
    use rcgen::{
        CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512,
        PKCS_ED25519,
    };

    use super::*;
    use crate::{Algorithm, SigningKey};

    /// A self-signed certificate and its private key.
    fn certificate(kind: &'static rcgen::SignatureAlgorithm) -> (Vec<u8>, KeyPair) {
        let pair = KeyPair::generate_for(kind).unwrap();
        let certificate = CertificateParams::new(vec!["test".to_owned()]).unwrap().self_signed(&pair).unwrap();
        (certificate.der().to_vec(), pair)
    }

    #[test]
    fn the_key_of_an_ec_certificate_checks_signatures_of_its_private_half() {
        for (kind, algorithm) in [
            (&PKCS_ECDSA_P256_SHA256, Algorithm::ES256),
            (&PKCS_ECDSA_P384_SHA384, Algorithm::ES384),
            (&PKCS_ECDSA_P521_SHA512, Algorithm::ES512),
        ] {
            let (der, pair) = certificate(kind);
            let signature = SigningKey::from_der(&pair.serialize_der()).unwrap().sign(algorithm, b"message").unwrap();
            let key = VerifyingKey::from_certificate(&der).unwrap();
            assert_eq!(key.verify(algorithm, b"message", &signature), Ok(()));
            assert_eq!(key.verify(algorithm, b"massage", &signature), Err(JoseError::Signature));
        }
    }

    #[test]
    fn a_certificate_with_another_kind_of_key_is_refused() {
        let (der, _) = certificate(&PKCS_ED25519);
        assert_eq!(public_key(&der).unwrap_err(), JoseError::Key("the certificate's key is neither RSA nor EC"));
    }

    #[test]
    fn damaged_certificates_are_refused_without_a_panic() {
        let (der, _) = certificate(&PKCS_ECDSA_P256_SHA256);
        for length in 0..der.len() {
            assert!(public_key(&der[..length]).is_err(), "{length} bytes");
        }
        assert_eq!(
            public_key(&[&der[..], &[0]].concat()).unwrap_err(),
            JoseError::Key("there are bytes behind the certificate")
        );
        for index in 0..der.len() {
            let mut changed = der.clone();
            changed[index] ^= 0x55;
            let _ = public_key(&changed);
        }
    }

    #[test]
    fn a_negative_rsa_number_is_refused() {
        let odd = [&[0x80], &[0xff; 255][..]].concat();
        let negative = JoseError::Key("its RSA modulus or exponent is negative");
        assert_eq!(rsa_key(&RSAPublicKey { modulus: &odd, exponent: &[3] }).unwrap_err(), negative);
        let positive = [&[0], &odd[..]].concat();
        assert!(rsa_key(&RSAPublicKey { modulus: &positive, exponent: &[3] }).is_ok());
    }
}
