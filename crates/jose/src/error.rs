//! Why a token, a key or a signature is refused.

/// A refusal. Structured, so that callers branch on variants and tests compare whole values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoseError {
    /// Longer than [`crate::MAX_TOKEN_BYTES`].
    #[error("the token is longer than {max} bytes", max = crate::MAX_TOKEN_BYTES)]
    TooLarge,
    /// Not base64url without padding.
    #[error("not base64url without padding")]
    Base64,
    /// Five parts: an encrypted token (JWE, RFC 7516), which has to be decrypted before there is a signature to check.
    #[error("the token is encrypted (JWE): it must be decrypted first")]
    Encrypted,
    /// Not a compact JWS; what is wrong with it.
    #[error("not a compact JWS: {0}")]
    Malformed(&'static str),
    /// Not a JSON object, a member twice, or nested too deep; what is wrong.
    #[error("not an acceptable JSON object: {0}")]
    Json(String),
    /// The algorithm is outside our profile (`none`, HMAC, EdDSA, unknown).
    #[error("the algorithm `{0}` is not supported")]
    UnsupportedAlgorithm(String),
    /// A known algorithm that the caller does not allow.
    #[error("the algorithm `{0}` is not allowed")]
    AlgorithmNotAllowed(crate::Algorithm),
    /// The key cannot be used with the algorithm (type, curve, `alg`, `use` or `key_ops`).
    #[error("the key does not fit the algorithm `{0}`")]
    KeyMismatch(crate::Algorithm),
    /// A critical header extension, none of which is understood here.
    #[error("the critical header `{0}` is not understood")]
    Critical(String),
    /// The signature does not match.
    #[error("the signature is invalid")]
    Signature,
    /// A way of JWE to agree on the content's key (RFC 7518 §4) that is outside of our profile, and why.
    #[error("the key management algorithm `{name}` is not supported: {reason}")]
    UnsupportedKeyManagement {
        /// The name in the header's `alg`, shortened.
        name: String,
        /// Why it is left out.
        reason: &'static str,
    },
    /// A content encryption algorithm of JWE (RFC 7518 §5) that is not known here.
    #[error("the content encryption `{0}` is not supported")]
    UnsupportedEncryption(String),
    /// An encrypted token with `zip`: compression tells the length of secrets, and a few bytes of it become gigabytes.
    #[error("the token is compressed (`zip`), which is not supported: have it encrypted without compression")]
    Compressed,
    /// The token could not be decrypted. Deliberately nothing more: each detail would be an answer to whoever tries ciphertexts.
    #[error("the token could not be decrypted with this key")]
    Decryption,
    /// The key is unusable; what is wrong with it.
    #[error("the key is unusable: {0}")]
    Key(&'static str),
}

/// Text from outside as it may stand in an error: short and on one line, whatever was sent.
pub(crate) fn shorten(text: &str) -> String {
    let shown: String = text.chars().take(MAX_SHOWN_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(MAX_SHOWN_CHARS).is_some() { shown + "…" } else { shown }
}

const MAX_SHOWN_CHARS: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_short_and_on_one_line() {
        assert_eq!(shorten("RS256"), "RS256");
        assert_eq!(shorten("a\r\nb"), "a\\r\\nb");
        assert_eq!(shorten(&"é".repeat(41)), "é".repeat(40) + "…");
    }
}
