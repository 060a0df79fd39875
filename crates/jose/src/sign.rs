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
