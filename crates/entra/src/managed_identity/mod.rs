//! Tokens of the machine's own identity, from whichever service the host has for it
//! (<https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview>).
//!
//! A host is a file here that says how it is asked, and a line in [`detect`]. What they have in common is here: the answer's
//! form, when to ask again, and what an error means.

mod app_service;
mod arc;
mod azure_ml;
mod cloud_shell;
mod detect;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod host;
mod identity;
mod imds;
pub(crate) mod region;
mod reply;
mod retry;
mod service_fabric;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use aws_lc_rs::digest;
use reqwest::Client;
use sidekey_host::Clock;
use sidekey_oauth::Secret;
use tokio::time::Instant;
use uuid::Uuid;

pub use self::identity::ManagedIdentityId;
use self::{detect::Kind, host::Host, retry::Outcome};
pub(crate) use self::{error::ManagedIdentityError, reply::Token};
use crate::Environment;

/// The managed identities of this machine.
#[derive(Debug)]
pub(crate) struct ManagedIdentities {
    http: Client,
    clock: Arc<dyn Clock>,
    environment: Environment,
    /// What the client can do, such as `cp1`, for hosts that pass it on.
    capabilities: Vec<String>,
    arc_files: ArcFiles,
    /// Found out on first need.
    host: OnceLock<Result<Host, ManagedIdentityError>>,
    /// The hash of the last token of each kind: where a claims challenge rejected it, the host is told not to give it again.
    last: Mutex<HashMap<String, String>>,
    /// What pauses are multiples of.
    pub(crate) second: Duration,
}

/// Where the agent of Azure Arc is, and where it puts its challenges.
#[derive(Clone, Debug)]
pub(crate) struct ArcFiles {
    pub(crate) agent: PathBuf,
    pub(crate) challenges: PathBuf,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    /// Without `/.default`.
    pub(crate) resource: &'a str,
    pub(crate) identity: &'a ManagedIdentityId,
    /// The last token was rejected by a claims challenge: another one is needed.
    pub(crate) challenged: bool,
    pub(crate) correlation_id: Uuid,
    /// When it has to be over, pauses included.
    pub(crate) deadline: Instant,
}

impl ManagedIdentities {
    /// Asks nothing and looks at nothing yet.
    pub(crate) fn new(
        http: Client,
        clock: Arc<dyn Clock>,
        environment: Environment,
        capabilities: Vec<String>,
    ) -> Self {
        Self {
            http,
            clock,
            environment,
            capabilities,
            arc_files: arc::files(),
            host: OnceLock::new(),
            last: Mutex::default(),
            second: Duration::from_secs(1),
        }
    }

    /// Asks the host for a token; within the deadline again where that may help.
    pub(crate) async fn token(&self, ask: &Ask<'_>) -> Result<Token, ManagedIdentityError> {
        let host = self.host().as_ref().map_err(Clone::clone)?;
        let query = host.query(ask, self.rejected(ask).as_deref(), &self.capabilities)?;
        let attempt = || async {
            let left = ask.deadline.saturating_duration_since(Instant::now());
            host.attempt(&self.http, &query, left.min(ATTEMPT), self.clock.now()).await
        };
        match retry::until(ask.deadline, self.second, &host.retries, attempt).await {
            Outcome::Answered(answer) if answer.status == 200 => {
                let token =
                    reply::read(&answer, self.clock.now()).map_err(|problem| error::unusable(host, &problem))?;
                host.check_echo(ask.identity, &token)?;
                self.remember(ask, &token.text);
                Ok(token)
            }
            Outcome::Answered(answer) => Err(error::of(host, &answer)),
            Outcome::NoAnswer(cause) => Err(error::silent(host, &cause)),
            Outcome::Failed(error) => Err(error),
        }
    }

    fn host(&self) -> &Result<Host, ManagedIdentityError> {
        self.host.get_or_init(|| {
            let kind = detect::kind(&self.environment, self.arc_files.agent.exists());
            let host = self.host_of(kind)?;
            tracing::info!(host = host.name, endpoint = %host.endpoint, "managed identities come from here");
            Ok(host)
        })
    }

    fn host_of(&self, kind: Kind) -> Result<Host, ManagedIdentityError> {
        match kind {
            Kind::ServiceFabric => service_fabric::host(&self.environment),
            Kind::AppService => app_service::host(&self.environment),
            Kind::AzureMl => azure_ml::host(&self.environment),
            Kind::CloudShell => cloud_shell::host(&self.environment),
            Kind::AzureArc => arc::host(&self.environment, &self.arc_files),
            Kind::Imds => imds::host(&self.environment),
        }
    }

    fn rejected(&self, ask: &Ask<'_>) -> Option<String> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        ask.challenged.then(|| last.get(&ask.name()).cloned()).flatten()
    }

    fn remember(&self, ask: &Ask<'_>, token: &Secret) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() >= MAX_REMEMBERED {
            last.clear();
        }
        last.insert(ask.name(), hex_sha256(token));
    }
}

impl Ask<'_> {
    fn name(&self) -> String {
        format!("{} {}", self.identity, self.resource)
    }
}

/// The resource of a scope that ends in `/.default`; anything else is a resource already.
pub(crate) fn resource(scope: &str) -> &str {
    let split = scope.len().checked_sub(DEFAULT.len()).and_then(|at| scope.split_at_checked(at));
    split.filter(|(_, end)| end.eq_ignore_ascii_case(DEFAULT)).map_or(scope, |(resource, _)| resource)
}

fn hex_sha256(token: &Secret) -> String {
    let hash = digest::digest(&digest::SHA256, token.expose().as_bytes());
    hex(hash.as_ref())
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// The longest that one attempt may take: these services are near.
const ATTEMPT: Duration = Duration::from_secs(10);
const DEFAULT: &str = "/.default";
/// Far more identities and resources than one machine has.
const MAX_REMEMBERED: usize = 1024;

#[cfg(test)]
mod tests;
