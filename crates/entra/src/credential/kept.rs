//! Assertions that others make for us: asked for once for all who need one, and kept while they serve.

use std::{
    collections::{HashMap, hash_map::RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sidekey_host::UnixTime;
use sidekey_oauth::Secret;
use tokio::time::Instant;

use super::{CredentialError, Made, Proof};
use crate::flight::{Flights, Work};

/// Assertions by whatever tells them apart, such as their audience.
#[derive(Debug)]
pub(super) struct Kept {
    source: &'static str,
    known: Arc<Mutex<HashMap<String, Assertion>>>,
    flights: Arc<Flights<String, Fetched, RandomState>>,
}

/// An assertion and the time until which it may be sent.
#[derive(Clone, Debug)]
pub(super) struct Assertion {
    pub(super) text: Secret,
    /// A margin before its end included.
    pub(super) serves_until: UnixTime,
}

pub(super) type Fetched = Result<Assertion, CredentialError>;

impl Kept {
    /// `source` is the `SourceType`, for messages.
    pub(super) fn new(source: &'static str) -> Self {
        Self { source, known: Arc::default(), flights: Flights::new() }
    }

    /// The assertion that is kept under a name, or a new one. Callers who come while it is being fetched wait for the same
    /// one; none of them cancels it by leaving, but the deadline does.
    pub(super) async fn get(
        &self,
        name: &str,
        now: UnixTime,
        deadline: Instant,
        fetch: impl FnOnce() -> Work<Fetched>,
    ) -> Result<Made, CredentialError> {
        if let Some(kept) = self.serving(name, now) {
            return Ok(Made { proof: Proof::Assertion(kept), reused: true });
        }
        let seat = self.flights.join(&name.to_owned(), || self.keeping(name.to_owned(), deadline, fetch()));
        let fetched = seat.result().await.unwrap_or_else(|| Err(CredentialError::internal(self.source)));
        fetched.map(|assertion| Made::new(Proof::Assertion(assertion.text)))
    }

    /// Drops every assertion, so that the next one is new.
    pub(super) fn forget(&self) {
        lock(&self.known).clear();
    }

    fn serving(&self, name: &str, now: UnixTime) -> Option<Secret> {
        let known = lock(&self.known);
        known.get(name).filter(|kept| now < kept.serves_until).map(|kept| kept.text.clone())
    }

    fn keeping(&self, name: String, deadline: Instant, fetch: Work<Fetched>) -> Work<Fetched> {
        let (source, known) = (self.source, Arc::clone(&self.known));
        Box::pin(async move {
            let fetched = tokio::time::timeout_at(deadline, fetch).await;
            let assertion = fetched.unwrap_or_else(|_| Err(CredentialError::too_slow(source)))?;
            let mut known = lock(&known);
            if known.len() >= MAX_KEPT {
                known.clear();
            }
            known.insert(name, assertion.clone());
            Ok(assertion)
        })
    }
}

fn lock(known: &Mutex<HashMap<String, Assertion>>) -> MutexGuard<'_, HashMap<String, Assertion>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Far more audiences and identities than one configuration has.
const MAX_KEPT: usize = 256;

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use super::*;

    fn numbered(counter: &Arc<AtomicUsize>) -> impl FnOnce() -> Work<Fetched> + use<> {
        let counter = Arc::clone(counter);
        || {
            Box::pin(async move {
                tokio::task::yield_now().await;
                let number = counter.fetch_add(1, Ordering::Relaxed);
                Ok(Assertion { text: Secret::new(number.to_string()), serves_until: UnixTime(100) })
            })
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test(start_paused = true)]
    async fn one_fetch_serves_all_until_it_no_longer_does() {
        let (kept, counter) = (Kept::new("Test"), Arc::default());
        let get = |name, now| kept.get(name, UnixTime(now), soon(), numbered(&counter));
        let (first, second) = tokio::join!(get("a", 1), get("a", 1));
        assert_eq!(first.unwrap().proof, second.unwrap().proof);
        let again = get("a", 99).await.unwrap();
        assert_eq!((again.proof, again.reused), (Proof::Assertion(Secret::new("0")), true));
        let late = get("a", 100).await.unwrap();
        assert_eq!((late.proof, late.reused), (Proof::Assertion(Secret::new("1")), false));
        assert!(!get("b", 1).await.unwrap().reused);
        kept.forget();
        assert!(!get("a", 1).await.unwrap().reused);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_that_hangs_ends_at_its_deadline_and_the_next_one_begins_anew() {
        let (kept, counter) = (Kept::new("Test"), Arc::default());
        let error = kept.get("a", UnixTime(1), soon(), || Box::pin(std::future::pending())).await.unwrap_err();
        assert!(error.problem.contains("`Test` gave nothing in time"), "{error}");
        assert!(kept.get("a", UnixTime(1), soon(), numbered(&counter)).await.is_ok());
    }
}
