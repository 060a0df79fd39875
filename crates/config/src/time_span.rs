//! .NET's TimeSpan texts: `[d.]hh:mm[:ss[.fffffff]]`, `d:hh:mm:ss[.fffffff]`, or a bare number of days.

use std::time::Duration;

/// A length of time as .NET reads it, and whether the text means days where a reader would think of something shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeSpan {
    /// The length.
    pub(crate) length: Duration,
    /// What the text was probably meant to say, if that is something else.
    pub(crate) surprise: Option<Surprise>,
}

/// Texts that .NET takes for days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surprise {
    /// `30` is thirty days.
    Bare(u64),
    /// `24:00:00` is `d:hh:mm`, since no day has an hour 24.
    HoursAsDays(u64),
}

/// Reads a TimeSpan that is not negative; `None` if .NET would refuse it or it lies below zero.
pub(crate) fn parse(text: &str) -> Option<TimeSpan> {
    let text = text.trim();
    let colons: Vec<&str> = text.split(':').collect();
    match *colons.as_slice() {
        [days] => {
            let days = number(days)?;
            Some(TimeSpan { length: span(days, 0, 0, 0, 0)?, surprise: (days > 0).then_some(Surprise::Bare(days)) })
        }
        [hours, minutes] => {
            let (days, hours) = days_and_hours(hours)?;
            plain(span(days, hours, number(minutes)?, 0, 0)?)
        }
        [hours, minutes, seconds] => three(hours, minutes, seconds),
        [days, hours, minutes, seconds] => {
            let (seconds, ticks) = seconds_and_ticks(seconds)?;
            plain(span(number(days)?, number(hours)?, number(minutes)?, seconds, ticks)?)
        }
        _ => None,
    }
}

/// The text .NET writes: `[d.]hh:mm:ss[.fffffff]`.
pub(crate) fn format(length: Duration) -> String {
    let (seconds, ticks) = (length.as_secs(), length.subsec_nanos() / 100);
    let days = match seconds / 86_400 {
        0 => String::new(),
        days => format!("{days}."),
    };
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    if ticks == 0 { format!("{days}{clock}") } else { format!("{days}{clock}.{ticks:07}") }
}

/// `[d.]hh:mm:ss[.f]`; where that does not fit and nothing but numbers is there, `d:hh:mm`.
fn three(first: &str, second: &str, third: &str) -> Option<TimeSpan> {
    let (days, hours) = days_and_hours(first)?;
    let (seconds, ticks) = seconds_and_ticks(third)?;
    if let Some(length) = span(days, hours, number(second)?, seconds, ticks) {
        return plain(length);
    }
    let length = span(number(first)?, number(second)?, number(third)?, 0, 0)?;
    Some(TimeSpan { length, surprise: Some(Surprise::HoursAsDays(hours)) })
}

#[expect(clippy::unnecessary_wraps, reason = "the callers are all about options")]
fn plain(length: Duration) -> Option<TimeSpan> {
    Some(TimeSpan { length, surprise: None })
}

fn days_and_hours(text: &str) -> Option<(u64, u64)> {
    match text.split_once('.') {
        Some((days, hours)) => Some((number(days)?, number(hours)?)),
        None => Some((0, number(text)?)),
    }
}

fn seconds_and_ticks(text: &str) -> Option<(u64, u64)> {
    let Some((seconds, fraction)) = text.split_once('.') else {
        return Some((number(text)?, 0));
    };
    if fraction.len() > 7 {
        return None;
    }
    Some((number(seconds)?, number(&format!("{fraction:0<7}")).filter(|_| !fraction.is_empty())?))
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn span(days: u64, hours: u64, minutes: u64, seconds: u64, ticks: u64) -> Option<Duration> {
    if days > MAX_DAYS || hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    let nanos = u32::try_from(ticks * 100).ok()?;
    Some(Duration::new(((days * 24 + hours) * 60 + minutes) * 60 + seconds, nanos))
}

/// .NET's longest TimeSpan, in days.
const MAX_DAYS: u64 = 10_675_199;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_mean_what_dotnet_says() {
        let seconds = Duration::from_secs;
        let table = [
            ("00:00:30", Some(seconds(30))),
            (" 01:02 ", Some(seconds(3720))),
            ("1:2:3", Some(seconds(3723))),
            ("1.02:03", Some(seconds(93_780))),
            ("1.02:03:04.5", Some(Duration::from_millis(93_784_500))),
            ("1:02:03:04", Some(seconds(93_784))),
            ("0:0:0.0000001", Some(Duration::from_nanos(100))),
            ("0023:0059:0059", Some(seconds(86_399))),
            ("5", Some(seconds(432_000))),
            ("0", Some(Duration::ZERO)),
            ("24:00:00", Some(seconds(2_073_600))),
            ("10675199", Some(seconds(922_337_193_600))),
            ("10675200", None),
            ("24:00", None),
            ("0:60:0", None),
            ("0:0:60", None),
            ("0:0:0.12345678", None),
            ("0:0:0.", None),
            ("10:", None),
            (":10", None),
            (".5", None),
            ("1.5", None),
            ("5m", None),
            ("PT5M", None),
            ("-00:00:01", None),
            ("+1", None),
            ("", None),
            ("1:2:3:4:5", None),
            ("٣", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text).map(|span| span.length), expected, "{text}");
        }
    }

    #[test]
    fn days_in_disguise_are_pointed_out() {
        assert_eq!(parse("30").unwrap().surprise, Some(Surprise::Bare(30)));
        assert_eq!(parse("48:00:00").unwrap().surprise, Some(Surprise::HoursAsDays(48)));
        assert_eq!(parse("0").unwrap().surprise, None);
        assert_eq!(parse("23:59:59").unwrap().surprise, None);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(seconds in 0..922_337_203_685_u64, ticks in 0..10_000_000_u32) {
            let length = Duration::new(seconds, ticks * 100);
            prop_assert_eq!(parse(&format(length)).map(|span| span.length), Some(length));
        }

        #[test]
        fn no_text_panics(text in "[0-9:. -]{0,30}") {
            let _ = parse(&text);
        }
    }
}
