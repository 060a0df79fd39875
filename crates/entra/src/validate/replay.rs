//! Which signed requests came already. A seam of one method, so that a store shared by several sidecars can take its place.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    sync::{Mutex, PoisonError},
};

use sidekey_host::UnixTime;

/// What a signed request is remembered by.
pub(super) type ReplayKey = [u8; 32];

/// A memory of signed requests.
pub(super) trait ReplayMemory: fmt::Debug + Send + Sync {
    /// Remembers a request until it ends. `Ok(false)`: it came before.
    fn remember(&self, key: ReplayKey, until: UnixTime, now: UnixTime) -> Result<bool, Full>;
}

/// There is no room for another request, and forgetting one that is still good would let it in again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// The memory of one process.
#[derive(Debug)]
pub(super) struct InMemory {
    max_entries: usize,
    seen: Mutex<Seen>,
}

/// By the minute in which they end: what has ended goes away a minute at a time.
#[derive(Debug, Default)]
struct Seen {
    minutes: BTreeMap<u64, HashSet<ReplayKey>>,
    count: usize,
}

impl InMemory {
    /// Room for so many requests.
    pub(super) fn new(max_entries: usize) -> Self {
        Self { max_entries, seen: Mutex::default() }
    }
}

impl ReplayMemory for InMemory {
    fn remember(&self, key: ReplayKey, until: UnixTime, now: UnixTime) -> Result<bool, Full> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.forget_before(minute(now));
        let is_full = seen.count >= self.max_entries;
        let minute = seen.minutes.entry(minute(until)).or_default();
        if minute.contains(&key) {
            return Ok(false);
        }
        if is_full {
            return Err(Full);
        }
        minute.insert(key);
        seen.count += 1;
        Ok(true)
    }
}

impl Seen {
    fn forget_before(&mut self, minute: u64) {
        while let Some(oldest) = self.minutes.first_entry().filter(|oldest| *oldest.key() < minute) {
            self.count -= oldest.remove().len();
        }
    }
}

fn minute(time: UnixTime) -> u64 {
    time.0 / 60
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: UnixTime = UnixTime(1_700_000_000);

    fn key(number: u8) -> ReplayKey {
        [number; 32]
    }

    #[test]
    fn a_request_is_new_once_until_it_ends() {
        let memory = InMemory::new(10);
        let until = NOW + Duration::from_mins(5);
        assert_eq!(memory.remember(key(1), until, NOW), Ok(true));
        assert_eq!(memory.remember(key(1), until, NOW), Ok(false));
        assert_eq!(memory.remember(key(1), until, until), Ok(false), "in its last second too");
        assert_eq!(memory.remember(key(2), until, NOW), Ok(true));
        assert_eq!(memory.seen.lock().unwrap().count, 2);
    }

    #[test]
    fn a_full_memory_takes_nothing_more_and_forgets_nothing_that_is_good() {
        let memory = InMemory::new(2);
        let until = NOW + Duration::from_mins(5);
        for number in 0..2 {
            assert_eq!(memory.remember(key(number), until, NOW), Ok(true));
        }
        assert_eq!(memory.remember(key(2), until, NOW), Err(Full));
        assert_eq!(memory.remember(key(0), until, NOW), Ok(false));
        let later = until + Duration::from_mins(1);
        assert_eq!(memory.remember(key(2), later + Duration::from_mins(5), later), Ok(true), "the others have ended");
        assert_eq!(memory.seen.lock().unwrap().count, 1);
    }
}
