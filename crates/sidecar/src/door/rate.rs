//! `Sidecar:RateLimit`: how often one caller may ask (GCRA, the token bucket that keeps one number), in constant memory.

use std::{
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv4Addr},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use sidekey_host::listen::Peer;
use tokio::time::Instant;

/// A bucket per caller. Callers fall into the slots of a table by a hash that nobody outside can compute; that two of them
/// meet in one is rare, and then they share a bucket.
#[derive(Debug)]
pub(crate) struct RateLimit {
    rate: Rate,
    started: Instant,
    hasher: RandomState,
    /// When each bucket is full again, in nanoseconds since the start.
    slots: Box<[AtomicU64]>,
}

/// A rate as two times in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rate {
    /// What one request takes.
    interval: u64,
    /// How far ahead of time a bucket may be.
    tolerance: u64,
}

/// Whom we take for one caller: what the socket says of it, and whether it shows the caller key, so that those who are turned
/// away for want of it use up nothing of the others' rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Caller {
    socket: Socket,
    shows_key: bool,
}

/// Where a caller is. All of loopback is one: whoever is there can choose its address. A Unix socket tells its users apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Socket {
    Loopback,
    Address(Ipv4Addr),
    /// An IPv6 network: a single host has all of it.
    Network(u64),
    User(Option<u32>),
}

impl RateLimit {
    /// So many requests per second on average, and so many at once.
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        let slots = (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        Self { rate: Rate::new(per_second, burst), started: Instant::now(), hasher: RandomState::new(), slots }
    }

    /// Counts a request, with the caller key or without. `Err` is the time after which the caller may ask again.
    pub(crate) fn admit(&self, peer: Peer, shows_key: bool) -> Result<(), Duration> {
        let now = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let Some(slot) = self.slots.get(self.slot(Caller { socket: Socket::of(peer), shows_key })) else {
            return Ok(());
        };
        let mut full_at = slot.load(Ordering::Relaxed);
        loop {
            let next = self.rate.next(full_at, now)?;
            match slot.compare_exchange_weak(full_at, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(other) => full_at = other,
            }
        }
    }

    fn slot(&self, caller: Caller) -> usize {
        usize::try_from(self.hasher.hash_one(caller) % SLOTS).unwrap_or(0)
    }
}

impl Rate {
    fn new(per_second: u32, burst: u32) -> Self {
        let interval = NANOS_PER_SECOND / u64::from(per_second.max(1));
        Self { interval, tolerance: interval.saturating_mul(u64::from(burst.max(1)) - 1) }
    }

    /// When the bucket will be full again after one more request, or how long it is until there is room for that.
    fn next(self, full_at: u64, now: u64) -> Result<u64, Duration> {
        let full_at = full_at.max(now);
        match (full_at - now).checked_sub(self.tolerance) {
            None | Some(0) => Ok(full_at.saturating_add(self.interval)),
            Some(wait) => Err(Duration::from_nanos(wait)),
        }
    }
}

impl Socket {
    fn of(peer: Peer) -> Self {
        match peer {
            Peer::Unix { uid } => Self::User(uid),
            Peer::Tcp(address) if address.ip().to_canonical().is_loopback() => Self::Loopback,
            Peer::Tcp(address) => match address.ip().to_canonical() {
                IpAddr::V6(ip) => Self::Network(u64::try_from(ip.to_bits() >> 64).unwrap_or(0)),
                IpAddr::V4(ip) => Self::Address(ip),
            },
        }
    }
}

const SLOTS: u64 = 65_536;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tcp(address: &str) -> Peer {
        Peer::Tcp(address.parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_the_rate_holds() {
        let limit = RateLimit::new(10, 3);
        let admitted = |peer| limit.admit(peer, false).is_ok();
        for _ in 0..3 {
            assert!(admitted(tcp("10.0.0.1:1")));
        }
        assert_eq!(
            limit.admit(tcp("10.0.0.1:2"), false),
            Err(Duration::from_millis(100)),
            "another port is no other caller"
        );
        tokio::time::advance(Duration::from_millis(99)).await;
        assert!(!admitted(tcp("10.0.0.1:1")));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(admitted(tcp("10.0.0.1:1")) && !admitted(tcp("10.0.0.1:1")));
        tokio::time::advance(Duration::from_hours(1)).await;
        let passed = (0..10).filter(|_| admitted(tcp("10.0.0.1:1"))).count();
        assert_eq!(passed, 3, "what was not used does not add up");
    }

    #[tokio::test(start_paused = true)]
    async fn callers_do_not_use_up_each_others_rate_and_loopback_is_one() {
        let limit = RateLimit::new(1, 1);
        let callers = [
            tcp("127.0.0.1:1"),
            tcp("10.0.0.1:1"),
            tcp("10.0.0.2:1"),
            tcp("[2001:db8::1]:1"),
            Peer::Unix { uid: Some(0) },
            Peer::Unix { uid: Some(1000) },
        ];
        // In one run of some thousands, two of them share a slot.
        let callers: Vec<_> = callers.iter().flat_map(|peer| [(*peer, false), (*peer, true)]).collect();
        let slot = |(peer, shows_key): &(_, _)| limit.slot(Caller { socket: Socket::of(*peer), shows_key: *shows_key });
        let slots: std::collections::HashSet<_> = callers.iter().map(slot).collect();
        let admitted = callers.iter().filter(|(peer, shows_key)| limit.admit(*peer, *shows_key).is_ok()).count();
        assert_eq!(admitted, slots.len());
        for same in ["127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            let refused = ["127.0.0.1:1", same].map(|address| limit.admit(tcp(address), false).is_err());
            assert_eq!(refused, [true, true], "{same}");
        }
        assert_eq!(Socket::of(tcp("[2001:db8::1]:1")), Socket::of(tcp("[2001:db8::ffff:2]:1")));
        assert_eq!(Socket::of(tcp("[::ffff:10.0.0.1]:1")), Socket::of(tcp("10.0.0.1:1")));
    }

    proptest! {
        #[test]
        fn no_more_pass_than_the_rate_and_the_burst_allow(
            per_second in 1_u32..1000, burst in 1_u32..100, steps in prop::collection::vec(0_u64..10_000_000, 1..300),
        ) {
            let rate = Rate::new(per_second, burst);
            let (mut now, mut full_at, mut passed) = (0, 0, 0_u64);
            for step in steps {
                now += step;
                if let Ok(next) = rate.next(full_at, now) {
                    full_at = next;
                    passed += 1;
                }
            }
            prop_assert!(passed <= u64::from(burst) + now / rate.interval + 1, "{passed} in {now} ns");
        }
    }
}
