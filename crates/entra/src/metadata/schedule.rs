//! When a document is fetched, as arithmetic.

use std::time::Duration;

use sidekey_host::UnixTime;

/// The history of one document's fetches, as far as the next one depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Schedule {
    /// Failures since the last success.
    failures: u32,
    /// Not before this, because the last one failed.
    retry_at: UnixTime,
    /// When an unknown key last made us look.
    unknown_key_at: Option<UnixTime>,
}

impl Schedule {
    /// Whether a document that is due may be fetched.
    pub(super) fn allows(&self, now: UnixTime) -> bool {
        now >= self.retry_at
    }

    /// Whether an unknown key is a reason to look at the authority. The first one always is: keys rotate soon after a
    /// start, too.
    pub(super) fn allows_for_unknown_key(&self, now: UnixTime) -> bool {
        self.allows(now) && self.unknown_key_at.is_none_or(|last| now >= last + UNKNOWN_KEY_PAUSE || now < last)
    }

    /// An unknown key makes us look.
    pub(super) fn looks_for_unknown_key(&mut self, now: UnixTime) {
        self.unknown_key_at = Some(now);
    }

    /// A good document came. Gives the time of the next refresh.
    pub(super) fn succeeded(&mut self, now: UnixTime, jitter: Duration) -> UnixTime {
        self.failures = 0;
        self.retry_at = UnixTime(0);
        now + REFRESH_INTERVAL + jitter
    }

    /// None came. Gives the time of the next try.
    pub(super) fn failed(&mut self, now: UnixTime) -> UnixTime {
        let pause = Duration::from_secs(1 << self.failures.min(5)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = now + pause;
        self.retry_at
    }
}

/// Whether a document fetched then may still be believed.
pub(super) fn is_usable(fetched_at: UnixTime, now: UnixTime) -> bool {
    now.since(fetched_at) < LAST_KNOWN_GOOD
}

/// How long a good document is used before a newer one is asked for.
const REFRESH_INTERVAL: Duration = Duration::from_hours(1);
/// The most that is added to it, so that many sidecars do not ask at once: 5 %.
pub(super) const MAX_JITTER: Duration = Duration::from_mins(3);
/// How long a good document is believed while no newer one is to be had.
const LAST_KNOWN_GOOD: Duration = Duration::from_hours(24);
/// How long unknown keys are just unknown after one made us look.
const UNKNOWN_KEY_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause between failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_between_failures_double_up_to_half_a_minute() {
        let mut schedule = Schedule::default();
        let mut now = UnixTime(1_000);
        for pause in [1, 2, 4, 8, 16, 30, 30] {
            assert!(schedule.allows(now));
            assert_eq!(schedule.failed(now), UnixTime(now.0 + pause));
            assert!(!schedule.allows(UnixTime(now.0 + pause - 1)));
            now = UnixTime(now.0 + pause);
        }
        assert_eq!(schedule.succeeded(now, Duration::from_secs(7)), UnixTime(now.0 + 3_607));
        assert!(schedule.allows(now));
        assert_eq!(schedule.failed(now), UnixTime(now.0 + 1));
    }

    #[test]
    fn unknown_keys_are_a_reason_every_half_minute() {
        let mut schedule = Schedule::default();
        let now = UnixTime(1_000);
        assert!(schedule.allows_for_unknown_key(now));
        schedule.looks_for_unknown_key(now);
        assert!(!schedule.allows_for_unknown_key(UnixTime(1_029)));
        assert!(schedule.allows_for_unknown_key(UnixTime(1_030)));
        // A clock that was set back must not hold new keys off for years.
        assert!(schedule.allows_for_unknown_key(UnixTime(10)));
        schedule.failed(UnixTime(1_030));
        assert!(!schedule.allows_for_unknown_key(UnixTime(1_030)));
    }

    #[test]
    fn a_good_document_is_believed_for_a_day() {
        assert!(is_usable(UnixTime(1_000), UnixTime(1_000 + 86_399)));
        assert!(!is_usable(UnixTime(1_000), UnixTime(1_000 + 86_400)));
        assert!(is_usable(UnixTime(1_000), UnixTime(0)));
    }
}
