//! A private key of a vault: it signs digests, so that the private half never leaves.

use aws_lc_rs::{
    digest::Digest,
    encoding::{AsDer, Pkcs8V1Der},
    rsa::KeySize,
    signature::{EcdsaKeyPair, KeyPair, RsaKeyPair, UnparsedPublicKey},
};
use sidekey_jose::{Algorithm, Curve, Jwk, SigningKey};
use zeroize::Zeroizing;

use super::algorithm::{KeyKind, RsaSize, digest_of, rsa_encoding, verification};

/// A key pair.
pub(crate) struct Key {
    pub(crate) kind: KeyKind,
    pkcs8: Zeroizing<Vec<u8>>,
    public: Jwk,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(Curve, EcdsaKeyPair),
}

/// Why a digest cannot be signed or a signature not be checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SignError {
    /// The algorithm is not one of this key.
    Algorithm,
    /// The digest has another length than the algorithm's.
    Digest,
    /// The crypto library refused.
    Failed,
}

impl Key {
    /// A new key. RSA takes a while: not on a thread that others wait for.
    pub(crate) fn generate(kind: KeyKind) -> Result<Self, String> {
        const FAILED: &str = "a key could not be made";
        let der = match kind {
            KeyKind::Rsa(size) => {
                let size = match size {
                    RsaSize::Bits2048 => KeySize::Rsa2048,
                    RsaSize::Bits3072 => KeySize::Rsa3072,
                    RsaSize::Bits4096 => KeySize::Rsa4096,
                };
                let pair = RsaKeyPair::generate(size).map_err(|_| FAILED)?;
                let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(|_| FAILED)?;
                Zeroizing::new(der.as_ref().to_vec())
            }
            KeyKind::Ec(curve) => {
                let pair = EcdsaKeyPair::generate(curve.signing()).map_err(|_| FAILED)?;
                Zeroizing::new(pair.to_pkcs8v1().map_err(|_| FAILED)?.as_ref().to_vec())
            }
        };
        Self::from_der(&der)
    }

    /// From PKCS#8, PKCS#1 or SEC 1 DER.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, String> {
        const UNREADABLE: &str = "the private key cannot be read";
        let parsed = SigningKey::from_der(der).map_err(|error| error.to_string())?;
        let pkcs8 = parsed.to_pkcs8_der().map_err(|error| error.to_string())?;
        let public = parsed.public_jwk();
        let curve = public.crv.as_deref().and_then(Curve::from_name);
        let (kind, pair) = if let Some(curve) = curve {
            let pair = EcdsaKeyPair::from_pkcs8(curve.signing(), &pkcs8).map_err(|_| UNREADABLE)?;
            (KeyKind::Ec(curve), Pair::Ec(curve, pair))
        } else {
            let pair = RsaKeyPair::from_pkcs8(&pkcs8).map_err(|_| UNREADABLE)?;
            let bits = u32::try_from(pair.public_modulus_len() * 8).unwrap_or(u32::MAX);
            (KeyKind::parse(Some("RSA"), Some(bits), None)?, Pair::Rsa(pair))
        };
        Ok(Self { kind, pkcs8, public, pair })
    }

    /// The public half, without `kid`.
    pub(crate) fn public_jwk(&self) -> &Jwk {
        &self.public
    }

    /// The private half, PKCS#8 DER: for exportable keys, and for signing their own certificate.
    pub(crate) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// Signs a digest.
    pub(crate) fn sign(&self, algorithm: Algorithm, digest: &[u8]) -> Result<Vec<u8>, SignError> {
        self.check(algorithm)?;
        let digest = import(algorithm, digest)?;
        match &self.pair {
            Pair::Rsa(pair) => {
                let encoding = rsa_encoding(algorithm).ok_or(SignError::Algorithm)?;
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(encoding, &digest, &mut signature).map_err(|_| SignError::Failed)?;
                Ok(signature)
            }
            Pair::Ec(_, pair) => {
                pair.sign_digest(&digest).map(|signature| signature.as_ref().to_vec()).map_err(|_| SignError::Failed)
            }
        }
    }

    /// Whether a signature of a digest is this key's.
    pub(crate) fn verify(&self, algorithm: Algorithm, digest: &[u8], signature: &[u8]) -> Result<bool, SignError> {
        self.check(algorithm)?;
        let digest = import(algorithm, digest)?;
        let public = match &self.pair {
            Pair::Rsa(pair) => pair.public_key().as_ref(),
            Pair::Ec(_, pair) => pair.public_key().as_ref(),
        };
        Ok(UnparsedPublicKey::new(verification(algorithm), public).verify_digest(&digest, signature).is_ok())
    }

    fn check(&self, algorithm: Algorithm) -> Result<(), SignError> {
        let fits = match &self.pair {
            Pair::Rsa(_) => rsa_encoding(algorithm).is_some(),
            Pair::Ec(curve, _) => curve.algorithm() == algorithm,
        };
        if fits { Ok(()) } else { Err(SignError::Algorithm) }
    }
}

/// Shows the kind only.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?})", self.kind)
    }
}

fn import(algorithm: Algorithm, digest: &[u8]) -> Result<Digest, SignError> {
    Digest::import_less_safe(digest, digest_of(algorithm)).map_err(|_| SignError::Digest)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::digest;
    use sidekey_jose::VerifyingKey;

    use super::*;

    const RSA: [Algorithm; 6] =
        [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

    /// Signs the digest, and has the whole message checked by the JOSE crate, which hashes it itself.
    fn holds(key: &Key, algorithm: Algorithm) -> bool {
        let digest = digest(digest_of(algorithm), b"message");
        let signature = key.sign(algorithm, digest.as_ref()).unwrap();
        assert_eq!(key.verify(algorithm, digest.as_ref(), &signature), Ok(true));
        let other = aws_lc_rs::digest::digest(digest_of(algorithm), b"another");
        assert_eq!(key.verify(algorithm, other.as_ref(), &signature), Ok(false));
        let public = VerifyingKey::from_jwk(key.public_jwk()).unwrap();
        public.verify(algorithm, b"message", &signature).is_ok()
    }

    #[test]
    fn a_signature_of_a_digest_is_the_signature_of_its_message() {
        let rsa = Key::generate(KeyKind::Rsa(RsaSize::Bits2048)).unwrap();
        for algorithm in RSA {
            assert!(holds(&rsa, algorithm), "{algorithm}");
        }
        for curve in [Curve::P256, Curve::P384, Curve::P521] {
            let key = Key::generate(KeyKind::Ec(curve)).unwrap();
            assert!(holds(&key, curve.algorithm()));
            assert_eq!(key.sign(Algorithm::RS256, &[0; 32]), Err(SignError::Algorithm));
        }
        assert_eq!(rsa.sign(Algorithm::ES256, &[0; 32]), Err(SignError::Algorithm));
    }

    #[test]
    fn a_digest_has_the_length_of_its_algorithm() {
        let key = Key::generate(KeyKind::Ec(Curve::P256)).unwrap();
        for length in [0, 31, 33, 48] {
            assert_eq!(key.sign(Algorithm::ES256, &vec![0; length]), Err(SignError::Digest));
        }
        assert_eq!(key.verify(Algorithm::ES256, &[0; 32], b"noise"), Ok(false));
    }

    #[test]
    fn a_key_is_read_back_from_its_pkcs8_form_and_debug_shows_its_kind_only() {
        let key = Key::generate(KeyKind::Ec(Curve::P384)).unwrap();
        let again = Key::from_der(key.pkcs8()).unwrap();
        assert_eq!(again.public_jwk(), key.public_jwk());
        assert_eq!(format!("{again:?}"), "Key(Ec(P384))");
        assert!(Key::from_der(b"noise").is_err());
    }
}
