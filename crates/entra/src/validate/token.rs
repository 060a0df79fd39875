//! A token that was judged good.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use sidekey_host::UnixTime;
use sidekey_jose::{VerifiedJws, minify};
use sidekey_oauth::Secret;

use super::{
    Rejection,
    claims::{Claims, Holder},
};
use crate::{UserAssertion, metadata::PublishedKey, request::UserToken};

/// A token that was judged good.
pub struct VerifiedToken {
    /// The payload as JSON text, minified; member order, names and number spelling as received.
    pub claims_json: String,
    /// The user's or app's `oid`.
    pub user: Option<String>,
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
    /// What is presented on behalf of the user; made when it is first asked for, so that a token which is only judged is not
    /// kept.
    assertion: OnceLock<Arc<UserAssertion>>,
    /// How long the token is.
    length: usize,
    /// What it is judged by, now and each time that it comes again.
    pub(super) claims: Claims,
    /// The key that its signature was checked with.
    pub(super) key: Arc<PublishedKey>,
}

impl VerifiedToken {
    /// Keeps what a checked signature vouches for.
    pub(super) fn new(
        length: usize,
        jws: &VerifiedJws,
        (claims, holder): (Claims, Holder),
        key: Arc<PublishedKey>,
    ) -> Result<Self, Rejection> {
        let claims_json = String::from_utf8(minify(jws.payload()))
            .map_err(|_| Rejection::Malformed("the payload is not UTF-8".to_owned()))?;
        Ok(Self {
            claims_json,
            user: holder.object_id,
            expires_on: claims.expires.ok_or(Rejection::NoExpiration)?,
            scopes: holder.scopes,
            roles: holder.roles,
            subject: holder.subject,
            client: claims.client.clone(),
            is_app: holder.is_app,
            assertion: OnceLock::new(),
            length,
            claims,
            key,
        })
    }

    /// The same, of a token that came encrypted.
    pub(super) fn opened(self, token: Secret) -> Self {
        // Nobody else has it yet, so that nobody else can have asked.
        let _ = self.assertion.set(Arc::new(self.assertion_with(token)));
        self
    }

    /// What to present in an on-behalf-of exchange: the token, or the one within, with its hash, tenant and user.
    /// `presented` is the text that was judged.
    pub fn assertion(&self, presented: &str) -> Arc<UserAssertion> {
        Arc::clone(self.assertion.get_or_init(|| Arc::new(self.assertion_with(Secret::new(presented)))))
    }

    /// What it takes to keep it, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.length + self.claims_json.len()
    }

    fn assertion_with(&self, token: Secret) -> UserAssertion {
        let tenant = self.claims.tenant.as_deref().and_then(|tenant| tenant.parse().ok());
        UserAssertion { token: Arc::new(UserToken::new(token)), tenant, user: self.user.clone() }
    }
}

impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken").field("expires_on", &self.expires_on).finish_non_exhaustive()
    }
}
