//! `NumericDate` (RFC 7519 §2): seconds since the epoch, possibly with a fraction, and in Microsoft's world also as text.

use serde_json::Value;

/// A point in time in whole Unix seconds; fractions are cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NumericDate(pub u64);

impl NumericDate {
    /// Reads a JSON number, or a string holding one. `None` for anything else, for negative and for absurd values.
    pub fn from_value(_value: &Value) -> Option<Self> {
        todo!()
    }
}
