//! Whether the authority answers: a circuit breaker. Pure but for its counters; the time is an argument.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use sidekey_host::UnixTime;

/// What is known of the authority from the last requests.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// Requests without an answer since the last answer.
    failures: AtomicU32,
    /// Unix seconds before which nothing is asked, once there were too many.
    closed_until: AtomicU64,
    /// Unix seconds until which it counts as just come back.
    settles_at: AtomicU64,
}

impl Health {
    /// Whether the last request was answered, and the last outage is a while ago.
    pub(crate) fn is_good(&self, now: UnixTime) -> bool {
        self.failures.load(Ordering::Relaxed) == 0 && !self.is_settling(now)
    }

    /// Whether what can wait should: the authority is down, or has just come back, and everyone wants something of it.
    pub(crate) fn is_strained(&self, now: UnixTime) -> bool {
        self.failures.load(Ordering::Relaxed) >= THRESHOLD || self.is_settling(now)
    }

    fn is_settling(&self, now: UnixTime) -> bool {
        now.0 < self.settles_at.load(Ordering::Relaxed)
    }

    /// Whether a request may be sent. After [`THRESHOLD`] failures only one per pause is, to see whether the authority is back;
    /// the others are told how long to wait.
    pub(crate) fn admit(&self, now: UnixTime) -> Result<(), Duration> {
        let failures = self.failures.load(Ordering::Relaxed);
        if failures < THRESHOLD {
            return Ok(());
        }
        let until = self.closed_until.load(Ordering::Relaxed);
        let next = now.0.saturating_add(pause_seconds(failures));
        let probe = until <= now.0
            && self.closed_until.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if probe { Ok(()) } else { Err(Duration::from_secs(until.saturating_sub(now.0).max(1))) }
    }

    /// The authority answered, be it with a refusal.
    pub(crate) fn answered(&self, now: UnixTime) {
        // Nearly always there was none, and a read keeps the cache line shared.
        if self.failures.load(Ordering::Relaxed) == 0 {
            return;
        }
        if self.failures.swap(0, Ordering::Relaxed) >= THRESHOLD {
            self.settles_at.store(now.0.saturating_add(SETTLING_SECONDS), Ordering::Relaxed);
        }
    }

    /// The authority did not answer, or said that it cannot.
    pub(crate) fn failed(&self, now: UnixTime) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if failures >= THRESHOLD {
            self.closed_until.store(now.0.saturating_add(pause_seconds(failures)), Ordering::Relaxed);
        }
    }
}

/// Doubles with each failure, up to [`LONGEST_PAUSE_SECONDS`].
fn pause_seconds(failures: u32) -> u64 {
    1_u64
        .checked_shl(failures.saturating_sub(THRESHOLD))
        .map_or(LONGEST_PAUSE_SECONDS, |s| s.min(LONGEST_PAUSE_SECONDS))
}

const THRESHOLD: u32 = 5;
const LONGEST_PAUSE_SECONDS: u64 = 30;
/// As long as the longest pause between two attempts to renew a token, so that all have had theirs.
const SETTLING_SECONDS: u64 = 90;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_five_failures_one_request_per_pause_goes_out() {
        let health = Health::default();
        for second in 0..4 {
            health.failed(UnixTime(second));
            assert_eq!(health.admit(UnixTime(second)), Ok(()));
        }
        health.failed(UnixTime(4));
        assert_eq!(health.admit(UnixTime(4)), Err(Duration::from_secs(1)));
        assert_eq!(health.admit(UnixTime(5)), Ok(()), "the probe");
        assert!(health.admit(UnixTime(5)).is_err(), "one probe is enough");
        health.failed(UnixTime(5));
        assert_eq!(health.admit(UnixTime(6)), Err(Duration::from_secs(1)));
        assert_eq!(health.admit(UnixTime(7)), Ok(()));
    }

    #[test]
    fn an_answer_closes_the_matter() {
        let health = Health::default();
        assert!(health.is_good(UnixTime(0)));
        (0..100).for_each(|_| health.failed(UnixTime(0)));
        assert!(!health.is_good(UnixTime(0)) && health.is_strained(UnixTime(0)));
        assert_eq!(health.admit(UnixTime(29)), Err(Duration::from_secs(1)));
        health.answered(UnixTime(29));
        assert_eq!(health.admit(UnixTime(29)), Ok(()));
    }

    #[test]
    fn after_an_outage_the_authority_is_spared_for_a_while() {
        let health = Health::default();
        (0..5).for_each(|_| health.failed(UnixTime(0)));
        health.answered(UnixTime(10));
        for (now, good) in [(10, false), (99, false), (100, true)] {
            assert_eq!((health.is_good(UnixTime(now)), health.is_strained(UnixTime(now))), (good, !good), "{now}");
        }
        health.failed(UnixTime(200));
        assert!(!health.is_good(UnixTime(200)) && !health.is_strained(UnixTime(200)), "once is no outage");
        health.answered(UnixTime(201));
        assert!(health.is_good(UnixTime(201)));
    }
}
