//! Ten minutes without the authority, on a paused clock: callers notice nothing, neither while it is away nor when it is back.

use std::{collections::BTreeMap, future::poll_fn, pin::pin, task::Poll};

use super::*;

/// Moves the engine's clock and the runtime's together, in steps in which callers ask.
struct Days {
    bench: Bench,
    /// Seconds since all tokens were got.
    now: u64,
}

impl Days {
    /// An engine with a token for each of the keys, all got at the same time.
    async fn with_tokens(lifetime: u64) -> Self {
        let bench = Bench::new().await;
        bench.server.answer(move |_| Reply::token("a-token", lifetime));
        for index in 0..KEYS {
            bench.acquire(&request(index)).await.unwrap();
        }
        Self { bench, now: 0 }
    }

    /// Lets time pass in which nobody asks.
    async fn sleep_until(&mut self, then: u64) {
        let step = Duration::from_secs(then - self.now);
        self.bench.clock.advance(step);
        tokio::time::advance(step).await;
        self.now = then;
    }

    /// Some callers ask every two seconds, and all of them get a token at once. Gives when the authority was asked.
    async fn callers_ask_until(
        &mut self,
        then: u64,
        keys: impl Iterator<Item = usize> + Clone,
    ) -> BTreeMap<u64, usize> {
        let mut asked = BTreeMap::new();
        while self.now < then {
            let before = self.bench.asked();
            for index in keys.clone() {
                self.ask_at_once(index).await;
            }
            self.bench.settled().await;
            let count = self.bench.asked() - before;
            if count > 0 {
                asked.insert(self.now, count);
            }
            self.sleep_until(self.now + 2).await;
        }
        asked
    }

    /// A caller who would not wait for a single moment.
    async fn ask_at_once(&self, index: usize) {
        let request = request(index);
        let mut answer = pin!(self.bench.acquire(&request));
        let answer = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await;
        match answer {
            Poll::Ready(Ok((token, _))) => assert_eq!(token, "Bearer a-token"),
            Poll::Ready(Err(error)) => panic!("at {} s key {index} failed: {error}", self.now),
            Poll::Pending => panic!("at {} s key {index} had to wait", self.now),
        }
    }
}

fn request(index: usize) -> TokenRequest {
    TokenRequest::new(Flow::App, Scopes::parse(&format!("api://{index}/.default")).unwrap())
}

/// Renewals are many, take at least half a minute in all, and no two seconds get more than their share.
#[track_caller]
fn assert_spread(asked: &BTreeMap<u64, usize>, keys: usize) {
    let total: usize = asked.values().sum();
    assert!(total >= keys, "{total} renewals: {asked:?}");
    let (first, last) = (asked.first_key_value().unwrap().0, asked.last_key_value().unwrap().0);
    assert!(last - first >= 30, "all within {} s: {asked:?}", last - first);
    let most = asked.values().max().unwrap();
    assert!(*most <= keys / 4, "{most} of {total} at a time: {asked:?}");
}

#[tokio::test(start_paused = true)]
async fn nobody_notices_ten_minutes_without_the_authority() {
    let mut days = Days::with_tokens(3600).await;
    days.sleep_until(1500).await;
    // All tokens come into the time of their renewal while nobody answers. Half of them are asked for all the time.
    days.bench.server.set_down(true);
    assert!(days.callers_ask_until(2100, (0..KEYS).step_by(2)).await.is_empty(), "the authority was down");
    days.bench.server.set_down(false);
    let mut asked = days.callers_ask_until(2140, (0..KEYS).step_by(2)).await;
    assert!(!asked.is_empty(), "it is known by now that the authority is back");
    // Now the others are wanted too, all at once.
    asked.extend(days.callers_ask_until(2400, 0..KEYS).await);
    assert_spread(&asked, KEYS);
    assert_eq!(asked.values().sum::<usize>(), KEYS, "once for each key");
}

#[tokio::test(start_paused = true)]
async fn tokens_that_come_near_their_end_in_an_outage_make_nobody_wait() {
    let mut days = Days::with_tokens(1200).await;
    days.sleep_until(500).await;
    days.bench.server.set_down(true);
    assert!(days.callers_ask_until(1100, 0..KEYS).await.is_empty());
    days.bench.server.set_down(false);
    let asked = days.callers_ask_until(1300, 0..KEYS).await;
    assert_eq!(asked.values().sum::<usize>(), KEYS, "once for each key: {asked:?}");
}

#[tokio::test(start_paused = true)]
async fn tokens_that_were_got_together_are_not_renewed_together() {
    let mut days = Days::with_tokens(3600).await;
    days.sleep_until(1600).await;
    assert_spread(&days.callers_ask_until(2000, 0..KEYS).await, KEYS);
}

const KEYS: usize = 300;
