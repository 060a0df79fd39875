//! Client credentials: how the client proves to Entra who it is.
//!
//! The list's order is the order of preference: the first that loads is used. One that Entra refused for reasons of its own
//! (a revoked certificate, an assertion that is not trusted) steps back behind the others for a while. A source that hangs is
//! given up in time for the next one. A new source is one file here and a line in each list of [`Source`].

mod assertion_file;
mod bundle;
mod certificate;
mod client_assertion;
mod decryption;
mod entra_app;
mod federated;
pub(crate) mod file;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod kept;
mod key_vault;
mod managed_identity;
mod secret;
mod token_proxy;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use sidekey_host::{Clock, UnixTime};
use sidekey_oauth::{ClientId, Secret, TenantId};
use tokio::time::Instant;
use uuid::Uuid;

pub(crate) use self::decryption::DecryptionKeys;
pub use self::federated::FederatedSource;
pub(crate) use self::managed_identity::token_exchange_audience;
pub(crate) use self::token_proxy::{TokenProxySettings, Via};
use self::{
    assertion_file::AssertionFile, certificate::Certificate, entra_app::EntraAppAssertion, federated::Federated,
    key_vault::KeyVault, managed_identity::ManagedIdentityAssertion, secret::ClientSecret, token_proxy::TokenProxy,
};
use crate::{
    AcquireError, Config, Environment,
    config::{CredentialConfig, CredentialSource},
    managed_identity::ManagedIdentities,
};

/// The client's credentials in their order.
#[derive(Debug)]
pub(crate) struct Credentials {
    list: Vec<Credential>,
    /// The one used last, so that only a change is logged.
    last: AtomicUsize,
}

#[derive(Debug)]
struct Credential {
    key: String,
    source: Source,
    /// Unix seconds until which this one comes last.
    steps_back_until: AtomicU64,
}

#[derive(Debug)]
enum Source {
    Secret(Arc<ClientSecret>),
    Certificate(Arc<Certificate>),
    AssertionFile(Arc<AssertionFile>, Option<Arc<TokenProxy>>),
    ManagedIdentity(ManagedIdentityAssertion),
    EntraApp(Box<EntraAppAssertion>),
    Federated(Federated),
    KeyVault(Arc<KeyVault>),
}

/// What a source may use of the world around it.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    /// Does not follow redirects.
    pub(crate) http: reqwest::Client,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) environment: Environment,
    pub(crate) managed_identities: Arc<ManagedIdentities>,
}

/// What a proof is made for: the token request that it goes into.
#[derive(Clone, Debug)]
pub(crate) struct Purpose {
    pub(crate) client_id: ClientId,
    /// The token endpoint that is really asked.
    pub(crate) audience: String,
    /// The authority's host, by which its cloud is known.
    pub(crate) host: String,
    /// The tenant that is asked; `None` where the authority has none.
    pub(crate) tenant: Option<TenantId>,
    /// Whether the authority knows PS256 and SHA-256 thumbprints.
    pub(crate) takes_ps256: bool,
    pub(crate) send_x5c: bool,
    /// Of the request, or of its credential alone, for sources that have to ask for the same.
    pub(crate) fmi_path: Option<String>,
    /// A claims challenge that the request answers (JSON text).
    pub(crate) claims: Option<String>,
    pub(crate) correlation_id: Uuid,
    pub(crate) now: UnixTime,
    /// When the acquisition as a whole has to be over. A source gets a part of what is left.
    pub(crate) deadline: Instant,
}

/// What goes into the token request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// `client_secret`.
    Secret(Secret),
    /// `client_assertion`, signed by us or by someone else.
    Assertion(Secret),
}

/// What a source gave.
#[derive(Debug)]
struct Made {
    proof: Proof,
    /// Whether it was used before.
    reused: bool,
}

impl Made {
    /// A proof that was made, or read, just now.
    fn new(proof: Proof) -> Self {
        Self { proof, reused: false }
    }
}

/// A proof and whose it is.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// The credential's place in the list.
    pub(crate) index: usize,
    pub(crate) proof: Proof,
    /// An assertion that was used before: worth one more try with a new one.
    pub(crate) reused: bool,
    /// Who passes the token request on, where it does not go to the authority itself.
    pub(crate) via: Option<Via>,
}

/// Why a credential cannot be used. Holds names and paths, never contents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; {hint}")]
pub(crate) struct CredentialError {
    /// The field to blame, such as `CertificateDiskPath`.
    pub(crate) field: &'static str,
    pub(crate) problem: String,
    pub(crate) hint: String,
    /// A file that is not there, and may yet come.
    pub(crate) missing: bool,
    /// The source did not answer now, and may do so later.
    pub(crate) passing: bool,
    /// The machine's host would not give a token of its identity: its status and error code.
    pub(crate) identity_refused: Option<Box<(u16, String)>>,
}

/// Why no credential of the list can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub(crate) struct NoneUsable {
    problem: String,
    /// One of them may be usable later.
    passing: bool,
    /// A host's refusal, where nothing else is wrong: status, error code and text.
    identity_refused: Option<(u16, String, String)>,
}

impl From<NoneUsable> for AcquireError {
    fn from(none: NoneUsable) -> Self {
        let message = none.problem;
        match none.identity_refused {
            _ if none.passing => Self::Unavailable { message, throttled: false, retry_after: None, reply: None },
            Some((status, code, text)) => Self::identity_refused(status, code, text),
            None => Self::Configuration(message),
        }
    }
}

impl Surroundings {
    /// What a configuration says of them.
    pub(crate) fn of(config: &Config, http: &reqwest::Client, clock: &Arc<dyn Clock>) -> Self {
        let (http, clock, environment) = (http.clone(), Arc::clone(clock), config.environment.clone());
        let capabilities = config.client_capabilities.clone();
        let identities = ManagedIdentities::new(http.clone(), Arc::clone(&clock), environment.clone(), capabilities);
        Self { http, clock, environment, managed_identities: Arc::new(identities) }
    }

    #[cfg(test)]
    pub(crate) fn new(http: reqwest::Client, clock: Arc<dyn Clock>, environment: Environment) -> Self {
        let identities = ManagedIdentities::new(http.clone(), Arc::clone(&clock), environment.clone(), Vec::new());
        Self { http, clock, environment, managed_identities: Arc::new(identities) }
    }
}

impl CredentialError {
    pub(crate) fn new(field: &'static str, problem: impl Into<String>, hint: impl Into<String>) -> Self {
        let (problem, hint) = (problem.into(), hint.into());
        Self { field, problem, hint, missing: false, passing: false, identity_refused: None }
    }

    /// The same of a source that may answer later.
    fn passing(self) -> Self {
        Self { passing: true, ..self }
    }

    /// A source did not answer within its part of the time.
    fn too_slow(source: &str) -> Self {
        let hint = "check that what it asks can be reached, or raise `Sidecar:AcquireTimeout`";
        Self::new("SourceType", format!("`{source}` gave nothing in time"), hint).passing()
    }

    /// A source's task died.
    fn internal(source: &str) -> Self {
        Self::new("SourceType", format!("`{source}` ended with an internal error"), "please report this")
    }
}

impl Credentials {
    /// Reads and asks nothing yet.
    pub(crate) fn new(configured: &[CredentialConfig], surroundings: &Surroundings) -> Self {
        let credential = |config: &CredentialConfig| Credential {
            key: config.key.clone(),
            source: Source::of(&config.source, surroundings),
            steps_back_until: AtomicU64::new(0),
        };
        Self { list: configured.iter().map(credential).collect(), last: AtomicUsize::new(usize::MAX) }
    }

    /// A proof from the first credential that has one.
    pub(crate) async fn choose(&self, purpose: &Purpose) -> Result<Chosen, NoneUsable> {
        self.first_that_loads(self.in_order(purpose.now), purpose).await
    }

    /// Another proof after Entra refused one: from the next credential, or from the same one if the refused proof was not
    /// made for this request. `None` if there is no other.
    pub(crate) async fn choose_after(&self, refused: &Chosen, purpose: &Purpose) -> Option<Chosen> {
        let credential = self.list.get(refused.index)?;
        credential.source.forget();
        credential.step_back(purpose.now);
        let mut others = self.in_order(purpose.now);
        others.retain(|index| *index != refused.index || refused.reused);
        self.first_that_loads(others, purpose).await.ok()
    }

    fn in_order(&self, now: UnixTime) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.list.len()).collect();
        order.sort_by_key(|index| self.list.get(*index).is_some_and(|credential| credential.steps_back(now)));
        order
    }

    async fn first_that_loads(&self, order: Vec<usize>, purpose: &Purpose) -> Result<Chosen, NoneUsable> {
        let mut problems = Vec::new();
        let mut left = order.len();
        for index in order {
            let Some(credential) = self.list.get(index) else { continue };
            let began = Instant::now();
            match credential.source.proof_in_time(&purpose.sharing_with(left)).await {
                Ok((Made { proof, reused }, via)) => {
                    self.log_choice(index, &credential.key);
                    return Ok(Chosen { index, proof, reused, via });
                }
                Err(error) => {
                    tracing::warn!(credential = %credential.key, %error, "a client credential cannot be used");
                    credential.failed_after(began.elapsed(), purpose.now);
                    problems.push((credential.key.as_str(), error));
                }
            }
            left -= 1;
        }
        Err(NoneUsable::of(&problems))
    }

    fn log_choice(&self, index: usize, key: &str) {
        if self.last.swap(index, Ordering::Relaxed) != index {
            tracing::info!(credential = %key, "client credential chosen");
        }
    }
}

impl Credential {
    /// One that takes long to fail steps back, so that the next acquisition does not wait as long for nothing.
    fn failed_after(&self, time: Duration, now: UnixTime) {
        if time >= SLOW {
            self.step_back(now);
        }
    }

    fn step_back(&self, now: UnixTime) {
        self.steps_back_until.store(now.0.saturating_add(STEP_BACK_SECONDS), Ordering::Relaxed);
    }

    fn steps_back(&self, now: UnixTime) -> bool {
        self.steps_back_until.load(Ordering::Relaxed) > now.0
    }
}

impl Purpose {
    /// The same with the deadline of one of so many sources that may have to be tried, and of the token request after them:
    /// each gets an equal part of the time that is left.
    fn sharing_with(&self, sources: usize) -> Self {
        let parts = u32::try_from(sources).unwrap_or(u32::MAX).saturating_add(1);
        let left = self.deadline.saturating_duration_since(Instant::now());
        Self { deadline: Instant::now() + left / parts, ..self.clone() }
    }
}

impl Source {
    fn of(source: &CredentialSource, surroundings: &Surroundings) -> Self {
        match source {
            CredentialSource::Secret(text) => Self::Secret(Arc::new(ClientSecret::new(text.clone()))),
            CredentialSource::Certificate { location, key_path, password } => {
                let certificate = Certificate::new(location.clone(), key_path.clone(), password.clone());
                Self::Certificate(Arc::new(certificate))
            }
            CredentialSource::AssertionFile(path) => {
                let proxy = TokenProxy::of(path, &surroundings.environment).map(Arc::new);
                Self::AssertionFile(Arc::new(AssertionFile::new(path.clone())), proxy)
            }
            CredentialSource::ManagedIdentity { identity, audience } => {
                let identities = Arc::clone(&surroundings.managed_identities);
                Self::ManagedIdentity(ManagedIdentityAssertion::new(identities, identity.clone(), audience.clone()))
            }
            CredentialSource::EntraApp(app) => {
                Self::EntraApp(Box::new(EntraAppAssertion::new(app.clone(), surroundings)))
            }
            CredentialSource::Federated(source) => {
                Self::Federated(Federated::new(source.clone(), surroundings.clone()))
            }
            CredentialSource::KeyVault(config) => Self::KeyVault(KeyVault::new(config, surroundings)),
        }
    }

    /// The `SourceType`, for messages.
    fn name(&self) -> &'static str {
        match self {
            Self::Secret(_) => "ClientSecret",
            Self::Certificate(certificate) => certificate.source_type(),
            Self::AssertionFile(..) => "SignedAssertionFilePath",
            Self::ManagedIdentity(_) => managed_identity::NAME,
            Self::EntraApp(_) => "CustomSignedAssertion",
            Self::Federated(federated) => federated.name(),
            Self::KeyVault(vault) => vault.source_type(),
        }
    }

    async fn proof_in_time(&self, purpose: &Purpose) -> Result<(Made, Option<Via>), CredentialError> {
        let both = async { Ok((self.proof(purpose).await?, self.via().await?)) };
        let both = tokio::time::timeout_at(purpose.deadline, both).await;
        both.unwrap_or_else(|_| Err(CredentialError::too_slow(self.name())))
    }

    /// Who passes token requests with this credential on.
    async fn via(&self) -> Result<Option<Via>, CredentialError> {
        let Self::AssertionFile(_, Some(proxy)) = self else { return Ok(None) };
        let proxy = Arc::clone(proxy);
        self.blocking(move || proxy.via().map(Some)).await
    }

    async fn proof(&self, purpose: &Purpose) -> Result<Made, CredentialError> {
        match self {
            Self::Secret(secret) => {
                let secret = Arc::clone(secret);
                self.blocking(move || secret.read().map(Proof::Secret).map(Made::new)).await
            }
            Self::Certificate(certificate) => {
                let (certificate, purpose) = (Arc::clone(certificate), purpose.clone());
                self.blocking(move || certificate.assertion(&purpose)).await
            }
            Self::AssertionFile(file, _) => {
                let file = Arc::clone(file);
                self.blocking(move || file.read().map(Proof::Assertion).map(Made::new)).await
            }
            Self::ManagedIdentity(assertion) => assertion.proof(purpose).await,
            Self::EntraApp(app) => app.proof(purpose).await,
            Self::Federated(federated) => federated.proof(purpose).await,
            Self::KeyVault(vault) => vault.assertion(purpose).await,
        }
    }

    /// Files and signatures take a thread of their own.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, CredentialError> + Send + 'static,
    ) -> Result<T, CredentialError> {
        let made = tokio::task::spawn_blocking(work).await;
        made.unwrap_or_else(|_| Err(CredentialError::internal(self.name())))
    }

    /// Drops what was kept for later use.
    fn forget(&self) {
        match self {
            Self::Certificate(certificate) => certificate.forget(),
            Self::ManagedIdentity(assertion) => assertion.forget(),
            Self::EntraApp(app) => app.forget(),
            Self::Federated(federated) => federated.forget(),
            Self::KeyVault(vault) => vault.forget(),
            Self::Secret(_) | Self::AssertionFile(..) => {}
        }
    }
}

/// Whether a configured credential can be loaded now, for the check at start. Sources that have to ask someone are not
/// asked: start-up neither waits for the network nor depends on it.
pub(crate) fn check(source: &CredentialSource) -> Result<(), CredentialError> {
    match source {
        CredentialSource::Secret(text) => ClientSecret::new(text.clone()).read().map(drop),
        CredentialSource::Certificate { location, key_path, password } => {
            Certificate::new(location.clone(), key_path.clone(), password.clone()).check()
        }
        CredentialSource::AssertionFile(path) => AssertionFile::new(path.clone()).read().map(drop),
        CredentialSource::ManagedIdentity { .. } | CredentialSource::EntraApp(_) | CredentialSource::KeyVault(_) => {
            Ok(())
        }
        CredentialSource::Federated(source) => source.check(),
    }
}

impl NoneUsable {
    /// Of the credentials by their keys.
    fn of(problems: &[(&str, CredentialError)]) -> Self {
        if problems.is_empty() {
            let problem = "no client credential is configured: add one to `AzureAd:ClientCredentials`".to_owned();
            return Self { problem, passing: false, identity_refused: None };
        }
        let texts: Vec<_> = problems.iter().map(|(key, error)| format!("`{key}`: {error}")).collect();
        let refused = |error: &CredentialError| {
            error.identity_refused.as_deref().map(|(status, code)| (*status, code.clone(), error.to_string()))
        };
        let all_refused: Option<Vec<_>> = problems.iter().map(|(_, error)| refused(error)).collect();
        Self {
            problem: format!("no client credential can be used: {}", texts.join("; ")),
            passing: problems.iter().any(|(_, error)| error.passing),
            identity_refused: all_refused.and_then(|refused| refused.into_iter().next()),
        }
    }
}

/// A source that takes this long to fail is one that everybody would wait for.
const SLOW: Duration = Duration::from_secs(1);
/// How long a refused credential comes after the others.
const STEP_BACK_SECONDS: u64 = 300;

#[cfg(test)]
mod tests;
