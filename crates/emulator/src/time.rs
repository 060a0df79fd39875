//! Times as texts, and the jitter of lifetimes.

use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use sidekey_host::UnixTime;

/// `2026-01-09 02:02:12Z`, as error replies have it.
pub(crate) fn timestamp(time: UnixTime) -> String {
    moment(time).strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// `2026-01-09T02:02:12.0000000Z`, as error texts have it.
pub(crate) fn iso(time: UnixTime) -> String {
    moment(time).strftime("%Y-%m-%dT%H:%M:%S.0000000Z").to_string()
}

fn moment(time: UnixTime) -> jiff::Timestamp {
    i64::try_from(time.0).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok()).unwrap_or_default()
}

/// A sequence of numbers that look random, the same for the same seed (SplitMix64). For jitter, not for secrets.
#[derive(Debug)]
pub(crate) struct Jitter(AtomicU64);

impl Jitter {
    /// The sequence of a seed.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next number between two bounds, both included.
    pub(crate) fn between(&self, (low, high): (u64, u64)) -> u64 {
        let state = self.0.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        low + (mixed ^ (mixed >> 31)) % (high.saturating_sub(low) + 1)
    }
}

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_sequence_within_its_bounds() {
        let draw = |seed| {
            let jitter = Jitter::seeded(seed);
            (0..100).map(|_| jitter.between((3600, 5400))).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(draw(7).iter().all(|seconds| (3600..=5400).contains(seconds)));
    }

    #[test]
    fn times_are_written_as_entra_writes_them() {
        assert_eq!(timestamp(UnixTime(1_767_924_132)), "2026-01-09 02:02:12Z");
        assert_eq!(iso(UnixTime(1_767_924_132)), "2026-01-09T02:02:12.0000000Z");
        assert_eq!(timestamp(UnixTime(u64::MAX)), "1970-01-01 00:00:00Z");
    }
}
