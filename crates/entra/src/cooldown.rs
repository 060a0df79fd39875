//! `Retry-After` remembered per key: until it lapses, callers get the same answer without Entra being asked.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sidekey_host::UnixTime;

use crate::{
    AcquireError,
    cache::key::{Key, KnownHash},
};

/// Keys that Entra does not want to hear of for a while.
#[derive(Debug, Default)]
pub(crate) struct Cooldowns {
    until: Mutex<HashMap<Key, (UnixTime, AcquireError), KnownHash>>,
}

impl Cooldowns {
    /// Remembers an error that says when to come again.
    pub(crate) fn remember(&self, key: &Key, error: &AcquireError, now: UnixTime) {
        let AcquireError::Unavailable { retry_after: Some(wait), .. } = error else { return };
        let mut map = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= MAX_KEYS {
            map.retain(|_, (until, _)| *until > now);
        }
        if map.len() < MAX_KEYS {
            map.insert(key.clone(), (now + *wait, error.clone()));
        }
    }

    /// The remembered error with the time that is left, if there is any.
    pub(crate) fn active(&self, key: &Key, now: UnixTime) -> Option<AcquireError> {
        let mut map = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, error) = map.get(key)?;
        if *until > now {
            return Some(with_wait(error.clone(), until.since(now)));
        }
        map.remove(key);
        None
    }

    /// A token was got: whatever was said before no longer holds.
    pub(crate) fn forget(&self, key: &Key) {
        self.until.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

fn with_wait(mut error: AcquireError, wait: Duration) -> AcquireError {
    if let AcquireError::Unavailable { retry_after, .. } = &mut error {
        *retry_after = Some(wait);
    }
    error
}

/// Far more than can be throttled at a time; beyond it Entra is asked again.
const MAX_KEYS: usize = 10_000;
