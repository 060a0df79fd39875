//! Client credentials: how the client proves to Entra who it is.
//!
//! The list's order is the order of preference: the first that loads is used. One that Entra refused for reasons of its own
//! (a revoked certificate, an assertion that is not trusted) steps back behind the others for a while. A new source is one
//! file here and a line in [`Source`].

mod assertion_file;
mod bundle;
mod certificate;
mod client_assertion;
mod file;
mod secret;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use sidekey_host::UnixTime;
use sidekey_oauth::{ClientId, Secret};

use self::{assertion_file::AssertionFile, certificate::Certificate, secret::ClientSecret};
use crate::config::{CredentialConfig, CredentialSource};

/// The client's credentials in their order. Reading and signing block the thread: use them off the runtime's own.
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
    Secret(ClientSecret),
    Certificate(Box<Certificate>),
    AssertionFile(AssertionFile),
}

/// What a proof is made for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purpose<'a> {
    pub(crate) client_id: &'a ClientId,
    /// The token endpoint that is really asked.
    pub(crate) audience: &'a str,
    /// Whether the authority knows PS256 and SHA-256 thumbprints.
    pub(crate) takes_ps256: bool,
    pub(crate) send_x5c: bool,
    pub(crate) now: UnixTime,
}

/// What goes into the token request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// `client_secret`.
    Secret(Secret),
    /// `client_assertion`, signed by us or by someone else.
    Assertion(Secret),
}

/// A proof and whose it is.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// The credential's place in the list.
    pub(crate) index: usize,
    pub(crate) proof: Proof,
    /// An assertion that was used before: worth one more try with a new one.
    pub(crate) reused: bool,
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
}

impl CredentialError {
    fn new(field: &'static str, problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { field, problem: problem.into(), hint: hint.into(), missing: false }
    }
}

impl Credentials {
    /// Reads nothing yet.
    pub(crate) fn new(configured: &[CredentialConfig]) -> Self {
        let credential = |config: &CredentialConfig| Credential {
            key: config.key.clone(),
            source: Source::of(&config.source),
            steps_back_until: AtomicU64::new(0),
        };
        Self { list: configured.iter().map(credential).collect(), last: AtomicUsize::new(usize::MAX) }
    }

    /// A proof from the first credential that has one.
    pub(crate) fn choose(&self, purpose: &Purpose<'_>) -> Result<Chosen, String> {
        self.first_that_loads(self.in_order(purpose.now), purpose)
    }

    /// Another proof after Entra refused one: from the next credential, or from the same one if the refused proof was not
    /// made for this request. `None` if there is no other.
    pub(crate) fn choose_after(&self, refused: &Chosen, purpose: &Purpose<'_>) -> Option<Chosen> {
        let credential = self.list.get(refused.index)?;
        credential.source.forget();
        credential.steps_back_until.store(purpose.now.0.saturating_add(STEP_BACK_SECONDS), Ordering::Relaxed);
        let mut others = self.in_order(purpose.now);
        others.retain(|index| *index != refused.index || refused.reused);
        self.first_that_loads(others, purpose).ok()
    }

    fn in_order(&self, now: UnixTime) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.list.len()).collect();
        order.sort_by_key(|index| self.list.get(*index).is_some_and(|credential| credential.steps_back(now)));
        order
    }

    fn first_that_loads(&self, order: Vec<usize>, purpose: &Purpose<'_>) -> Result<Chosen, String> {
        let mut problems = Vec::new();
        for index in order {
            let Some(credential) = self.list.get(index) else { continue };
            match credential.source.prove(purpose) {
                Ok((proof, reused)) => {
                    self.log_choice(index, &credential.key);
                    return Ok(Chosen { index, proof, reused });
                }
                Err(error) => {
                    tracing::warn!(credential = %credential.key, %error, "a client credential cannot be used");
                    problems.push(format!("`{}`: {error}", credential.key));
                }
            }
        }
        Err(none_usable(&problems))
    }

    fn log_choice(&self, index: usize, key: &str) {
        if self.last.swap(index, Ordering::Relaxed) != index {
            tracing::info!(credential = %key, "client credential chosen");
        }
    }
}

impl Credential {
    fn steps_back(&self, now: UnixTime) -> bool {
        self.steps_back_until.load(Ordering::Relaxed) > now.0
    }
}

impl Source {
    fn of(source: &CredentialSource) -> Self {
        match source {
            CredentialSource::Secret(text) => Self::Secret(ClientSecret::new(text.clone())),
            CredentialSource::Certificate { location, key_path, password } => {
                let certificate = Certificate::new(location.clone(), key_path.clone(), password.clone());
                Self::Certificate(Box::new(certificate))
            }
            CredentialSource::AssertionFile(path) => Self::AssertionFile(AssertionFile::new(path.clone())),
        }
    }

    /// The proof, and whether it was used before.
    fn prove(&self, purpose: &Purpose<'_>) -> Result<(Proof, bool), CredentialError> {
        match self {
            Self::Secret(secret) => Ok((Proof::Secret(secret.read()?), false)),
            Self::Certificate(certificate) => {
                certificate.assertion(purpose).map(|(assertion, reused)| (Proof::Assertion(assertion), reused))
            }
            Self::AssertionFile(file) => Ok((Proof::Assertion(file.read()?), false)),
        }
    }

    /// Drops what was kept for later use.
    fn forget(&self) {
        if let Self::Certificate(certificate) = self {
            certificate.forget();
        }
    }
}

/// Whether a configured credential can be loaded now, for the check at start.
pub(crate) fn check(source: &CredentialSource) -> Result<(), CredentialError> {
    match Source::of(source) {
        Source::Secret(secret) => secret.read().map(drop),
        Source::Certificate(certificate) => certificate.check(),
        Source::AssertionFile(file) => file.read().map(drop),
    }
}

fn none_usable(problems: &[String]) -> String {
    if problems.is_empty() {
        return "no client credential is configured: add one to `AzureAd:ClientCredentials`".to_owned();
    }
    format!("no client credential can be used: {}", problems.join("; "))
}

/// How long a refused credential comes after the others.
const STEP_BACK_SECONDS: u64 = 300;

#[cfg(test)]
mod tests;
