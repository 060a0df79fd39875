//! Why a signed HTTP request is refused.

use crate::JoseError;

/// A refusal. Values from the token and the request are shown short and on one line; the access token never is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShrError {
    /// The token, its key or its signature.
    #[error(transparent)]
    Token(#[from] JoseError),
    /// A token of another type.
    #[error("the token's type is `{0}`, not `pop`")]
    Type(String),
    /// A claim that is needed is not there.
    #[error("the claim `{0}` is missing")]
    Missing(&'static str),
    /// A claim has the wrong form.
    #[error("the claim `{claim}` is not {expected}")]
    Malformed {
        /// The claim's name.
        claim: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// The access token is not bound to a key, or in a way that is not supported.
    #[error("the access token's `cnf` cannot be used: {0}")]
    Confirmation(&'static str),
    /// The SHR brings another key than the one that the access token is bound to.
    #[error("the access token is bound to the key `{expected}`, the request was signed with `{found}`")]
    OtherKey {
        /// The thumbprint in the access token.
        expected: String,
        /// The thumbprint of the key in the SHR.
        found: String,
    },
    /// Too old. All in Unix seconds.
    #[error("the request was signed at {created} and is valid for {lifetime} seconds; it is {now} now")]
    Expired {
        /// The claim `ts`.
        created: u64,
        /// How long it is valid.
        lifetime: u64,
        /// The present time.
        now: u64,
    },
    /// From the future. All in Unix seconds.
    #[error("the request was signed at {created}, but it is only {now} now: compare the clocks")]
    NotYet {
        /// The claim `ts`.
        created: u64,
        /// The present time.
        now: u64,
    },
    /// A claim says something else than the request.
    #[error("the claim `{claim}` is `{found}`, but the request has `{expected}`")]
    Mismatch {
        /// The claim's name.
        claim: &'static str,
        /// What the request has.
        expected: String,
        /// What the claim says.
        found: String,
    },
    /// The hash in `q`, `h` or `b` is not the request's.
    #[error("the hash in the claim `{0}` is not that of the request")]
    Hash(&'static str),
    /// `q` or `h` lists a name that the request does not have exactly once and with a value.
    #[error("the claim `{claim}` covers `{name}`, which the request does not have once and with a value")]
    NotCoverable {
        /// The claim's name.
        claim: &'static str,
        /// The parameter or header.
        name: String,
    },
    /// A part of the request is not signed, and unsigned ones are not accepted.
    #[error("`{name}` in the request is not covered by the claim `{claim}`")]
    Unsigned {
        /// The claim's name.
        claim: &'static str,
        /// The parameter or header.
        name: String,
    },
    /// The request, as the caller gave it, cannot be signed or held against an SHR; what is wrong with it.
    #[error("the request cannot be used: {0}")]
    Request(&'static str),
}
