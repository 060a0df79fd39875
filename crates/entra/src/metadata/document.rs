//! One metadata document: kept, refreshed behind its readers, fetched by one task at a time.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use sidekey_host::{Clock, UnixTime};

use super::{
    fetch::{FetchError, Published, fetch},
    keys::KeySet,
    schedule::{MAX_JITTER, Schedule, is_usable},
    source::Source,
};

/// A document with the keys it names.
#[derive(Debug)]
pub(crate) struct Document {
    source: Source,
    client: reqwest::Client,
    clock: Arc<dyn Clock>,
    /// The last good document.
    keys: ArcSwapOption<KeySet>,
    /// The Unix time from which a reader starts a refresh. Beside the lock, so that readers take none.
    refresh_at: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    schedule: Schedule,
    flight: Option<Flight>,
    last_error: Option<Arc<FetchError>>,
}

/// A fetch under way; every waiter has the same one, and none of them leaving stops it.
type Flight = Shared<BoxFuture<'static, Outcome>>;
type Outcome = Result<Arc<KeySet>, Arc<FetchError>>;

impl Document {
    pub(super) fn new(source: Source, client: reqwest::Client, clock: Arc<dyn Clock>) -> Self {
        Self {
            source,
            client,
            clock,
            keys: ArcSwapOption::empty(),
            refresh_at: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    /// Where it is, and what is expected in it.
    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// What there is now, without waiting. An old document starts its own refresh; one that is too old is none.
    pub(crate) fn current(self: &Arc<Self>, now: UnixTime) -> Option<Arc<KeySet>> {
        let keys = self.keys.load_full()?;
        if now.0 >= self.refresh_at.load(Ordering::Relaxed) {
            self.refresh(now);
        }
        is_usable(keys.fetched_at, now).then_some(keys)
    }

    /// The keys; waits for them if there are none, but not for long.
    pub(crate) async fn keys(self: &Arc<Self>, now: UnixTime) -> Outcome {
        if let Some(current) = self.current(now) {
            return Ok(current);
        }
        match self.start(now, |schedule| schedule.allows(now)) {
            Ok(flight) => self.wait(flight).await,
            Err(error) => Err(error.unwrap_or_else(|| self.error("not fetched yet"))),
        }
    }

    /// Newer keys than these, in which one was missing: those that came in the meantime, or those of a fetch, for which
    /// this waits. `None` where the last look was a moment ago, or brought nothing.
    pub(crate) async fn keys_newer_than(self: &Arc<Self>, seen: &Arc<KeySet>, now: UnixTime) -> Option<Arc<KeySet>> {
        if let Some(newer) = self.keys.load_full().filter(|keys| !Arc::ptr_eq(keys, seen)) {
            return Some(newer);
        }
        let flight = self.start(now, |schedule| {
            let allowed = schedule.allows_for_unknown_key(now);
            if allowed {
                schedule.looks_for_unknown_key(now);
            }
            allowed
        });
        self.wait(flight.ok()?).await.ok()
    }

    /// Whether a fetch is under way.
    #[cfg(test)]
    pub(super) fn is_busy(&self) -> bool {
        self.state().flight.is_some()
    }

    /// Why the last fetch failed, if it did.
    #[cfg(test)]
    pub(super) fn last_error(&self) -> Option<String> {
        self.state().last_error.as_ref().map(ToString::to_string)
    }

    #[cold]
    fn refresh(self: &Arc<Self>, now: UnixTime) {
        // It goes on by itself; the next reader sees what came of it.
        let _ = self.start(now, |schedule| schedule.allows(now));
    }

    /// The fetch under way, or a new one if the schedule has it. `Err` is why the last one failed, if it did.
    fn start(
        self: &Arc<Self>,
        now: UnixTime,
        allowed: impl FnOnce(&mut Schedule) -> bool,
    ) -> Result<Flight, Option<Arc<FetchError>>> {
        let mut state = self.state();
        // A flight that has a result and is still here is one whose task died.
        if let Some(flight) = state.flight.as_ref().filter(|flight| flight.peek().is_none()) {
            return Ok(flight.clone());
        }
        if !allowed(&mut state.schedule) {
            return Err(state.last_error.clone());
        }
        // Readers need not ask again while this one is under way.
        self.refresh_at.store((now + FLIGHT_PATIENCE).0, Ordering::Relaxed);
        let flight = self.fly();
        state.flight = Some(flight.clone());
        Ok(flight)
    }

    fn fly(self: &Arc<Self>) -> Flight {
        let (document, fallback) = (Arc::clone(self), self.error("the fetch was interrupted"));
        let task = tokio::spawn(async move {
            let published = fetch(&document.client, &document.source).await;
            document.land(published)
        });
        task.map(move |joined| joined.unwrap_or(Err(fallback))).boxed().shared()
    }

    /// Takes over what came; anything bad leaves the good document where it is.
    fn land(&self, published: Result<Published, FetchError>) -> Outcome {
        let now = self.clock.now();
        let previous = self.keys.load_full();
        let built = published.and_then(|published| {
            KeySet::build(published, previous.as_deref(), now)
                .map_err(|reason| FetchError { address: self.source.address.clone(), reason })
        });
        let mut state = self.state();
        state.flight = None;
        match built.map(Arc::new).map_err(Arc::new) {
            Ok(keys) => {
                self.keys.store(Some(Arc::clone(&keys)));
                state.last_error = None;
                let next = state.schedule.succeeded(now, jitter());
                self.refresh_at.store(next.0, Ordering::Relaxed);
                self.log_success(&keys, previous.as_deref());
                Ok(keys)
            }
            Err(error) => {
                state.last_error = Some(Arc::clone(&error));
                let next = state.schedule.failed(now);
                self.refresh_at.store(next.0, Ordering::Relaxed);
                log_failure(&error, previous.filter(|keys| is_usable(keys.fetched_at, now)).as_deref());
                Err(error)
            }
        }
    }

    fn log_success(&self, keys: &KeySet, previous: Option<&KeySet>) {
        let (address, count) = (&self.source.address, keys.len());
        if previous.is_some_and(|previous| previous.has_the_same_keys(keys)) {
            tracing::debug!(address, count, "signing keys fetched again; they are the same");
        } else {
            tracing::info!(address, count, "new signing keys fetched");
        }
    }

    async fn wait(&self, flight: Flight) -> Outcome {
        let outcome = tokio::time::timeout(CALLER_PATIENCE, flight).await;
        outcome.unwrap_or_else(|_| {
            Err(self.error(&format!("no answer within {} s; still waiting", CALLER_PATIENCE.as_secs())))
        })
    }

    fn error(&self, reason: &str) -> Arc<FetchError> {
        Arc::new(FetchError { address: self.source.address.clone(), reason: reason.to_owned() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What is in it is right after each statement, so that a panic elsewhere makes it no worse.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log_failure(error: &FetchError, kept: Option<&KeySet>) {
    if let Some(kept) = kept {
        let count = kept.len();
        tracing::warn!(%error, count, "signing keys could not be refreshed; those of the last fetch stay in use");
    } else {
        tracing::warn!(%error, "signing keys could not be fetched; no token can be verified without them");
    }
}

fn jitter() -> Duration {
    Duration::from_secs(rand::random_range(0..=MAX_JITTER.as_secs()))
}

/// How long a request waits for a fetch that it needs.
const CALLER_PATIENCE: Duration = Duration::from_secs(5);
/// How long readers do not ask about a fetch under way: longer than one can take.
const FLIGHT_PATIENCE: Duration = Duration::from_mins(1);
