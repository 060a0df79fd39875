//! What a connection is doing, so that one that does nothing can be closed without a timer for each request.
//!
//! Hyper's own head timeout also runs while a kept-alive connection idles between requests; clients that pool connections
//! would find theirs closed after ten seconds. Here the stream, the service and the driver of a connection share this
//! record: bytes after a response are the beginning of a head, a call of the service is its end, and what is written after
//! the service answered is the response. The driver looks at it now and then.

use std::{
    sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::time::Instant;

/// One connection's record. All of it is touched from the connection's own task, hence the relaxed order.
#[derive(Debug)]
pub(super) struct Activity {
    started: Instant,
    phase: AtomicU8,
    /// When the phase began, in milliseconds since the start.
    since: AtomicU64,
    is_multiplexed: bool,
}

/// What the driver is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Look again at that time.
    LookAgain(Instant),
    /// The head did not come in time.
    HeadTooSlow,
    /// Nothing has happened for [`KEEP_ALIVE`].
    Idle,
}

impl Activity {
    /// For HTTP/1.1: a head is awaited from the start.
    pub(super) fn of_http1(started: Instant) -> Self {
        Self { started, phase: AtomicU8::new(HEAD), since: AtomicU64::new(0), is_multiplexed: false }
    }

    /// For HTTP/2: requests overlap, so that only silence in both directions says anything.
    pub(super) fn of_http2(started: Instant) -> Self {
        let activity = Self { started, phase: AtomicU8::new(IDLE), since: AtomicU64::new(0), is_multiplexed: true };
        activity.note_time();
        activity
    }

    /// Bytes came in.
    pub(super) fn read(&self) {
        if self.is_multiplexed {
            self.note_time();
        } else if self.phase.load(Relaxed) == IDLE {
            self.phase.store(HEAD, Relaxed);
            self.note_time();
        }
    }

    /// A request's head is complete.
    pub(super) fn called(&self) {
        if !self.is_multiplexed {
            self.phase.store(BUSY, Relaxed);
        }
    }

    /// The handler is done; its response is about to be written, which tells the time.
    pub(super) fn answered(&self) {
        if !self.is_multiplexed {
            self.phase.store(IDLE, Relaxed);
        }
    }

    /// Bytes went out. While a handler works that is no more than a `100 Continue`.
    pub(super) fn wrote(&self) {
        if self.phase.load(Relaxed) != BUSY {
            self.phase.store(IDLE, Relaxed);
            self.note_time();
        }
    }

    /// What to do at this time.
    pub(super) fn judge(&self, now: Instant, header_timeout: Duration) -> Verdict {
        let since = self.started + Duration::from_millis(self.since.load(Relaxed));
        match self.phase.load(Relaxed) {
            HEAD if since + header_timeout <= now => Verdict::HeadTooSlow,
            HEAD => Verdict::LookAgain(since + header_timeout),
            IDLE if since + KEEP_ALIVE <= now => Verdict::Idle,
            // A head may begin right after this look and is due no earlier than the next one.
            IDLE => Verdict::LookAgain((since + KEEP_ALIVE).min(now + header_timeout)),
            _ => Verdict::LookAgain(now + header_timeout),
        }
    }

    fn note_time(&self) {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.since.store(millis, Relaxed);
    }
}

/// How long a connection may idle between requests: Kestrel's 130 seconds, longer than clients keep theirs.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(130);

/// Bytes of a head are awaited or came in.
const HEAD: u8 = 0;
/// A request is being handled.
const BUSY: u8 = 1;
/// A response is being written, or the next request awaited.
const IDLE: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    fn judge(activity: &Activity) -> Verdict {
        activity.judge(Instant::now(), HEADER_TIMEOUT)
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_head_is_due_from_the_start_however_often_bytes_come() {
        let activity = Activity::of_http1(Instant::now());
        for _ in 0..9 {
            pass(1).await;
            activity.read();
        }
        assert_eq!(judge(&activity), Verdict::LookAgain(Instant::now() + Duration::from_secs(1)));
        pass(1).await;
        assert_eq!(judge(&activity), Verdict::HeadTooSlow);
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_may_take_its_time_also_after_a_100_continue() {
        let activity = Activity::of_http1(Instant::now());
        activity.called();
        activity.wrote();
        activity.read();
        pass(1_000).await;
        activity.read();
        assert_eq!(judge(&activity), Verdict::LookAgain(Instant::now() + HEADER_TIMEOUT));
    }

    #[tokio::test(start_paused = true)]
    async fn a_kept_alive_connection_may_idle_but_its_next_head_is_due_again() {
        let activity = Activity::of_http1(Instant::now());
        activity.called();
        activity.answered();
        activity.wrote();
        pass(125).await;
        assert_eq!(judge(&activity), Verdict::LookAgain(Instant::now() + Duration::from_secs(5)));
        activity.read();
        pass(9).await;
        activity.read();
        assert_eq!(judge(&activity), Verdict::LookAgain(Instant::now() + Duration::from_secs(1)));
        pass(1).await;
        assert_eq!(judge(&activity), Verdict::HeadTooSlow);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_ends() {
        let activity = Activity::of_http1(Instant::now());
        activity.called();
        activity.answered();
        activity.wrote();
        pass(130).await;
        assert_eq!(judge(&activity), Verdict::Idle);
    }

    #[tokio::test(start_paused = true)]
    async fn traffic_in_either_direction_keeps_an_http2_connection() {
        pass(3).await;
        let activity = Activity::of_http2(Instant::now());
        pass(129).await;
        activity.read();
        activity.called();
        pass(129).await;
        activity.wrote();
        pass(129).await;
        assert!(matches!(judge(&activity), Verdict::LookAgain(_)));
        pass(1).await;
        assert_eq!(judge(&activity), Verdict::Idle);
    }
}
