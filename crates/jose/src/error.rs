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
    /// The key is unusable; what is wrong with it.
    #[error("the key is unusable: {0}")]
    Key(&'static str),
}
