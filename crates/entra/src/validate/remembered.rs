//! Tokens whose signature was checked already, so that a token which comes again costs a hash and not a modular power.
//!
//! What is remembered is "this key signed this text", which stays true; everything that can change (the time, the rules,
//! whether the key is still published) is judged each time by [`super::Validator`].

use std::sync::Arc;

use quick_cache::{Weighter, sync::Cache};

use super::VerifiedToken;

/// SHA-256 of a whole token.
pub(super) type Digest = [u8; 32];

/// The memory; bounded in entries, and in bytes by letting large tokens count for several.
#[derive(Debug)]
pub(super) struct Remembered {
    tokens: Cache<Digest, Arc<VerifiedToken>, Weight>,
}

impl Remembered {
    /// Room for so many tokens of usual size.
    pub(super) fn new(max_entries: usize) -> Self {
        let capacity = u64::try_from(max_entries).unwrap_or(u64::MAX);
        Self { tokens: Cache::with_weighter(max_entries.min(EXPECTED_ENTRIES), capacity, Weight) }
    }

    pub(super) fn get(&self, digest: &Digest) -> Option<Arc<VerifiedToken>> {
        self.tokens.get(digest)
    }

    pub(super) fn keep(&self, digest: Digest, token: Arc<VerifiedToken>) {
        self.tokens.insert(digest, token);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.tokens.iter().map(|(_, token)| token.bytes()).sum()
    }

    pub(super) fn forget(&self, digest: &Digest) {
        self.tokens.remove(digest);
    }
}

#[derive(Clone, Copy, Debug)]
struct Weight;

impl Weighter<Digest, Arc<VerifiedToken>> for Weight {
    fn weight(&self, _: &Digest, token: &Arc<VerifiedToken>) -> u64 {
        1 + u64::try_from(token.bytes() / USUAL_BYTES).unwrap_or(u64::MAX - 1)
    }
}

/// Token and claims up to this size count as one entry.
const USUAL_BYTES: usize = 8 * 1024;
/// For how many entries room is made at first; more are held as they come.
const EXPECTED_ENTRIES: usize = 1_000;
