//! The in-memory token cache: bounded by entries and by bytes, one look-up whatever the number of tenants and scopes. What
//! brings new tokens without the user (refresh tokens, sessions) is kept beside them, within the same bounds.

pub(crate) mod grant;
pub(crate) mod key;
pub(crate) mod policy;

use std::{
    hash::RandomState,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use quick_cache::{
    OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};
use sidekey_host::UnixTime;

use self::{
    grant::Grant,
    key::{Key, KeyRef, KnownHash, Parts},
    policy::Lifetime,
};
use crate::{AccessToken, config::CacheConfig};

/// Tokens by key.
#[derive(Debug)]
pub(crate) struct TokenCache {
    tokens: Cache<Key, Item, Weight, KnownHash>,
    seed: RandomState,
    /// Held while a grant is changed, which takes a look first.
    changing: Mutex<()>,
}

/// What a key leads to. The keys of the two never meet: a grant's has no scopes.
#[derive(Clone, Debug)]
enum Item {
    Token(Arc<Entry>),
    Grant(Arc<Grant>),
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

    /// Whether a background refresh may begin now. Says yes to one caller, and then to nobody until the next attempt is due;
    /// the others need not even look for the running one. Where the authority is `strained`, a first attempt is put off like
    /// a repeated one, so that not everybody comes at once. `draw`, from 0 to 1, spreads the attempts.
    pub(crate) fn begin_refresh(&self, now: UnixTime, strained: bool, draw: f64) -> bool {
        let next = self.next_refresh.load(Ordering::Relaxed);
        let then = self.lifetime.next_attempt(now, draw).0;
        let mine = next <= now.0
            && self.next_refresh.compare_exchange(next, then, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        mine && !(strained && next == 0)
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
        Self { tokens, seed: RandomState::new(), changing: Mutex::default() }
    }

    /// The key of some parts, without allocating.
    pub(crate) fn key<'a>(&self, parts: Parts<'a>) -> KeyRef<'a> {
        KeyRef::new(parts, &self.seed)
    }

    pub(crate) fn get(&self, key: &KeyRef<'_>) -> Option<Arc<Entry>> {
        self.tokens.get(key).and_then(Item::token)
    }

    pub(crate) fn get_owned(&self, key: &Key) -> Option<Arc<Entry>> {
        self.tokens.get(key).and_then(Item::token)
    }

    pub(crate) fn insert(&self, key: Key, entry: Entry) {
        self.tokens.insert(key, Item::Token(Arc::new(entry)));
    }

    /// What brings new tokens, by a key without scopes.
    pub(crate) fn grant(&self, key: &KeyRef<'_>) -> Option<Arc<Grant>> {
        self.tokens.get(key).and_then(Item::grant)
    }

    /// Puts what `change` makes of the present grant in its place and returns it; nobody else changes it meanwhile. `None`
    /// removes it.
    pub(crate) fn change_grant(
        &self,
        key: &KeyRef<'_>,
        change: impl FnOnce(Option<&Grant>) -> Option<Grant>,
    ) -> Option<Arc<Grant>> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let present = self.grant(key);
        let changed = change(present.as_deref()).map(Arc::new);
        match &changed {
            Some(grant) => self.tokens.insert(key.to_key(), Item::Grant(Arc::clone(grant))),
            None if present.is_some() => drop(self.tokens.remove(key)),
            None => {}
        }
        changed
    }
}

impl Item {
    fn token(self) -> Option<Arc<Entry>> {
        match self {
            Self::Token(entry) => Some(entry),
            Self::Grant(_) => None,
        }
    }

    fn grant(self) -> Option<Arc<Grant>> {
        match self {
            Self::Grant(grant) => Some(grant),
            Self::Token(_) => None,
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Token(entry) => entry.token.authorization.expose().len(),
            Self::Grant(grant) => grant.size(),
        }
    }
}

/// An entry weighs its bytes, but never so little that more than the allowed number of entries would fit.
#[derive(Clone, Copy, Debug)]
struct Weight {
    floor: u64,
}

impl Weighter<Key, Item> for Weight {
    fn weight(&self, key: &Key, item: &Item) -> u64 {
        let bytes = key.size() + item.size() + OVERHEAD_BYTES;
        u64::try_from(bytes).unwrap_or(u64::MAX).max(self.floor)
    }
}

/// Structs, reference counts and the cache's own bookkeeping, about.
const OVERHEAD_BYTES: usize = 300;
/// A generous token with its key.
const ROOM_PER_ENTRY: u64 = 16 * 1024;

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
            agent: None,
            identity: Identity::App,
            scopes: ScopeSet::Of(scopes),
            claims: None,
            fmi_path: None,
            credential_fmi_path: None,
            composite: None,
            session_key: None,
            confirmation: None,
            extra_parameters: &[],
            extra_headers: &[],
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
        let begun = |strained| {
            let entry = entry(1);
            [100, 100, 129, 130, 131].map(|now| entry.begin_refresh(UnixTime(now), strained, 0.0))
        };
        assert_eq!(begun(false), [true, false, false, true, false]);
        assert_eq!(begun(true), [false, false, false, true, false], "the first attempt is put off");
    }
}
