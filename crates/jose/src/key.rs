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

    /// The RSA key, if it is one.
    pub(crate) fn rsa(&self) -> Option<&RsaKey> {
        match &self.material {
            Material::Rsa(key) => Some(key),
            Material::Ec(..) => None,
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SigningKey;

    fn p256() -> Jwk {
        SigningKey::generate_p256().unwrap().public_jwk()
    }

    fn refusal(jwk: &Jwk) -> &'static str {
        match VerifyingKey::from_jwk(jwk) {
            Err(JoseError::Key(reason)) => reason,
            other => panic!("{jwk:?}: {other:?}"),
        }
    }

    #[test]
    fn type_and_curve_decide_which_algorithms_are_permitted() {
        let rsa = SigningKey::generate_rsa().unwrap().verifying_key();
        let p256 = SigningKey::generate_p256().unwrap().verifying_key();
        for algorithm in
            [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512]
        {
            assert!(rsa.permits(algorithm) && !p256.permits(algorithm), "{algorithm}");
        }
        assert!(p256.permits(Algorithm::ES256) && !rsa.permits(Algorithm::ES256));
        for algorithm in [Algorithm::ES384, Algorithm::ES512] {
            assert!(!rsa.permits(algorithm) && !p256.permits(algorithm), "{algorithm}");
        }
    }

    #[test]
    fn an_alg_in_the_key_restricts_it_to_that_one() {
        let jwk = SigningKey::generate_rsa().unwrap().public_jwk();
        let key = VerifyingKey::from_jwk(&Jwk { alg: Some("PS256".to_owned()), ..jwk }).unwrap();
        assert!(key.permits(Algorithm::PS256) && !key.permits(Algorithm::RS256));
        assert_eq!(key.verify(Algorithm::RS256, b"", b""), Err(JoseError::KeyMismatch(Algorithm::RS256)));
        assert_eq!(key.verify(Algorithm::PS256, b"", b""), Err(JoseError::Signature));
    }

    #[test]
    fn an_alg_that_the_key_cannot_have_is_refused() {
        let with = |alg: &str| Jwk { alg: Some(alg.to_owned()), ..p256() };
        assert!(VerifyingKey::from_jwk(&with("ES256")).is_ok());
        for alg in ["RS256", "ES384"] {
            assert_eq!(refusal(&with(alg)), "its `alg` does not fit its type or curve");
        }
        for alg in ["HS256", "none", "ECDH-ES", "ES521", ""] {
            assert_eq!(refusal(&with(alg)), "its `alg` is not a signature algorithm known here");
        }
    }

    #[test]
    fn keys_for_other_purposes_are_refused() {
        let operations = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect());
        assert!(VerifyingKey::from_jwk(&Jwk { use_: Some("sig".to_owned()), ..p256() }).is_ok());
        assert!(VerifyingKey::from_jwk(&Jwk { key_ops: operations(&["sign", "verify"]), ..p256() }).is_ok());
        for purpose in ["enc", "SIG", ""] {
            assert_eq!(refusal(&Jwk { use_: Some(purpose.to_owned()), ..p256() }), "its `use` is not `sig`");
        }
        for names in [&[][..], &["sign"], &["encrypt", "wrapKey"]] {
            assert_eq!(refusal(&Jwk { key_ops: operations(names), ..p256() }), "its `key_ops` do not include `verify`");
        }
    }

    #[test]
    fn keys_that_are_incomplete_or_of_unknown_kind_are_refused() {
        let text = |value: &str| Some(value.to_owned());
        let missing = "a member that its type needs is missing or not base64url";
        assert_eq!(refusal(&Jwk { kty: "oct".to_owned(), ..p256() }), "its `kty` is neither `RSA` nor `EC`");
        assert_eq!(refusal(&Jwk { kty: "ec".to_owned(), ..p256() }), "its `kty` is neither `RSA` nor `EC`");
        for crv in [None, text("P-192"), text("secp256k1"), text("p-256")] {
            assert_eq!(refusal(&Jwk { crv, ..p256() }), "its `crv` is not `P-256`, `P-384` or `P-521`");
        }
        assert_eq!(refusal(&Jwk { y: None, ..p256() }), missing);
        assert_eq!(refusal(&Jwk { kty: "RSA".to_owned(), ..p256() }), missing);
        let padded = p256().x.map(|x| x + "=");
        assert_eq!(refusal(&Jwk { x: padded, ..p256() }), missing);
    }

    #[test]
    fn points_off_the_curve_or_of_the_wrong_width_are_refused() {
        let (one, other) = (p256(), p256());
        assert_eq!(refusal(&Jwk { y: other.y, ..one.clone() }), "its point is not on its curve");
        let width = "its coordinates have the wrong length for its curve";
        assert_eq!(refusal(&Jwk { crv: Some("P-384".to_owned()), ..one.clone() }), width);
        let longer = base64url::encode([&[0][..], &base64url::decode(one.x.clone().unwrap()).unwrap()].concat());
        assert_eq!(refusal(&Jwk { x: Some(longer), ..one }), width);
    }

    #[test]
    fn clones_share_the_parsed_key_and_debug_shows_type_and_size() {
        let key = SigningKey::generate_rsa().unwrap().verifying_key();
        assert_eq!(format!("{:?}", key.clone()), "VerifyingKey(RSA 2048)");
        let (Material::Rsa(one), Material::Rsa(two)) = (&key.material, &key.clone().material) else {
            panic!("not RSA")
        };
        assert!(Arc::ptr_eq(one, two));
        assert!(std::ptr::eq(key.parsed(Algorithm::RS256).unwrap(), key.parsed(Algorithm::RS256).unwrap()));
    }

    proptest! {
        #[test]
        fn noise_never_panics(rsa: bool, a: Vec<u8>, b: Vec<u8>, der: Vec<u8>) {
            let (kty, crv) = if rsa { ("RSA", None) } else { ("EC", Some("P-256".to_owned())) };
            let (a, b) = (Some(base64url::encode(a)), Some(base64url::encode(b)));
            let _ = VerifyingKey::from_jwk(&Jwk { kty: kty.to_owned(), crv, n: a.clone(), e: b.clone(), x: a, y: b, ..Jwk::default() });
            let _ = VerifyingKey::from_certificate(&der);
        }

        #[test]
        fn a_signature_of_noise_is_refused(signature: Vec<u8>) {
            let key = SigningKey::generate_p256().unwrap().verifying_key();
            prop_assert_eq!(key.verify(Algorithm::ES256, b"message", &signature), Err(JoseError::Signature));
        }
    }
}
