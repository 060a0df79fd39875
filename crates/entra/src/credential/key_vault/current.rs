//! The version of a certificate that is in use, and when the vault is asked whether there is a newer one.

use std::{
    collections::hash_map::RandomState,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sidekey_host::{Clock, UnixTime};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    super::CredentialError,
    NAME,
    certificate::{Loader, VaultCertificate},
    client::Errand,
    error::VaultError,
};
use crate::flight::{Flights, Seat};

/// The certificate in use.
#[derive(Debug)]
pub(super) struct Current {
    loader: Arc<Loader>,
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
    flights: Arc<Flights<(), Loaded, RandomState>>,
}

type Loaded = Result<Arc<VaultCertificate>, CredentialError>;

/// What is known of the certificate.
#[derive(Debug, Default)]
struct State {
    /// A pinned version is never asked for again.
    pinned: bool,
    certificate: Option<Arc<VaultCertificate>>,
    checked: UnixTime,
    /// When the vault is asked again.
    check_at: UnixTime,
    /// Entra refused the certificate: it may have been replaced.
    suspect: bool,
    /// Why there is none.
    failure: Option<CredentialError>,
}

/// What to do for somebody who needs the certificate.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Use,
    /// Use it, and ask the vault behind the caller's back.
    UseAndCheck,
    Check,
    Fail,
}

impl Current {
    pub(super) fn new(loader: Loader, pinned: bool, clock: Arc<dyn Clock>) -> Self {
        let state = State { pinned, ..State::default() };
        Self { loader: Arc::new(loader), clock, state: Arc::new(Mutex::new(state)), flights: Flights::new() }
    }

    /// The certificate; from the vault if there is none, if it ended, or if Entra refused it.
    pub(super) async fn get(&self, now: UnixTime, errand: Errand) -> Loaded {
        let (step, certificate, failure) = {
            let state = lock(&self.state);
            (state.step(now), state.certificate.clone(), state.failure.clone())
        };
        match (step, certificate, failure) {
            (Step::Use, Some(certificate), _) => Ok(certificate),
            (Step::UseAndCheck, Some(certificate), _) => {
                drop(self.check(errand.correlation_id, Instant::now() + BACKGROUND));
                Ok(certificate)
            }
            (Step::Fail, _, Some(failure)) => Err(failure),
            _ => {
                // Its own words shall come before the end of the time.
                let deadline = errand.deadline.checked_sub(GRACE).unwrap_or(errand.deadline);
                let loaded = self.check(errand.correlation_id, deadline).result().await;
                loaded.unwrap_or_else(|| Err(CredentialError::internal(NAME)))
            }
        }
    }

    /// The version in use, if there is one.
    #[cfg(test)]
    pub(super) fn version(&self) -> Option<String> {
        lock(&self.state).certificate.as_ref().map(|certificate| certificate.version.clone())
    }

    /// Whether a newer version may be there than the one in use, as far as is known from the time before an acquisition.
    pub(super) fn may_be_old(&self, began: UnixTime) -> bool {
        let state = lock(&self.state);
        !state.pinned && state.certificate.is_some() && state.checked < began
    }

    /// Entra refused it: the next caller asks the vault, unless it was asked a moment ago.
    pub(super) fn suspect(&self, now: UnixTime) {
        let mut state = lock(&self.state);
        state.suspect = !state.pinned && state.checked + SUSPECT_PAUSE <= now;
    }

    fn check(&self, correlation_id: Uuid, deadline: Instant) -> Seat<Loaded> {
        let (loader, clock, state) = (Arc::clone(&self.loader), Arc::clone(&self.clock), Arc::clone(&self.state));
        self.flights.join(&(), || {
            Box::pin(async move {
                let known = lock(&state).certificate.clone();
                let errand = Errand { correlation_id, deadline };
                let load = loader.load(known.as_deref(), clock.now(), errand);
                let answer = tokio::time::timeout_at(deadline, load).await;
                let answer = answer.unwrap_or_else(|_| Err(CredentialError::too_slow(NAME).into()));
                lock(&state).take(answer, clock.now())
            })
        })
    }
}

impl State {
    fn step(&self, now: UnixTime) -> Step {
        let due = self.check_at <= now;
        match &self.certificate {
            Some(_) if self.suspect => Step::Check,
            Some(certificate) if certificate.valid_to <= now && !self.pinned && due => Step::Check,
            Some(_) if due && !self.pinned => Step::UseAndCheck,
            Some(_) => Step::Use,
            None if due || self.failure.is_none() => Step::Check,
            None => Step::Fail,
        }
    }

    /// Takes over what the vault answered. A certificate that serves is not given up for one that does not.
    fn take(&mut self, answer: Result<Option<VaultCertificate>, VaultError>, now: UnixTime) -> Loaded {
        self.checked = now;
        self.suspect = false;
        self.check_at = now + CHECK_EVERY;
        match answer {
            Ok(Some(new)) => {
                tracing::info!(version = new.version, "a certificate from the vault is in use");
                self.failure = None;
                let new = Arc::new(new);
                self.certificate = Some(Arc::clone(&new));
                Ok(new)
            }
            Ok(None) => {
                self.failure = None;
                self.certificate.clone().ok_or_else(|| CredentialError::internal(NAME))
            }
            Err(VaultError { error, retry_after, withdrawn }) => {
                self.check_at = now + retry_after.unwrap_or(AFTER_FAILURE).clamp(AFTER_FAILURE, CHECK_EVERY);
                match self.certificate.take_if(|_| withdrawn) {
                    None if self.certificate.is_some() => {
                        tracing::warn!(%error, "the vault has no better certificate; the old one stays in use");
                        self.certificate.clone().ok_or(error)
                    }
                    _ => {
                        self.failure = Some(error.clone());
                        Err(error)
                    }
                }
            }
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long a certificate is used before the vault is asked for a newer one.
const CHECK_EVERY: Duration = Duration::from_hours(4);
/// The shortest time between two questions where the vault had no good answer.
const AFTER_FAILURE: Duration = Duration::from_secs(30);
/// The same where Entra refuses the certificate again and again.
const SUSPECT_PAUSE: Duration = Duration::from_secs(30);
const BACKGROUND: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::{
        super::{certificate::VaultKey, error},
        *,
    };

    fn version(name: &str, valid_to: u64) -> VaultCertificate {
        let key = VaultKey::InVault { version: name.to_owned() };
        VaultCertificate { version: name.to_owned(), chain: Vec::new(), key, valid_to: UnixTime(valid_to) }
    }

    fn failed(withdrawn: bool, retry_after: Option<u64>) -> Result<Option<VaultCertificate>, VaultError> {
        let retry_after = retry_after.map(Duration::from_secs);
        Err(VaultError { retry_after, withdrawn, ..error::of_vault("no", "yes") })
    }

    const NOW: UnixTime = UnixTime(1_000_000);
    const LATER: UnixTime = UnixTime(1_000_000 + 4 * 3600);

    #[test]
    fn the_vault_is_asked_at_first_then_now_and_then_behind_the_callers_back() {
        let mut state = State::default();
        assert_eq!(state.step(NOW), Step::Check);
        state.take(Ok(Some(version("1", u64::MAX))), NOW).unwrap();
        assert_eq!(state.step(UnixTime(LATER.0 - 1)), Step::Use);
        assert_eq!(state.step(LATER), Step::UseAndCheck);
        state.take(Ok(None), LATER).unwrap();
        assert_eq!(state.step(LATER), Step::Use);
        assert_eq!(state.take(Ok(Some(version("2", u64::MAX))), LATER).unwrap().version, "2");
    }

    #[test]
    fn a_certificate_that_ended_is_replaced_before_it_is_used() {
        let mut state = State::default();
        state.take(Ok(Some(version("1", LATER.0))), NOW).unwrap();
        assert_eq!(state.step(LATER), Step::Check);
        state.take(failed(false, None), LATER).unwrap();
        // The caller finds out that it ended; the vault is not asked for each of them.
        assert_eq!((state.step(LATER), state.step(LATER + AFTER_FAILURE)), (Step::Use, Step::Check));
    }

    #[test]
    fn a_failure_keeps_the_old_certificate_and_is_not_repeated_at_once() {
        let mut state = State::default();
        assert!(state.take(failed(false, None), NOW).is_err());
        assert_eq!((state.step(NOW), state.step(NOW + AFTER_FAILURE)), (Step::Fail, Step::Check));
        assert!(state.take(failed(false, Some(600)), NOW).is_err());
        assert_eq!(state.step(UnixTime(NOW.0 + 599)), Step::Fail);
        state.take(Ok(Some(version("1", u64::MAX))), NOW).unwrap();
        assert_eq!(state.take(failed(false, None), LATER).unwrap().version, "1");
        assert_eq!((state.step(LATER), state.step(LATER + AFTER_FAILURE)), (Step::Use, Step::UseAndCheck));
        // Someone disabled the very version that is in use.
        assert!(state.take(failed(true, None), LATER).is_err());
        assert_eq!(state.step(LATER), Step::Fail);
    }

    #[test]
    fn a_pinned_version_is_never_asked_for_again() {
        let mut state = State { pinned: true, ..State::default() };
        assert_eq!(state.step(NOW), Step::Check);
        state.take(Ok(Some(version("1", LATER.0))), NOW).unwrap();
        assert_eq!((state.step(LATER), state.step(UnixTime(u64::MAX))), (Step::Use, Step::Use));
    }
}
