//! Assertions that someone else signs for us, and that the application trusts by a federated credential
//! (<https://learn.microsoft.com/entra/workload-id/workload-identity-federation>).
//!
//! A new source is one file here and a line in [`SOURCES`]. What a source gives is judged, kept until shortly before its end
//! and asked for once for all who need it; none of that is the source's own work.

mod assertion;
mod assertion_command;
mod assertion_url;
mod assertion_variable;
mod aws;
mod azure_pipelines;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod github_actions;
mod google_metadata;
mod question;
mod spiffe;
mod template;

use std::{fmt, sync::Arc, time::Duration};

use sidekey_config::Section;
use sidekey_oauth::Secret;
use tokio::time::Instant;

pub(super) use self::assertion::is_compact_jws;
use super::{
    CredentialError, Made, Purpose, Surroundings,
    kept::{Fetched, Kept},
    token_exchange_audience,
};
use crate::{Environment, flight::Work};

/// A source as it was configured.
#[derive(Clone, Debug)]
pub struct FederatedSource {
    name: &'static str,
    /// `TokenExchangeUrl`, where it is not the cloud's own.
    audience: Option<String>,
    /// The time that the source may take at most.
    timeout: Duration,
    environment: Environment,
    provider: Arc<dyn Provider>,
}

/// One kind of source.
trait Provider: fmt::Debug + Send + Sync {
    /// Whether all that can be known without asking anyone is as it must be.
    fn check(&self, environment: &Environment) -> Result<(), CredentialError>;

    /// Asks for an assertion. The caller judges it and watches the time.
    fn fetch(self: Arc<Self>, world: Surroundings, ask: Ask) -> Work<Result<Secret, CredentialError>>;
}

/// What an assertion is asked for.
#[derive(Clone, Debug)]
struct Ask {
    audience: String,
    tenant: String,
    client_id: String,
    fmi_path: String,
    /// When the source has to be done.
    deadline: Instant,
}

/// Where a source reads its settings.
struct Settings<'a, 'b> {
    root: &'b Section<'a>,
    /// The credential's own section.
    own: &'b Section<'a>,
}

/// Reads a source's settings. `None` after a fault that it recorded.
type Read = fn(&Settings<'_, '_>) -> Option<Arc<dyn Provider>>;

impl FederatedSource {
    /// The `SourceType`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Reads the settings of the source with this `SourceType`; the outer `None` if there is no such source, the inner one
    /// after a fault.
    #[expect(clippy::option_option, reason = "unknown and faulty are different answers")]
    pub(crate) fn read(name: &str, root: &Section<'_>, own: &Section<'_>) -> Option<Option<Self>> {
        let (name, read) = SOURCES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        let audience = own.text("TokenExchangeUrl").map(|text| text.trim().to_owned());
        let timeout = own.duration("AssertionTimeout", TIMEOUT, TIMEOUT_BOUNDS);
        let environment = Environment::read(root);
        let provider = read(&Settings { root, own });
        Some(provider.map(|provider| Self { name, audience, timeout, environment, provider }))
    }

    /// Every `SourceType`.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        SOURCES.iter().map(|(name, _)| *name)
    }

    /// Whether all that can be known without asking anyone is as it must be.
    pub(crate) fn check(&self) -> Result<(), CredentialError> {
        self.provider.check(&self.environment)
    }
}

/// By identity: two that were read apart are different.
impl PartialEq for FederatedSource {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.provider, &other.provider)
    }
}

impl Eq for FederatedSource {}

/// A source in use.
#[derive(Debug)]
pub(super) struct Federated {
    source: FederatedSource,
    world: Surroundings,
    kept: Kept,
}

impl Federated {
    pub(super) fn new(source: FederatedSource, world: Surroundings) -> Self {
        let kept = Kept::new(source.name);
        Self { source, world, kept }
    }

    pub(super) fn name(&self) -> &'static str {
        self.source.name
    }

    pub(super) async fn proof(&self, purpose: &Purpose) -> Result<Made, CredentialError> {
        let ask = self.ask(purpose);
        let name = [ask.audience.as_str(), &ask.tenant, &ask.fmi_path].join("\n");
        let (source, world) = (self.source.clone(), self.world.clone());
        self.kept.get(&name, purpose.now, purpose.deadline, || Box::pin(fetch(source, world, ask))).await
    }

    /// Drops what was kept.
    pub(super) fn forget(&self) {
        self.kept.forget();
    }

    fn ask(&self, purpose: &Purpose) -> Ask {
        let audience =
            self.source.audience.clone().unwrap_or_else(|| token_exchange_audience(&purpose.host).to_owned());
        // Its own words shall come before the end of the time.
        let own_words = purpose.deadline.checked_sub(GRACE).unwrap_or(purpose.deadline);
        Ask {
            audience,
            tenant: purpose.tenant.as_ref().map(ToString::to_string).unwrap_or_default(),
            client_id: purpose.client_id.to_string(),
            fmi_path: purpose.fmi_path.clone().unwrap_or_default(),
            deadline: (Instant::now() + self.source.timeout).min(own_words),
        }
    }
}

async fn fetch(source: FederatedSource, world: Surroundings, ask: Ask) -> Fetched {
    let clock = Arc::clone(&world.clock);
    let deadline = ask.deadline;
    let fetched = tokio::time::timeout_at(deadline, Arc::clone(&source.provider).fetch(world, ask)).await;
    let text = fetched.unwrap_or_else(|_| Err(CredentialError::too_slow(source.name)))?;
    assertion::judge(text, source.name, clock.now())
}

/// A variable that the platform sets and that the source cannot do without.
fn variable<'e>(
    environment: &'e Environment,
    source: &str,
    name: &str,
    hint: &str,
) -> Result<&'e str, CredentialError> {
    environment.get(name).map(str::trim).ok_or_else(|| {
        CredentialError::new("SourceType", format!("`{source}` needs the variable `{name}`, which is not set"), hint)
    })
}

/// Files and processes take a thread of their own.
async fn blocking<T: Send + 'static>(
    source: &'static str,
    work: impl FnOnce() -> Result<T, CredentialError> + Send + 'static,
) -> Result<T, CredentialError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(CredentialError::internal(source)))
}

/// Every source, by its `SourceType`.
const SOURCES: &[(&str, Read)] = &[
    (assertion_command::NAME, assertion_command::read),
    (assertion_url::NAME, assertion_url::read),
    (assertion_variable::NAME, assertion_variable::read),
    (assertion_variable::AWS_EKS_FILE, assertion_variable::read_aws_eks),
    (aws::NAME, aws::read),
    (azure_pipelines::NAME, azure_pipelines::read),
    (github_actions::NAME, github_actions::read),
    (assertion_variable::GITLAB, assertion_variable::read_gitlab),
    (google_metadata::NAME, google_metadata::read),
    (spiffe::NAME, spiffe::read),
];

const TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT_BOUNDS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(5);
const GRACE: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;
