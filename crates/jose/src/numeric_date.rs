//! `NumericDate` (RFC 7519 §2): seconds since the epoch, possibly with a fraction, and in Microsoft's world also as text.

use serde_json::Value;

/// A point in time in whole Unix seconds; fractions are cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NumericDate(pub u64);

impl NumericDate {
    /// Reads a JSON number, or a string holding one. `None` for anything else, for negative and for absurd values.
    ///
    /// MSAL for .NET writes text, MSAL for Python fractions; absurd is what lies behind the year 9999 (milliseconds
    /// taken for seconds, mostly).
    pub fn from_value(value: &Value) -> Option<Self> {
        let seconds = match value {
            Value::Number(number) => number.as_u64().or_else(|| whole_seconds(number.as_f64()?))?,
            Value::String(text) => seconds_from_text(text)?,
            _ => return None,
        };
        (seconds <= END_OF_9999).then_some(Self(seconds))
    }
}

fn whole_seconds(seconds: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked, the fraction goes"
    )]
    (0.0..1e12).contains(&seconds).then_some(seconds as u64)
}

/// Digits, optionally with a fraction: no sign, no exponent, no blanks.
fn seconds_from_text(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if digits(whole) && digits(fraction) { whole.parse().ok() } else { None }
}

/// 9999-12-31T23:59:59Z.
const END_OF_9999: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_and_text_are_read_and_fractions_are_cut() {
        let cases = [
            (json!(0), 0),
            (json!(1_700_000_000), 1_700_000_000),
            (json!(1_700_000_000.999), 1_700_000_000),
            (json!(1.7e9), 1_700_000_000),
            (json!("1700000000"), 1_700_000_000),
            (json!("1700000000.25"), 1_700_000_000),
            (json!(END_OF_9999), END_OF_9999),
        ];
        for (value, seconds) in cases {
            assert_eq!(NumericDate::from_value(&value), Some(NumericDate(seconds)), "{value}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let cases = [
            json!(-1),
            json!(-0.5),
            json!(1e300),
            json!(END_OF_9999 + 1),
            json!(u64::MAX),
            json!(1_700_000_000_000_u64),
            json!(""),
            json!(" 1700000000"),
            json!("+1"),
            json!("-1"),
            json!("1e9"),
            json!("1."),
            json!(".5"),
            json!("NaN"),
            json!("inf"),
            json!("١"),
            json!("99999999999999999999999"),
            json!(true),
            json!(null),
            json!([1]),
            json!({}),
        ];
        for value in cases {
            assert_eq!(NumericDate::from_value(&value), None, "{value}");
        }
    }
}
