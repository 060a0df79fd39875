//! A token that was judged good.

use std::{fmt, sync::Arc};

use sidekey_host::UnixTime;
use sidekey_jose::{VerifiedJws, minify};

use super::{
    Rejection,
    claims::{Claims, Holder},
};
use crate::{UserAssertion, metadata::PublishedKey, request::UserToken};

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
    /// What it is judged by, now and each time that it comes again.
    pub(super) claims: Claims,
    /// The key that its signature was checked with.
    pub(super) key: Arc<PublishedKey>,
}

impl VerifiedToken {
    /// Keeps what a checked signature vouches for: the signed token, and the claims of its payload.
    pub(super) fn new(
        token: UserToken,
        jws: &VerifiedJws,
        (claims, holder): (Claims, Holder),
        key: Arc<PublishedKey>,
    ) -> Result<Self, Rejection> {
        let claims_json = String::from_utf8(minify(jws.payload()))
            .map_err(|_| Rejection::Malformed("the payload is not UTF-8".to_owned()))?;
        let assertion = UserAssertion {
            token: Arc::new(token),
            tenant: claims.tenant.as_deref().and_then(|tenant| tenant.parse().ok()),
            user: holder.object_id,
        };
        Ok(Self {
            claims_json,
            assertion,
            expires_on: claims.expires.ok_or(Rejection::NoExpiration)?,
            scopes: holder.scopes,
            roles: holder.roles,
            subject: holder.subject,
            client: claims.client.clone(),
            is_app: holder.is_app,
            claims,
            key,
        })
    }
}

impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken").field("expires_on", &self.expires_on).finish_non_exhaustive()
    }
}
