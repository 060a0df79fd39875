//! Judging inbound access tokens.

use std::{fmt, sync::Arc};

use sidekey_host::UnixTime;

use crate::UserAssertion;

/// Judges tokens by the rules of one configuration.
#[derive(Debug)]
pub struct Validator {
    _todo: (),
}

impl Validator {
    /// Judges one token: form, signature, lifetime, audience, issuer, allowed clients and tenants.
    ///
    /// A repeated token skips the signature, never the other checks.
    pub async fn validate(&self, _token: &str) -> Result<Arc<VerifiedToken>, Rejection> {
        todo!()
    }

    /// Whether the token has one of the configured `AzureAd:Scopes` (or, for an app, one of `AzureAd:Roles`). `Err` is the
    /// text of the 403.
    pub fn authorize(&self, _token: &VerifiedToken) -> Result<(), String> {
        todo!()
    }
}

/// A token that was judged good.
pub struct VerifiedToken {
    /// The payload as JSON text, minified; member order, names and number spelling as received.
    pub claims_json: String,
    /// The token to present in an on-behalf-of exchange, with its hash, tenant and user.
    pub assertion: UserAssertion,
    /// When it ends.
    pub expires_on: UnixTime,
    /// The scopes of `scp`; empty for an app's token.
    pub scopes: Vec<String>,
    /// The roles of `roles`.
    pub roles: Vec<String>,
    /// The user's or app's `sub`, for logs.
    pub subject: Option<String>,
    /// `azp` or `appid`.
    pub client: Option<String>,
    /// Whether this is an app's own token.
    pub is_app: bool,
}

impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken").field("expires_on", &self.expires_on).finish_non_exhaustive()
    }
}

/// Why a token is refused. `Display` is the reason for logs; [`Rejection::description`] is what the challenge says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// Not a token at all, or not one we look at.
    #[error("the token is malformed: {0}")]
    Malformed(String),
    /// The audience.
    #[error("the audience `{}` is not accepted, expected one of: {expected}", audience.as_deref().unwrap_or("(none)"))]
    Audience {
        /// What the token says.
        audience: Option<String>,
        /// What is accepted.
        expected: String,
    },
    /// The issuer.
    #[error("the issuer `{}` is not accepted", .0.as_deref().unwrap_or("(none)"))]
    Issuer(Option<String>),
    /// No `exp`.
    #[error("the token has no `exp`")]
    NoExpiration,
    /// `nbf` behind `exp`.
    #[error("the token's `nbf` lies behind its `exp`")]
    Lifetime {
        /// `nbf`.
        not_before: UnixTime,
        /// `exp`.
        expires: UnixTime,
    },
    /// Before `nbf`.
    #[error("the token is not valid yet")]
    NotYetValid(UnixTime),
    /// After `exp`.
    #[error("the token is expired")]
    Expired(UnixTime),
    /// The key is unknown, or the keys cannot be got.
    #[error("the signing key was not found: {0}")]
    UnknownKey(String),
    /// The signature.
    #[error("the signature is invalid")]
    Signature,
    /// Anything else; the text says which check.
    #[error("{0}")]
    Other(String),
}

impl Rejection {
    /// The `error_description` of the challenge, where the original gives one.
    pub fn description(&self) -> Option<String> {
        todo!()
    }
}
