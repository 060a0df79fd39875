//! Private keys and signing.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
        RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
    },
};
use serde_json::{Map, Value};
use x509_parser::{prelude::FromDer, public_key::RSAPublicKey};
use zeroize::Zeroizing;

use crate::{Algorithm, JoseError, Jwk, VerifyingKey, base64url, certificate, ec::Curve, pem};

/// A private key, parsed once and kept. `Debug` shows its type only; the encoded form is wiped when no longer needed.
pub struct SigningKey {
    private: Private,
    public: Jwk,
    verifying: VerifyingKey,
}

enum Private {
    Rsa(RsaKeyPair),
    Ec(Curve, EcdsaKeyPair),
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.public.kty)
    }
}

impl SigningKey {
    /// A new RSA key of 2048 bits. Takes tens of milliseconds: not for a request's path.
    pub fn generate_rsa() -> Result<Self, JoseError> {
        Self::from_rsa(RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| GENERATION)?)
    }

    /// A new EC key on P-256.
    pub fn generate_p256() -> Result<Self, JoseError> {
        Self::from_ec(Curve::P256, EcdsaKeyPair::generate(Curve::P256.signing()).map_err(|_| GENERATION)?)
    }

    /// From PKCS#8 or PKCS#1 (RSA) or SEC 1 (EC) DER.
    pub fn from_der(der: &[u8]) -> Result<Self, JoseError> {
        if let Ok(pair) = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)) {
            return Self::from_rsa(pair);
        }
        for curve in Curve::ALL {
            if let Ok(pair) = EcdsaKeyPair::from_private_key_der(curve.signing(), der) {
                return Self::from_ec(curve, pair);
            }
        }
        Err(JoseError::Key(
            "it is not an unencrypted private key of a kind used here: RSA from 2048 to 8192 bits, EC on P-256, P-384 or P-521",
        ))
    }

    /// From the first private key in PEM text: `PRIVATE KEY`, `RSA PRIVATE KEY` or `EC PRIVATE KEY`.
    pub fn from_pem(pem: &str) -> Result<Self, JoseError> {
        Self::from_der(&pem::private_key_der(pem)?)
    }

    /// The private key as PKCS#8 DER, for keeping it in a file.
    pub fn to_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, JoseError> {
        const FAILED: JoseError = JoseError::Key("it could not be encoded");
        let copy = |der: &[u8]| Zeroizing::new(der.to_vec());
        match &self.private {
            Private::Rsa(pair) => {
                AsDer::<Pkcs8V1Der<'_>>::as_der(pair).map(|der| copy(der.as_ref())).map_err(|_| FAILED)
            }
            Private::Ec(_, pair) => pair.to_pkcs8v1().map(|der| copy(der.as_ref())).map_err(|_| FAILED),
        }
    }

    /// The public half as JWK, without `kid` and `alg`.
    pub fn public_jwk(&self) -> Jwk {
        self.public.clone()
    }

    /// The public half, ready to check signatures.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.verifying.clone()
    }

    /// Signs a message.
    pub fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, JoseError> {
        const FAILED: JoseError = JoseError::Key("it could not sign");
        let random = SystemRandom::new();
        match &self.private {
            Private::Rsa(pair) => {
                let encoding = rsa_encoding(algorithm).ok_or(JoseError::KeyMismatch(algorithm))?;
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature).map_err(|_| FAILED)?;
                Ok(signature)
            }
            Private::Ec(curve, pair) if curve.algorithm() == algorithm => {
                pair.sign(&random, message).map(|signature| signature.as_ref().to_vec()).map_err(|_| FAILED)
            }
            Private::Ec(..) => Err(JoseError::KeyMismatch(algorithm)),
        }
    }

    fn from_rsa(pair: RsaKeyPair) -> Result<Self, JoseError> {
        let (_, numbers) = RSAPublicKey::from_der(pair.public_key().as_ref()).map_err(|_| NO_PUBLIC_HALF)?;
        let verifying = certificate::rsa_key(&numbers)?;
        let text = |number: &[u8]| Some(base64url::encode(number.strip_prefix(&[0]).unwrap_or(number)));
        let public =
            Jwk { kty: "RSA".to_owned(), n: text(numbers.modulus), e: text(numbers.exponent), ..Jwk::default() };
        Ok(Self { private: Private::Rsa(pair), public, verifying })
    }

    fn from_ec(curve: Curve, pair: EcdsaKeyPair) -> Result<Self, JoseError> {
        let point = pair.public_key().as_ref();
        let verifying = VerifyingKey::from_point(curve, point)?;
        let (x, y) = curve.coordinates(point).ok_or(NO_PUBLIC_HALF)?;
        let public = Jwk {
            kty: "EC".to_owned(),
            crv: Some(curve.name().to_owned()),
            x: Some(base64url::encode(x)),
            y: Some(base64url::encode(y)),
            ..Jwk::default()
        };
        Ok(Self { private: Private::Ec(curve, pair), public, verifying })
    }
}

/// Makes a compact JWS. `alg` is put into the header; the header's other members come from the caller.
pub fn sign_compact(
    header: &Map<String, Value>,
    payload: &[u8],
    key: &SigningKey,
    algorithm: Algorithm,
) -> Result<String, JoseError> {
    let mut header = header.clone();
    header.insert("alg".to_owned(), algorithm.as_str().into());
    let mut token = base64url::encode(Value::Object(header).to_string());
    token.push('.');
    token.push_str(&base64url::encode(payload));
    let signature = key.sign(algorithm, token.as_bytes())?;
    token.push('.');
    token.push_str(&base64url::encode(signature));
    Ok(token)
}

fn rsa_encoding(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    match algorithm {
        Algorithm::RS256 => Some(&RSA_PKCS1_SHA256),
        Algorithm::RS384 => Some(&RSA_PKCS1_SHA384),
        Algorithm::RS512 => Some(&RSA_PKCS1_SHA512),
        Algorithm::PS256 => Some(&RSA_PSS_SHA256),
        Algorithm::PS384 => Some(&RSA_PSS_SHA384),
        Algorithm::PS512 => Some(&RSA_PSS_SHA512),
        Algorithm::ES256 | Algorithm::ES384 | Algorithm::ES512 => None,
    }
}

const GENERATION: JoseError = JoseError::Key("it could not be generated");
const NO_PUBLIC_HALF: JoseError = JoseError::Key("its public half could not be read");

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256K1_SHA256_ASN1_SIGNING, Ed25519KeyPair};
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::UnverifiedJws;

    const RSA_ALGORITHMS: [Algorithm; 6] =
        [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

    fn generate(curve: Curve) -> SigningKey {
        SigningKey::from_ec(curve, EcdsaKeyPair::generate(curve.signing()).unwrap()).unwrap()
    }

    fn pem(label: &str, der: &[u8]) -> String {
        let base64 = STANDARD.encode(der);
        let lines: Vec<&str> = base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    }

    #[test]
    fn an_rsa_key_signs_with_each_rsa_algorithm_and_no_other() {
        let key = SigningKey::generate_rsa().unwrap();
        for algorithm in RSA_ALGORITHMS {
            let signature = key.sign(algorithm, b"message").unwrap();
            assert_eq!(signature.len(), 256);
            assert_eq!(key.verifying_key().verify(algorithm, b"message", &signature), Ok(()), "{algorithm}");
            let other = if algorithm == Algorithm::RS256 { Algorithm::PS256 } else { Algorithm::RS256 };
            assert_eq!(
                key.verifying_key().verify(other, b"message", &signature),
                Err(JoseError::Signature),
                "{algorithm}"
            );
        }
        assert_eq!(key.sign(Algorithm::ES256, b""), Err(JoseError::KeyMismatch(Algorithm::ES256)));
    }

    #[test]
    fn an_ec_key_signs_with_the_algorithm_of_its_curve_in_fixed_width() {
        for curve in Curve::ALL {
            let key = generate(curve);
            let signature = key.sign(curve.algorithm(), b"message").unwrap();
            assert_eq!(signature.len(), 2 * curve.coordinate_bytes());
            assert_eq!(key.verifying_key().verify(curve.algorithm(), b"message", &signature), Ok(()));
            assert_eq!(key.sign(Algorithm::RS256, b""), Err(JoseError::KeyMismatch(Algorithm::RS256)));
        }
        assert_eq!(generate(Curve::P384).sign(Algorithm::ES256, b""), Err(JoseError::KeyMismatch(Algorithm::ES256)));
    }

    #[test]
    fn a_key_survives_being_kept_in_a_file() {
        let keys =
            [SigningKey::generate_rsa().unwrap(), generate(Curve::P256), generate(Curve::P384), generate(Curve::P521)];
        for key in keys {
            let der = key.to_pkcs8_der().unwrap();
            assert_eq!(SigningKey::from_der(&der).unwrap().public_jwk(), key.public_jwk());
            assert_eq!(SigningKey::from_pem(&pem("PRIVATE KEY", &der)).unwrap().public_jwk(), key.public_jwk());
        }
    }

    #[test]
    fn keys_in_the_older_forms_are_read() {
        let rsa = SigningKey::generate_rsa().unwrap();
        // A PKCS#8 file of RSA is 26 bytes of wrapping around the PKCS#1 form.
        let pkcs1 = &rsa.to_pkcs8_der().unwrap()[26..];
        assert_eq!(SigningKey::from_der(pkcs1).unwrap().public_jwk(), rsa.public_jwk());
        assert_eq!(SigningKey::from_pem(&pem("RSA PRIVATE KEY", pkcs1)).unwrap().public_jwk(), rsa.public_jwk());

        for curve in Curve::ALL {
            let pair = EcdsaKeyPair::generate(curve.signing()).unwrap();
            let sec1: aws_lc_rs::encoding::EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der().unwrap();
            let key = SigningKey::from_pem(&pem("EC PRIVATE KEY", sec1.as_ref())).unwrap();
            assert_eq!(key.public_jwk(), SigningKey::from_ec(curve, pair).unwrap().public_jwk());
        }
    }

    #[test]
    fn keys_of_other_kinds_are_refused() {
        let ed25519 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let koblitz = EcdsaKeyPair::generate(&ECDSA_P256K1_SHA256_ASN1_SIGNING).unwrap().to_pkcs8v1().unwrap();
        for der in [ed25519.as_ref(), koblitz.as_ref(), b"", b"0"] {
            let refusal = SigningKey::from_der(der).unwrap_err().to_string();
            assert!(refusal.contains("it is not an unencrypted private key of a kind used here"), "{refusal}");
        }
    }

    #[test]
    fn the_public_half_is_a_jwk_of_bare_numbers() {
        let rsa = SigningKey::generate_rsa().unwrap().public_jwk();
        assert_eq!((rsa.kty.as_str(), rsa.e.as_deref()), ("RSA", Some("AQAB")));
        assert_eq!(base64url::decode(rsa.n.clone().unwrap()).unwrap().len(), 256);
        let ec = generate(Curve::P521).public_jwk();
        assert_eq!((ec.kty.as_str(), ec.crv.as_deref()), ("EC", Some("P-521")));
        assert_eq!(base64url::decode(ec.x.clone().unwrap()).unwrap().len(), 66);
        for jwk in [rsa, ec] {
            assert_eq!((&jwk.kid, &jwk.alg, &jwk.use_), (&None, &None, &None));
            assert!(VerifyingKey::from_jwk(&jwk).is_ok());
            assert_eq!(base64url::decode(jwk.thumbprint().unwrap()).unwrap().len(), 32);
        }
    }

    #[test]
    fn a_token_is_signed_over_the_callers_header_with_our_alg() {
        let key = generate(Curve::P256);
        let Value::Object(header) = json!({ "typ": "at+jwt", "kid": "k", "alg": "none" }) else {
            panic!("not an object")
        };
        let token = sign_compact(&header, b"{}", &key, Algorithm::ES256).unwrap();
        let jws = UnverifiedJws::parse(&token).unwrap().verify(&key.verifying_key(), &[Algorithm::ES256]).unwrap();
        assert_eq!(jws.payload(), b"{}");
        assert_eq!(jws.header().kid.as_deref(), Some("k"));
        assert_eq!(jws.header().typ.as_deref(), Some("at+jwt"));
        assert_eq!(sign_compact(&header, b"", &key, Algorithm::RS256), Err(JoseError::KeyMismatch(Algorithm::RS256)));
    }

    #[test]
    fn debug_shows_the_type_only() {
        assert_eq!(format!("{:?}", generate(Curve::P256)), "SigningKey(EC)");
    }

    #[test]
    fn damaged_keys_never_panic() {
        let der = generate(Curve::P256).to_pkcs8_der().unwrap();
        for index in 0..der.len() {
            assert!(SigningKey::from_der(&der[..index]).is_err(), "{index} bytes");
            let mut changed = der.to_vec();
            changed[index] ^= 0xff;
            let _ = SigningKey::from_der(&changed);
        }
    }

    proptest! {
        #[test]
        fn noise_never_panics(noise: Vec<u8>, text: String) {
            prop_assert!(SigningKey::from_der(&noise).is_err());
            prop_assert!(SigningKey::from_pem(&text).is_err());
            prop_assert!(SigningKey::from_pem(&pem("PRIVATE KEY", &noise)).is_err());
        }

        #[test]
        fn any_payload_is_signed_and_verified(payload: Vec<u8>) {
            let key = generate(Curve::P256);
            let token = sign_compact(&Map::new(), &payload, &key, Algorithm::ES256).unwrap();
            let jws = UnverifiedJws::parse(&token).unwrap().verify(&key.verifying_key(), &[Algorithm::ES256]).unwrap();
            prop_assert_eq!(jws.payload(), payload);
        }
    }
}
