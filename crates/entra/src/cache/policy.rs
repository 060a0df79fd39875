//! When a cached token is handed out, renewed or dropped. Pure: the time and the authority's health are arguments.

use std::time::Duration;

use sidekey_host::UnixTime;

/// The life of a token as decided when it was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    /// When Entra says that it ends.
    pub(crate) expires_on: UnixTime,
    /// From when on a new one is fetched in the background.
    pub(crate) refresh_on: UnixTime,
    /// From when on it is too near its end to be handed out while Entra answers.
    pub(crate) use_until: UnixTime,
}

/// What to do with a cached token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Hand it out.
    Fresh,
    /// Hand it out and fetch a new one in the background.
    RefreshSoon,
    /// Fetch a new one; should Entra not answer, this one still serves.
    Fallback,
    /// Hand it out because Entra is known to be down, and try to fetch a new one in the background.
    WhileDown,
    /// It is of no use.
    Expired,
}

impl Lifetime {
    /// From the reply's own numbers. `jitter`, from -1 to 1, is drawn once per token, so that tokens fetched together are not
    /// all renewed together.
    pub(crate) fn new(asked_at: UnixTime, expires_in: u64, refresh_in: Option<u64>, jitter: f64) -> Self {
        let life = Duration::from_secs(expires_in).min(LONGEST);
        let margin = MARGIN.min(life / 2);
        let refresh = refresh_in.map_or(life / 2, |seconds| Duration::from_secs(seconds).min(life));
        let spread = (refresh / 10).min(MARGIN).mul_f64(jitter.clamp(-1.0, 1.0).abs());
        let refresh = if jitter < 0.0 { refresh.saturating_sub(spread) } else { refresh + spread };
        Self {
            expires_on: asked_at + life,
            refresh_on: asked_at + refresh.min(life.saturating_sub(margin)),
            use_until: asked_at + life.saturating_sub(margin),
        }
    }

    /// What to do now.
    pub(crate) fn judge(&self, now: UnixTime, authority_is_healthy: bool) -> Verdict {
        if now + MARGIN_WHILE_DOWN >= self.expires_on {
            Verdict::Expired
        } else if now < self.refresh_on {
            Verdict::Fresh
        } else if now < self.use_until {
            Verdict::RefreshSoon
        } else if authority_is_healthy {
            Verdict::Fallback
        } else {
            Verdict::WhileDown
        }
    }

    /// When to try again to renew a token after an attempt at `now`: never all at the same time, and at least once more before
    /// it is of no use. `draw` is from 0 to 1.
    pub(crate) fn next_attempt(&self, now: UnixTime, draw: f64) -> UnixTime {
        let left = (self.expires_on - MARGIN_WHILE_DOWN).since(now);
        let longest = (left / 2).clamp(Duration::from_secs(1), LONGEST_PAUSE);
        let shortest = longest.min(SHORTEST_PAUSE);
        now + shortest + longest.saturating_sub(shortest).mul_f64(draw.clamp(0.0, 1.0))
    }
}

/// A token that is handed out lives at least this long, while Entra answers. Tokens that live less than twice as long keep
/// half of their life.
const MARGIN: Duration = Duration::from_mins(5);
/// The same while Entra does not answer.
const MARGIN_WHILE_DOWN: Duration = Duration::from_secs(30);
/// Between two attempts to renew a token, unless it ends soon.
const SHORTEST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(90);
/// Entra's longest tokens live 28 hours; what claims more is not believed.
const LONGEST: Duration = Duration::from_hours(48);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime(1_000_000 + seconds)
    }

    #[test]
    fn a_token_is_renewed_at_half_its_life_and_used_up_to_five_minutes_before_its_end() {
        let token = Lifetime::new(at(0), 3600, None, 0.0);
        for (seconds, healthy, down) in [
            (0, Verdict::Fresh, Verdict::Fresh),
            (1799, Verdict::Fresh, Verdict::Fresh),
            (1800, Verdict::RefreshSoon, Verdict::RefreshSoon),
            (3299, Verdict::RefreshSoon, Verdict::RefreshSoon),
            (3300, Verdict::Fallback, Verdict::WhileDown),
            (3569, Verdict::Fallback, Verdict::WhileDown),
            (3570, Verdict::Expired, Verdict::Expired),
            (4000, Verdict::Expired, Verdict::Expired),
        ] {
            assert_eq!(token.judge(at(seconds), true), healthy, "{seconds}");
            assert_eq!(token.judge(at(seconds), false), down, "{seconds}");
        }
    }

    #[test]
    fn entra_may_say_when_to_renew() {
        assert_eq!(Lifetime::new(at(0), 86_400, Some(43_200), 0.0).refresh_on, at(43_200));
        assert_eq!(Lifetime::new(at(0), 3600, Some(7200), 0.0).refresh_on, at(3300));
    }

    #[test]
    fn jitter_spreads_renewals_by_a_tenth() {
        assert_eq!(Lifetime::new(at(0), 3600, None, -1.0).refresh_on, at(1620));
        assert_eq!(Lifetime::new(at(0), 3600, None, 1.0).refresh_on, at(1980));
        assert_eq!(Lifetime::new(at(0), 86_400, None, 1.0).refresh_on, at(43_500));
    }

    #[test]
    fn short_lives_keep_half_and_absurd_ones_are_cut() {
        let short = Lifetime::new(at(0), 120, None, 0.0);
        assert_eq!((short.refresh_on, short.use_until, short.expires_on), (at(60), at(60), at(120)));
        assert_eq!(Lifetime::new(at(0), 0, None, 0.0).judge(at(0), true), Verdict::Expired);
        assert_eq!(Lifetime::new(at(0), u64::MAX, None, 0.0).expires_on, at(48 * 3600));
    }

    #[test]
    fn attempts_are_spread_and_come_sooner_near_the_end() {
        let token = Lifetime::new(at(0), 3600, None, 0.0);
        for (now, earliest, latest) in
            [(1800, 1830, 1890), (3000, 3030, 3090), (3470, 3500, 3520), (3550, 3560, 3560), (3569, 3570, 3570)]
        {
            assert_eq!(
                (token.next_attempt(at(now), 0.0), token.next_attempt(at(now), 1.0)),
                (at(earliest), at(latest))
            );
        }
    }

    proptest! {
        #[test]
        fn the_order_of_times_always_holds(life in 0..1_000_000_u64, refresh in proptest::option::of(0..u64::MAX), jitter in -2.0..2.0_f64) {
            let token = Lifetime::new(at(0), life, refresh, jitter);
            prop_assert!(token.refresh_on <= token.use_until && token.use_until <= token.expires_on);
            // Handed out while healthy means: at least half of its life or five minutes are left, less the second of rounding.
            for now in [token.refresh_on, token.use_until, token.expires_on] {
                if matches!(token.judge(now, true), Verdict::Fresh | Verdict::RefreshSoon) {
                    prop_assert!(token.expires_on.since(now) >= MARGIN.min(Duration::from_secs(life / 2)));
                }
            }
        }
    }
}
