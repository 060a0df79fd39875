//! The in-memory token cache: bounded by entries and by bytes, one look-up whatever the number of tenants and scopes.

pub(crate) mod key;
pub(crate) mod policy;

use std::{
    hash::RandomState,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use quick_cache::{
    OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};
use sidekey_host::UnixTime;

use self::{
    key::{Key, KeyRef, KnownHash, Parts},
    policy::Lifetime,
};
use crate::{AccessToken, config::CacheConfig};

/// Tokens by key.
#[derive(Debug)]
pub(crate) struct TokenCache {
    tokens: Cache<Key, Arc<Entry>, Weight, KnownHash>,
    seed: RandomState,
}

/// A cached token and its life.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) token: Arc<AccessToken>,
    pub(crate) lifetime: Lifetime,
    /// Which fetch brought it; later ones have higher numbers.
    pub(crate) sequence: u64,
    /// Unix seconds before which no further background refresh is begun.
    next_refresh: AtomicU64,
}

impl Entry {
    pub(crate) fn new(token: Arc<AccessToken>, lifetime: Lifetime, sequence: u64) -> Self {
        Self { token, lifetime, sequence, next_refresh: AtomicU64::new(0) }
    }

    /// Whether a background refresh may begin now. Says yes to one caller per [`REFRESH_PAUSE_SECONDS`]; the others need not
    /// even look for the running one.
    pub(crate) fn begin_refresh(&self, now: UnixTime) -> bool {
        let next = self.next_refresh.load(Ordering::Relaxed);
        let pause = now.0.saturating_add(REFRESH_PAUSE_SECONDS);
        next <= now.0 && self.next_refresh.compare_exchange(next, pause, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

impl TokenCache {
    pub(crate) fn new(bounds: CacheConfig) -> Self {
        let entries = u64::try_from(bounds.max_entries).unwrap_or(u64::MAX).max(1);
        let weight = Weight { floor: bounds.max_bytes.div_ceil(entries) };
        // The estimate decides the number of shards, each of which must have room for large tokens.
        let estimate = entries.min(bounds.max_bytes / ROOM_PER_ENTRY).max(1);
        let estimate = usize::try_from(estimate).unwrap_or(usize::MAX);
        let options =
            OptionsBuilder::new().estimated_items_capacity(estimate).weight_capacity(bounds.max_bytes).build();
        let tokens = match options {
            Ok(options) => Cache::with_options(options, weight, KnownHash::default(), DefaultLifecycle::default()),
            // Both settings are given, which is all that can be missing.
            Err(_) => {
                Cache::with(estimate, bounds.max_bytes, weight, KnownHash::default(), DefaultLifecycle::default())
            }
        };
        Self { tokens, seed: RandomState::new() }
    }

    /// The key of some parts, without allocating.
    pub(crate) fn key<'a>(&self, parts: Parts<'a>) -> KeyRef<'a> {
        KeyRef::new(parts, &self.seed)
    }

    pub(crate) fn get(&self, key: &KeyRef<'_>) -> Option<Arc<Entry>> {
        self.tokens.get(key)
    }

    pub(crate) fn get_owned(&self, key: &Key) -> Option<Arc<Entry>> {
        self.tokens.get(key)
    }

    pub(crate) fn insert(&self, key: Key, entry: Entry) {
        self.tokens.insert(key, Arc::new(entry));
    }
}

/// An entry weighs its bytes, but never so little that more than the allowed number of entries would fit.
#[derive(Clone, Copy, Debug)]
struct Weight {
    floor: u64,
}

impl Weighter<Key, Arc<Entry>> for Weight {
    fn weight(&self, key: &Key, entry: &Arc<Entry>) -> u64 {
        let bytes = key.size() + entry.token.authorization.expose().len() + OVERHEAD_BYTES;
        u64::try_from(bytes).unwrap_or(u64::MAX).max(self.floor)
    }
}

/// Structs, reference counts and the cache's own bookkeeping, about.
const OVERHEAD_BYTES: usize = 300;
/// A generous token with its key.
const ROOM_PER_ENTRY: u64 = 16 * 1024;
/// A failed background refresh is not repeated sooner.
const REFRESH_PAUSE_SECONDS: u64 = 30;

#[cfg(test)]
mod tests {
    use sidekey_oauth::{Scopes, Secret};

    use super::{
        key::{Identity, ScopeSet},
        *,
    };
    use crate::TokenScheme;

    fn entry(size: usize) -> Entry {
        let token = AccessToken {
            authorization: Secret::new("t".repeat(size)),
            scheme: TokenScheme::Bearer,
            expires_on: UnixTime(3600),
        };
        Entry::new(Arc::new(token), Lifetime::new(UnixTime(0), 3600, None, 0.0), 1)
    }

    fn fill(cache: &TokenCache, count: usize, size: usize) {
        for index in 0..count {
            let scopes = Scopes::parse(&format!("s{index}")).unwrap();
            cache.insert(cache.key(parts(&scopes)).to_key(), entry(size));
        }
    }

    fn parts(scopes: &Scopes) -> Parts<'_> {
        Parts {
            realm: "r",
            tenant: None,
            identity: Identity::App,
            scopes: ScopeSet::Of(scopes),
            claims: None,
            fmi_path: None,
            session_key: None,
            pop_public_key: None,
            extra_parameters: &[],
        }
    }

    #[test]
    fn the_number_of_entries_is_bounded() {
        let cache = TokenCache::new(CacheConfig { max_entries: 100, max_bytes: 64 << 20 });
        fill(&cache, 1000, 10);
        assert!(cache.tokens.len() <= 100 && cache.tokens.len() > 50, "{}", cache.tokens.len());
    }

    #[test]
    fn the_bytes_are_bounded() {
        let cache = TokenCache::new(CacheConfig { max_entries: 50_000, max_bytes: 1 << 20 });
        fill(&cache, 1000, 10_000);
        assert!(cache.tokens.len() <= 104 && cache.tokens.len() > 50, "{}", cache.tokens.len());
        assert!(cache.tokens.weight() <= 1 << 20);
    }

    #[test]
    fn what_was_put_in_is_found_by_a_borrowed_key() {
        let cache = TokenCache::new(CacheConfig::default());
        fill(&cache, 1000, 10);
        for index in 0..1000 {
            let scopes = Scopes::parse(&format!("s{index}")).unwrap();
            let key = cache.key(parts(&scopes));
            assert!(cache.get(&key).is_some() && cache.get_owned(&key.to_key()).is_some(), "{index}");
        }
    }

    #[test]
    fn one_caller_per_pause_begins_a_refresh() {
        let entry = entry(1);
        let begun: Vec<bool> = [100, 100, 129, 130, 131].map(|now| entry.begin_refresh(UnixTime(now))).into();
        assert_eq!(begun, [true, false, false, true, false]);
    }
}
