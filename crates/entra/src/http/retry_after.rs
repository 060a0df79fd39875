//! `Retry-After` (RFC 9110 §10.2.3): seconds or a date, at most an hour.

use std::time::Duration;

use jiff::fmt::rfc2822;
use sidekey_host::UnixTime;

/// How long to wait from `now` on. `None` if the value says nothing; zero counts as nothing.
pub(super) fn parse(value: &str, now: UnixTime) -> Option<Duration> {
    let value = value.trim();
    let seconds = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        value.parse().unwrap_or(u64::MAX)
    } else {
        let date = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
        u64::try_from(date.as_second()).ok()?.saturating_sub(now.0)
    };
    (seconds > 0).then(|| Duration::from_secs(seconds.min(MAX_SECONDS)))
}

const MAX_SECONDS: u64 = 3600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_capped() {
        // Sun, 06 Nov 1994 08:49:37 GMT
        let now = UnixTime(784_111_777);
        for (value, expected) in [
            ("120", Some(120)),
            (" 1 ", Some(1)),
            ("0", None),
            ("-1", None),
            ("99999999999999999999999", Some(3600)),
            ("3601", Some(3600)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1993 08:49:37 GMT", None),
            ("Mon, 06 Nov 2034 08:49:37 GMT", Some(3600)),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(parse(value, now), expected.map(Duration::from_secs), "{value:?}");
        }
    }
}
