//! Private keys and signing.

use serde_json::{Map, Value};

use crate::{Algorithm, JoseError, Jwk, VerifyingKey};

/// A private key, parsed once and kept. `Debug` shows its type only; the encoded form is wiped when no longer needed.
pub struct SigningKey {
    _todo: (),
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

impl SigningKey {
    /// A new RSA key of 2048 bits. Takes tens of milliseconds: not for a request's path.
    pub fn generate_rsa() -> Result<Self, JoseError> {
        todo!()
    }

    /// A new EC key on P-256.
    pub fn generate_p256() -> Result<Self, JoseError> {
        todo!()
    }

    /// From PKCS#8 or PKCS#1 (RSA) or SEC 1 (EC) DER.
    pub fn from_der(_der: &[u8]) -> Result<Self, JoseError> {
        todo!()
    }

    /// From the first private key in PEM text: `PRIVATE KEY`, `RSA PRIVATE KEY` or `EC PRIVATE KEY`.
    pub fn from_pem(_pem: &str) -> Result<Self, JoseError> {
        todo!()
    }

    /// The private key as PKCS#8 DER, for keeping it in a file.
    pub fn to_pkcs8_der(&self) -> Result<zeroize::Zeroizing<Vec<u8>>, JoseError> {
        todo!()
    }

    /// The public half as JWK, without `kid` and `alg`.
    pub fn public_jwk(&self) -> Jwk {
        todo!()
    }

    /// The public half, ready to check signatures.
    pub fn verifying_key(&self) -> VerifyingKey {
        todo!()
    }

    /// Signs a message.
    pub fn sign(&self, _algorithm: Algorithm, _message: &[u8]) -> Result<Vec<u8>, JoseError> {
        todo!()
    }
}

/// Makes a compact JWS. `alg` is put into the header; the header's other members come from the caller.
pub fn sign_compact(
    _header: &Map<String, Value>,
    _payload: &[u8],
    _key: &SigningKey,
    _algorithm: Algorithm,
) -> Result<String, JoseError> {
    todo!()
}
