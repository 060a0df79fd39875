//! One fetch per key at a time, in a task of its own: callers who leave cancel nothing, and a panic reaches each of them as a
//! missing result.
//!
//! Callers who must not be served by a fetch that began before they asked wait for the next one; that is one fetch for all of
//! them, begun when the running one ends.

use std::{
    collections::HashMap,
    future::Future,
    hash::{BuildHasher, Hash},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

/// The running fetches.
#[derive(Debug)]
pub(crate) struct Flights<K, V, S> {
    slots: Mutex<HashMap<K, Slot<V>, S>>,
}

/// The running fetch of a key and the one behind it.
struct Slot<V> {
    running: watch::Receiver<Option<V>>,
    next: Option<Pending<V>>,
}

struct Pending<V> {
    work: Work<V>,
    sender: watch::Sender<Option<V>>,
}

/// A fetch that has not begun.
pub(crate) type Work<V> = Pin<Box<dyn Future<Output = V> + Send>>;

type Slots<'a, K, V, S> = MutexGuard<'a, HashMap<K, Slot<V>, S>>;

impl<V> Pending<V> {
    fn new(work: Work<V>) -> Self {
        Self { work, sender: watch::Sender::new(None) }
    }
}

/// A seat: the result comes here.
#[derive(Debug)]
pub(crate) struct Seat<V>(watch::Receiver<Option<V>>);

impl<V: Clone> Seat<V> {
    /// The result, or `None` if the fetch panicked.
    pub(crate) async fn result(mut self) -> Option<V> {
        self.0.wait_for(Option::is_some).await.ok().and_then(|value| value.clone())
    }
}

impl<K, V, S> Flights<K, V, S>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Default + Send + 'static,
{
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { slots: Mutex::new(HashMap::default()) })
    }

    /// Takes a seat in the running fetch, or begins one with `work`.
    pub(crate) fn join(self: &Arc<Self>, key: &K, work: impl FnOnce() -> Work<V>) -> Seat<V> {
        let slots = self.lock();
        if let Some(slot) = slots.get(key) {
            return Seat(slot.running.clone());
        }
        self.begin(slots, key, Pending::new(work()))
    }

    /// Takes a seat in a fetch that has not begun yet, or begins one if none is running.
    pub(crate) fn join_next(self: &Arc<Self>, key: &K, work: impl FnOnce() -> Work<V>) -> Seat<V> {
        let mut slots = self.lock();
        let Some(slot) = slots.get_mut(key) else { return self.begin(slots, key, Pending::new(work())) };
        let next = slot.next.get_or_insert_with(|| Pending::new(work()));
        Seat(next.sender.subscribe())
    }

    /// Whether nothing is being fetched.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn begin(self: &Arc<Self>, mut slots: Slots<'_, K, V, S>, key: &K, flight: Pending<V>) -> Seat<V> {
        let running = flight.sender.subscribe();
        slots.insert(key.clone(), Slot { running: running.clone(), next: None });
        // A runtime that is going down drops the task at once, and with it the landing, which needs the lock.
        drop(slots);
        let landing = Landing { flights: Arc::clone(self), key: key.clone() };
        tokio::spawn(async move {
            // Owned by the task, so that it ends the flight however the task ends.
            let landing = landing;
            let result = flight.work.await;
            // Before anybody has the result: who asks again because of it must not find the flight that is over.
            drop(landing);
            flight.sender.send_replace(Some(result));
        });
        Seat(running)
    }

    /// Clears the slot, or begins the fetch that was waiting.
    fn land(self: &Arc<Self>, key: &K) {
        let mut slots = self.lock();
        let next = slots.remove(key).and_then(|slot| slot.next);
        // Without a runtime the program is ending, and nobody waits.
        if let (Some(next), Ok(_)) = (next, tokio::runtime::Handle::try_current()) {
            self.begin(slots, key, next);
        }
    }

    fn lock(&self) -> Slots<'_, K, V, S> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> std::fmt::Debug for Slot<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").field("next", &self.next.is_some()).finish_non_exhaustive()
    }
}

/// Ends a flight when it is dropped.
struct Landing<K, V, S>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Default + Send + 'static,
{
    flights: Arc<Flights<K, V, S>>,
    key: K,
}

impl<K, V, S> Drop for Landing<K, V, S>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Default + Send + 'static,
{
    fn drop(&mut self) {
        self.flights.land(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        hash::RandomState,
        sync::atomic::{AtomicU32, Ordering},
    };

    use tokio::sync::Semaphore;

    use super::*;

    /// Fetches that wait for a permit each and give their number.
    struct Source {
        begun: AtomicU32,
        gate: Semaphore,
    }

    impl Source {
        fn new() -> Arc<Self> {
            Arc::new(Self { begun: AtomicU32::new(0), gate: Semaphore::new(0) })
        }

        fn work(self: &Arc<Self>) -> Work<u32> {
            let source = Arc::clone(self);
            Box::pin(async move {
                let number = source.begun.fetch_add(1, Ordering::SeqCst);
                source.gate.acquire().await.unwrap().forget();
                number
            })
        }
    }

    fn flights() -> Arc<Flights<&'static str, u32, RandomState>> {
        Flights::new()
    }

    #[tokio::test]
    async fn those_who_ask_together_share_one_fetch() {
        let (flights, source) = (flights(), Source::new());
        let seats: Vec<_> = (0..300).map(|_| flights.join(&"a", || source.work())).collect();
        let other = flights.join(&"b", || source.work());
        source.gate.add_permits(2);
        for seat in seats {
            assert_eq!(seat.result().await, Some(0));
        }
        assert_eq!(other.result().await, Some(1));
    }

    #[tokio::test]
    async fn one_who_leaves_cancels_nothing() {
        let (flights, source) = (flights(), Source::new());
        drop(flights.join(&"a", || source.work()));
        let seat = flights.join(&"a", || unreachable!("the first one still runs"));
        source.gate.add_permits(1);
        assert_eq!(seat.result().await, Some(0));
        assert!(flights.is_empty());
    }

    #[tokio::test]
    async fn those_who_need_a_later_fetch_share_the_next_one() {
        let (flights, source) = (flights(), Source::new());
        let first = flights.join(&"a", || source.work());
        let later: Vec<_> = (0..10).map(|_| flights.join_next(&"a", || source.work())).collect();
        let usual = flights.join(&"a", || unreachable!());
        source.gate.add_permits(2);
        assert_eq!((first.result().await, usual.result().await), (Some(0), Some(0)));
        for seat in later {
            assert_eq!(seat.result().await, Some(1));
        }
        assert!(flights.is_empty());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_asks_again_because_of_a_result_gets_a_newer_one() {
        let (flights, source) = (flights(), Source::new());
        source.gate.add_permits(2_000);
        for number in 0..2_000 {
            assert_eq!(flights.join(&"a", || source.work()).result().await, Some(number));
        }
    }

    #[tokio::test]
    async fn a_panic_ends_the_flight_and_not_the_next_one() {
        let (flights, source) = (flights(), Source::new());
        let seat = flights.join(&"a", || Box::pin(async { panic!("on purpose") }));
        let next = flights.join_next(&"a", || source.work());
        source.gate.add_permits(1);
        assert_eq!(seat.result().await, None);
        assert_eq!(next.result().await, Some(0));
        assert!(flights.is_empty());
    }
}
