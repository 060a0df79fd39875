//! Why no token was got, sorted by what the caller does next.

use std::{sync::Arc, time::Duration};

use sidekey_oauth::ErrorReply;

/// Why a token could not be got. Cheap to clone, because one flight's failure is everyone's.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcquireError {
    /// Entra refused: the caller (or the user) has to do something else. 401.
    #[error("{0}")]
    Refused(Arc<EntraRefusal>),
    /// The machine's host gives no token of a managed identity, because it lacks it or may not: the same where the token was
    /// asked for and where it is our own proof. 401.
    #[error("{0}")]
    IdentityRefused(Arc<EntraRefusal>),
    /// Entra, or what stands before it, cannot answer now. 503, or 429 where it says so.
    #[error("{message}")]
    Unavailable {
        /// What happened, without secrets.
        message: String,
        /// 429 rather than 503.
        throttled: bool,
        /// When to come again.
        retry_after: Option<Duration>,
        /// Entra's own words, where there were any.
        reply: Option<Arc<EntraRefusal>>,
    },
    /// The request contradicts itself or the rules. 400; the text is for the caller.
    #[error("{0}")]
    Invalid(String),
    /// There is no user to act for. 401 with the original's text.
    #[error("No account or login hint was passed to the AcquireTokenSilent call. ")]
    NoUser,
    /// No long-running session has the key. 401.
    #[error(
        "obo_cache_key_not_in_cache_error: no long-running session has this LongRunningWebApiSessionKey: none was begun with it \
         here, or it has ended; begin it with the user's token and the same key"
    )]
    NoSession,
    /// No credential could be loaded, or a setting makes the request impossible. 500; the text is for the log alone.
    #[error("{0}")]
    Configuration(String),
}

impl AcquireError {
    pub(crate) fn identity_refused(status: u16, code: String, text: String) -> Self {
        let reply = ErrorReply { error: code, error_description: text, ..ErrorReply::default() };
        Self::IdentityRefused(Arc::new(EntraRefusal { status, reply }))
    }
}

/// Entra's refusal, its words kept as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntraRefusal {
    /// The HTTP status that it came with.
    pub status: u16,
    /// Entra's reply.
    pub reply: ErrorReply,
}

impl std::fmt::Display for EntraRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reply.error_description)
    }
}
