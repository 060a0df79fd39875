//! Public keys, parsed once and kept.

use std::{fmt, sync::Arc};

use aws_lc_rs::signature::ParsedPublicKey;

use crate::{Algorithm, JoseError, Jwk, base64url, certificate, ec::Curve, rsa, rsa::RsaKey};

/// A public key that can check signatures; parsing it is the expensive part, so keep it. Clones share the parsed key.
#[derive(Clone)]
pub struct VerifyingKey {
    material: Material,
    /// The one algorithm that the key is for, where its JWK names one.
    only: Option<Algorithm>,
}

#[derive(Clone)]
enum Material {
    Rsa(Arc<RsaKey>),
    Ec(Curve, Arc<ParsedPublicKey>),
}

impl VerifyingKey {
    /// From a key set's entry. RSA keys shorter than 2048 bits, `use: enc`, unknown types and curves are refused.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, JoseError> {
        check_purpose(jwk)?;
        let key = match jwk.kty.as_str() {
            "RSA" => Self::from_rsa(&number(jwk.n.as_ref())?, &number(jwk.e.as_ref())?)?,
            "EC" => {
                let curve = jwk.crv.as_deref().and_then(Curve::from_name);
                let curve = curve.ok_or(JoseError::Key("its `crv` is not `P-256`, `P-384` or `P-521`"))?;
                Self::from_point(curve, &curve.point(&number(jwk.x.as_ref())?, &number(jwk.y.as_ref())?)?)?
            }
            _ => return Err(JoseError::Key("its `kty` is neither `RSA` nor `EC`")),
        };
        match &jwk.alg {
            Some(name) => key.restricted_to(name),
            None => Ok(key),
        }
    }

    /// From a certificate's public key (DER).
    pub fn from_certificate(der: &[u8]) -> Result<Self, JoseError> {
        certificate::public_key(der)
    }

    /// Whether the key may be used with the algorithm: its type, its curve and, where it names one, its `alg`.
    pub fn permits(&self, algorithm: Algorithm) -> bool {
        let fits = match &self.material {
            Material::Rsa(_) => rsa::is_rsa(algorithm),
            Material::Ec(curve, _) => curve.algorithm() == algorithm,
        };
        fits && self.only.is_none_or(|only| only == algorithm)
    }

    /// Checks a signature.
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), JoseError> {
        let key = self.parsed(algorithm).ok_or(JoseError::KeyMismatch(algorithm))?;
        key.verify_sig(message, signature).map_err(|_| JoseError::Signature)
    }

    /// From a modulus and an exponent, big-endian.
    pub(crate) fn from_rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, JoseError> {
        Ok(Self { material: Material::Rsa(Arc::new(RsaKey::new(modulus, exponent)?)), only: None })
    }

    /// From an uncompressed point.
    pub(crate) fn from_point(curve: Curve, point: &[u8]) -> Result<Self, JoseError> {
        Ok(Self { material: Material::Ec(curve, Arc::new(curve.parse_point(point)?)), only: None })
    }

    fn restricted_to(self, name: &str) -> Result<Self, JoseError> {
        let algorithm =
            name.parse().map_err(|_| JoseError::Key("its `alg` is not a signature algorithm known here"))?;
        if !self.permits(algorithm) {
            return Err(JoseError::Key("its `alg` does not fit its type or curve"));
        }
        Ok(Self { only: Some(algorithm), ..self })
    }

    fn parsed(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        if !self.permits(algorithm) {
            return None;
        }
        match &self.material {
            Material::Rsa(key) => key.parsed(algorithm),
            Material::Ec(_, key) => Some(key),
        }
    }
}

/// Shows type and size.
impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.material {
            Material::Rsa(key) => write!(f, "VerifyingKey(RSA {})", key.bits()),
            Material::Ec(curve, _) => write!(f, "VerifyingKey(EC {})", curve.name()),
        }
    }
}

/// Refuses keys that are published for something else than checking signatures.
fn check_purpose(jwk: &Jwk) -> Result<(), JoseError> {
    if jwk.use_.as_deref().is_some_and(|purpose| purpose != "sig") {
        return Err(JoseError::Key("its `use` is not `sig`"));
    }
    if jwk.key_ops.as_ref().is_some_and(|operations| !operations.iter().any(|operation| operation == "verify")) {
        return Err(JoseError::Key("its `key_ops` do not include `verify`"));
    }
    Ok(())
}

fn number(member: Option<&String>) -> Result<Vec<u8>, JoseError> {
    member
        .and_then(|text| base64url::decode(text).ok())
        .ok_or(JoseError::Key("a member that its type needs is missing or not base64url"))
}
