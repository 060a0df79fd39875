//! Base64url without padding (RFC 7515 §2). Padding, other alphabets and stray bits are refused.

use crate::JoseError;

/// Encodes bytes.
pub fn encode(_bytes: impl AsRef<[u8]>) -> String {
    todo!()
}

/// Decodes text, strictly.
pub fn decode(_text: impl AsRef<[u8]>) -> Result<Vec<u8>, JoseError> {
    todo!()
}
