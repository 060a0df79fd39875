//! When a host is asked again: the rules that Microsoft's libraries keep to, within the time that the caller has.

use std::{ops::RangeInclusive, time::Duration};

use tokio::time::Instant;

use super::ManagedIdentityError;
use crate::http::{Answer, NoAnswer};

/// What came of one attempt.
#[derive(Debug)]
pub(super) enum Outcome {
    Answered(Answer),
    NoAnswer(String),
    /// Another attempt would end like this one.
    Failed(ManagedIdentityError),
}

/// Which statuses are worth another attempt, and the pauses before each, in seconds.
#[derive(Debug)]
pub(super) struct Retries {
    statuses: &'static [RangeInclusive<u16>],
    /// Whether silence is, too.
    silence: bool,
    pauses: &'static [u32],
    /// The same for 410.
    updating: &'static [u32],
}

/// The service is being updated for some time (410), or not quite there.
pub(super) const IMDS: Retries = Retries {
    statuses: &[404..=404, 408..=408, 410..=410, 429..=429, 500..=599],
    silence: true,
    pauses: &[1, 2, 4],
    updating: UPDATING_PAUSES,
};
pub(super) const OTHERS: Retries = Retries {
    statuses: &[404..=404, 408..=408, 429..=429, 500..=500, 503..=504],
    silence: true,
    pauses: &[1, 1, 1],
    updating: &[],
};
/// 404 means that the identity is not there, and stays so.
pub(super) const SERVICE_FABRIC: Retries = Retries {
    statuses: &[408..=408, 429..=429, 500..=500, 503..=504],
    silence: true,
    pauses: &[1, 1, 1],
    updating: &[],
};
/// The metadata service's other half. On most machines without it there is only silence.
pub(super) const COMPUTE: Retries =
    Retries { statuses: &[410..=410, 429..=429, 500..=599], silence: false, pauses: &[1, 2, 4], updating: &[1, 2, 4] };

/// While the metadata service is updated, which takes up to 70 s.
pub(super) const UPDATING: u16 = 410;
pub(super) const UPDATING_PAUSES: &[u32] = &[10; 7];

/// Attempts until one is good, or no other may help, or the next one would come too late. A `second` is what pauses are
/// multiples of.
pub(super) async fn until<F: Future<Output = Outcome>>(
    deadline: Instant,
    second: Duration,
    retries: &Retries,
    mut attempt: impl FnMut() -> F,
) -> Outcome {
    let mut made = 0;
    loop {
        let outcome = attempt().await;
        let pause = retries.pause(&outcome, made).map(|seconds| second * seconds);
        match pause.filter(|pause| Instant::now() + *pause < deadline) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return outcome,
        }
        made += 1;
    }
}

impl Retries {
    /// Seconds to wait before the next attempt, after so many others; `None` if there is to be none.
    fn pause(&self, outcome: &Outcome, made: usize) -> Option<u32> {
        let (status, asked_for) = match outcome {
            Outcome::Failed(_) => return None,
            Outcome::NoAnswer(_) => (None, None),
            Outcome::Answered(answer) => (Some(answer.status), answer.retry_after),
        };
        let listed = |status: u16| self.statuses.iter().any(|range| range.contains(&status));
        if !status.map_or(self.silence, listed) {
            return None;
        }
        let pauses = if status == Some(UPDATING) { self.updating } else { self.pauses };
        let own = *pauses.get(made)?;
        let asked_for = asked_for.map_or(0, |wait| u32::try_from(wait.as_secs()).unwrap_or(u32::MAX));
        Some(own.max(asked_for))
    }
}

impl Outcome {
    pub(super) fn of(answer: Result<Answer, NoAnswer>) -> Self {
        answer.map_or_else(|cause| Self::NoAnswer(cause.to_string()), Self::Answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<u64>) -> Outcome {
        let retry_after = retry_after.map(Duration::from_secs);
        Outcome::Answered(Answer { status, retry_after, body: Vec::new().into() })
    }

    /// The statuses in turn, 0 for no answer at all and 200 when there are no more; how many were asked for, and the seconds
    /// that it took.
    async fn tries(retries: &Retries, time: u64, statuses: &[u16]) -> (usize, u64) {
        let started = Instant::now();
        let mut made = 0;
        let attempt = || {
            let status = statuses.get(made).copied().unwrap_or(200);
            made += 1;
            async move { if status == 0 { Outcome::NoAnswer("x".to_owned()) } else { answer(status, None) } }
        };
        until(started + Duration::from_secs(time), Duration::from_secs(1), retries, attempt).await;
        (made, started.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn each_host_has_its_own_patience() {
        let day = 86_400;
        for (retries, statuses, expected) in [
            (&IMDS, &[][..], (1, 0)),
            (&IMDS, &[400], (1, 0)),
            (&IMDS, &[401], (1, 0)),
            (&IMDS, &[404; 9], (4, 7)),
            (&IMDS, &[408; 9], (4, 7)),
            (&IMDS, &[429; 9], (4, 7)),
            (&IMDS, &[599; 9], (4, 7)),
            (&IMDS, &[0; 9], (4, 7)),
            (&IMDS, &[410; 9], (8, 70)),
            (&IMDS, &[410, 410, 500], (4, 24)),
            (&IMDS, &[500, 200], (2, 1)),
            (&OTHERS, &[404; 9], (4, 3)),
            (&OTHERS, &[503; 9], (4, 3)),
            (&OTHERS, &[0; 9], (4, 3)),
            (&OTHERS, &[410], (1, 0)),
            (&OTHERS, &[501], (1, 0)),
            (&OTHERS, &[502], (1, 0)),
            (&COMPUTE, &[0], (1, 0)),
            (&COMPUTE, &[404], (1, 0)),
            (&COMPUTE, &[410; 9], (4, 7)),
            (&COMPUTE, &[500; 9], (4, 7)),
            (&SERVICE_FABRIC, &[404], (1, 0)),
            (&SERVICE_FABRIC, &[500; 9], (4, 3)),
        ] {
            assert_eq!(tries(retries, day, statuses).await, expected, "{statuses:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_pause_goes_beyond_the_deadline() {
        assert_eq!(tries(&IMDS, 30, &[410; 9]).await, (3, 20));
        assert_eq!(tries(&IMDS, 2, &[500; 9]).await, (2, 1));
    }

    #[test]
    fn a_host_may_ask_for_a_longer_pause() {
        assert_eq!(IMDS.pause(&answer(429, Some(17)), 0), Some(17));
        assert_eq!(IMDS.pause(&answer(503, Some(1)), 2), Some(4));
        assert_eq!(IMDS.pause(&answer(503, Some(1)), 3), None);
    }
}
