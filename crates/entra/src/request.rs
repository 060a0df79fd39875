//! What is asked of the engine, and what it gives.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest;
use reqwest::header::{HeaderName, HeaderValue};
use sidekey_host::UnixTime;
use sidekey_oauth::{Scopes, Secret, TenantId};
use uuid::Uuid;

use crate::{Confirmation, ManagedIdentityId};

/// A request for one token. Everything here but `force_refresh` and `correlation_id` is part of the cache key.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// On whose behalf.
    pub flow: Flow,
    /// The scopes; an app token uses the first, which must end in `/.default`.
    pub scopes: Scopes,
    /// The tenant, where it is not the configured one.
    pub tenant: Option<TenantId>,
    /// A claims challenge to answer (JSON text); bypasses the cached token.
    pub claims: Option<String>,
    /// `fmi_path` of the token request (app tokens).
    pub fmi_path: Option<String>,
    /// `fmi_path` of the request for the client's own credential, where another application vouches for the client; that of
    /// the token request if absent.
    pub credential_fmi_path: Option<String>,
    /// What is presented in place of the user's token (on-behalf-of).
    pub composite: Option<Arc<CompositeAssertion>>,
    /// The key of a long-running session.
    pub session_key: Option<String>,
    /// The key that the token shall be bound to (app tokens).
    pub confirmation: Option<Arc<Confirmation>>,
    /// Extra query parameters of the token request.
    pub extra_parameters: Vec<(String, String)>,
    /// Extra headers of the token request.
    pub extra_headers: Vec<(HeaderName, HeaderValue)>,
    /// Do not answer from the cache; keep what is got.
    pub force_refresh: bool,
    /// The id that Entra logs; a new one per request if absent.
    pub correlation_id: Option<Uuid>,
}

impl TokenRequest {
    /// A request with nothing but a flow and scopes.
    pub fn new(flow: Flow, scopes: Scopes) -> Self {
        Self {
            flow,
            scopes,
            tenant: None,
            claims: None,
            fmi_path: None,
            credential_fmi_path: None,
            composite: None,
            session_key: None,
            confirmation: None,
            extra_parameters: Vec::new(),
            extra_headers: Vec::new(),
            force_refresh: false,
            correlation_id: None,
        }
    }
}

/// On whose behalf a token is asked for.
#[derive(Clone, Debug)]
pub enum Flow {
    /// The application itself: client credentials.
    App,
    /// The user whose token came in: on-behalf-of.
    OnBehalfOf(UserAssertion),
    /// The user of an earlier on-behalf-of session, by the request's `session_key` alone.
    Session {
        /// The agent that acts for the user, where the session was begun by one.
        agent: Option<String>,
    },
    /// A managed identity of the machine.
    ManagedIdentity(ManagedIdentityId),
    /// An agent identity by its client id, itself or on behalf of the user whose token came in.
    Agent {
        /// The agent's client id.
        agent: String,
        /// The inbound user token, where the agent acts for its user.
        assertion: Option<UserAssertion>,
    },
    /// An agent's own user account.
    AgentUser {
        /// The agent's client id.
        agent: String,
        /// The account.
        user: AgentUser,
    },
}

/// How an agent's user account is named.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AgentUser {
    /// By user principal name.
    Name(String),
    /// By object id.
    ObjectId(Uuid),
}

/// An inbound user token that was verified: the (inner) JWS and what identifies it.
#[derive(Clone, Debug)]
pub struct UserAssertion {
    /// The token to present to Entra.
    pub token: Arc<UserToken>,
    /// Its tenant (`tid`), where the exchange takes place unless the request names one.
    pub tenant: Option<TenantId>,
    /// Its user (`oid`), which a session is bound to.
    pub user: Option<String>,
}

/// A token and its SHA-256, which is the cache key's part and worked out when it is first asked for.
#[derive(Debug)]
pub struct UserToken {
    text: Secret,
    hash: OnceLock<[u8; 32]>,
}

impl UserToken {
    /// A token that was verified.
    pub fn new(text: Secret) -> Self {
        Self { text, hash: OnceLock::new() }
    }

    /// The token itself.
    pub(crate) fn secret(&self) -> &Secret {
        &self.text
    }

    /// The hash of the token.
    pub(crate) fn hash(&self) -> [u8; 32] {
        *self.hash.get_or_init(|| sha256(self.text.expose()))
    }
}

/// SHA-256 of a token.
pub(crate) fn sha256(token: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    out
}

/// An assertion of two parts, which some issuers of users' tokens make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompositeAssertion {
    assertion: Secret,
    sub_assertion: Secret,
    hash: [u8; 32],
}

impl CompositeAssertion {
    /// From the parameters `assertion` and `sub_assertion` of the token request.
    pub fn new(assertion: Secret, sub_assertion: Secret) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        // The length keeps apart what the two parts share.
        context.update(&assertion.expose().len().to_be_bytes());
        context.update(assertion.expose().as_bytes());
        context.update(sub_assertion.expose().as_bytes());
        let hash = context.finish().as_ref().try_into().unwrap_or([0; 32]);
        Self { assertion, sub_assertion, hash }
    }

    /// What stands in the place of the user's token, and what goes with it.
    pub(crate) fn parts(&self) -> (&Secret, &Secret) {
        (&self.assertion, &self.sub_assertion)
    }

    /// The cache key's part.
    pub(crate) fn hash(&self) -> [u8; 32] {
        self.hash
    }
}

/// A token got from Entra or from the cache.
pub struct AccessToken {
    /// The finished header value, such as `Bearer eyJ…`.
    pub authorization: Secret,
    /// How it is presented.
    pub scheme: TokenScheme,
    /// When it ends.
    pub expires_on: UnixTime,
}

impl AccessToken {
    /// The token itself, without its scheme.
    pub(crate) fn token(&self) -> &str {
        self.authorization.expose().split_once(' ').map_or("", |(_, token)| token)
    }
}

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessToken")
            .field("scheme", &self.scheme)
            .field("expires_on", &self.expires_on)
            .finish_non_exhaustive()
    }
}

/// How a token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenScheme {
    /// RFC 6750.
    Bearer,
    /// Proof of possession.
    Pop,
}

impl std::fmt::Display for TokenScheme {
    /// As the `Authorization` header begins.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bearer => "Bearer",
            Self::Pop => "PoP",
        })
    }
}

/// Where a token came from, for logs, metrics and the audit line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheOutcome {
    /// The in-memory cache.
    Memory,
    /// Entra.
    Authority,
    /// The in-memory cache, while Entra did not answer.
    Stale,
}
