//! Public keys, parsed once and kept.

use crate::{Algorithm, JoseError, Jwk};

/// A public key that can check signatures; parsing it is the expensive part, so keep it.
#[derive(Debug)]
pub struct VerifyingKey {
    _todo: (),
}

impl VerifyingKey {
    /// From a key set's entry. RSA keys shorter than 2048 bits, `use: enc`, unknown types and curves are refused.
    pub fn from_jwk(_jwk: &Jwk) -> Result<Self, JoseError> {
        todo!()
    }

    /// From a certificate's public key (DER).
    pub fn from_certificate(_der: &[u8]) -> Result<Self, JoseError> {
        todo!()
    }

    /// Whether the key may be used with the algorithm: its type, its curve and, where it names one, its `alg`.
    pub fn permits(&self, _algorithm: Algorithm) -> bool {
        todo!()
    }

    /// Checks a signature.
    pub fn verify(&self, _algorithm: Algorithm, _message: &[u8], _signature: &[u8]) -> Result<(), JoseError> {
        todo!()
    }
}
