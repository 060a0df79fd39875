//! Proof of possession: a signed HTTP request (`sidekey_jose::shr`) around an access token that is bound to the signer's key.

use std::sync::Arc;

use sidekey_host::UnixTime;
use sidekey_jose::{
    parse_object,
    shr::{ShrError, ShrRequest, UnverifiedShr, VerifiedShr},
};

use super::{
    Rejection, Validator, VerifiedToken,
    rejection::{Echo, Line},
    replay::{Full, InMemory, ReplayMemory},
};
use crate::config::PopConfig;

/// Judges signed requests: the access token within as any other, then the request.
#[derive(Debug)]
pub(super) struct PopJudge {
    config: PopConfig,
    memory: Option<Arc<dyn ReplayMemory>>,
}

/// A signed request that was judged good.
#[derive(Debug)]
pub struct VerifiedPop {
    /// The access token within.
    pub token: Arc<VerifiedToken>,
    /// The same as it came.
    pub access_token: sidekey_oauth::Secret,
}

/// Why a signed request is refused. `Display` is for logs, [`PopRejection::description`] for the challenge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PopRejection {
    /// The access token within.
    #[error("the access token within the signed request is refused: {0}")]
    Token(Rejection),
    /// A user's token: only apps prove possession here.
    #[error("the access token within the signed request is a user's; only an app's own tokens are accepted")]
    NotAnApp,
    /// The signed request.
    #[error("the signed request is refused: {0}")]
    Request(ShrError),
    /// A header that says what the request is for, which must be there once.
    #[error("the header `{0}` must be there once; it says what the signed request is for")]
    Header(&'static str),
    /// It came before.
    #[error("the signed request came before; sign a new one, with another `nonce`, for each request")]
    Replayed,
    /// Nobody could tell whether it came before: for a moment, nothing can be accepted.
    #[error("too many signed requests are remembered; raise `Sidecar:PopValidation:ReplayCacheEntries`")]
    NoRoom,
}

impl Validator {
    /// Judges a signed HTTP request (SHR, the credentials of `Authorization: PoP`) for a request with this method and
    /// absolute URL. The access token within must be an app's own; it is judged as by [`Self::validate`], and bound to the
    /// key that signed.
    pub async fn validate_pop(&self, shr: &str, method: &str, url: &str) -> Result<VerifiedPop, PopRejection> {
        let parsed = UnverifiedShr::parse(shr).map_err(PopRejection::Request)?;
        let access_token = sidekey_oauth::Secret::new(parsed.access_token());
        let token = self.judge_token(access_token.expose()).await.map_err(PopRejection::Token)?;
        if !token.is_app {
            return Err(PopRejection::NotAnApp);
        }
        let request = ShrRequest { method, url, headers: None, body: None };
        self.pop.judge(parsed, &token, &request, self.clock.now())?;
        Ok(VerifiedPop { token, access_token })
    }
}

impl PopRejection {
    /// The whole reason as a caller may see it, as by [`Rejection::reason`].
    pub fn reason(&self) -> String {
        match self {
            Self::Token(rejection) => rejection.reason(),
            other => Line(other.to_string()).to_string(),
        }
    }

    /// The `error_description` of a challenge, where there is one: printable ASCII without `"` and `\`.
    pub fn description(&self) -> Option<String> {
        match self {
            Self::Token(rejection) => rejection.description(),
            other => Some(Echo(other.to_string()).to_string()),
        }
    }
}

impl PopJudge {
    pub(super) fn new(config: &PopConfig) -> Self {
        let memory = (config.replay_cache_entries > 0)
            .then(|| Arc::new(InMemory::new(config.replay_cache_entries)) as Arc<dyn ReplayMemory>);
        Self { config: config.clone(), memory }
    }

    /// By changed rules, with the same memory: what came before them must not come again.
    pub(super) fn reconfigured(&self, config: &PopConfig) -> Self {
        Self { config: config.clone(), memory: self.memory.clone() }
    }

    fn judge(
        &self,
        shr: UnverifiedShr<'_>,
        token: &VerifiedToken,
        request: &ShrRequest<'_>,
        now: UnixTime,
    ) -> Result<(), PopRejection> {
        let claims = parse_object(token.claims_json.as_bytes()).map_err(|error| PopRejection::Request(error.into()))?;
        let confirmation = claims.get("cnf").ok_or(PopRejection::Request(NOT_BOUND))?;
        let verified = shr.verify(confirmation, request, &self.config.rules, now.0).map_err(PopRejection::Request)?;
        // Last, so that only good requests take room.
        self.check_replay(&verified, now)
    }

    fn check_replay(&self, shr: &VerifiedShr, now: UnixTime) -> Result<(), PopRejection> {
        let Some(memory) = &self.memory else { return Ok(()) };
        match memory.remember(shr.replay_key(), UnixTime(shr.expires()), now) {
            Ok(true) => Ok(()),
            Ok(false) => Err(PopRejection::Replayed),
            Err(Full) => Err(PopRejection::NoRoom),
        }
    }
}

const NOT_BOUND: ShrError = ShrError::Confirmation("the token has none: it is not bound to a key");
