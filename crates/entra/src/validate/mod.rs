//! Judging inbound access tokens.

mod rejection;

use std::{fmt, sync::Arc};

use sidekey_host::UnixTime;

use crate::UserAssertion;

pub use rejection::Rejection;

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
