//! JSON as tokens need it: an object, no member twice at any depth, nesting bounded.

use serde_json::{Map, Value};

use crate::JoseError;

/// Parses one JSON object strictly: no member twice (at any depth), at most 32 levels, nothing behind it.
pub fn parse_object(_bytes: &[u8]) -> Result<Map<String, Value>, JoseError> {
    todo!()
}

/// The same JSON text without insignificant blanks; order, names and number spelling stay. The text must be valid JSON.
pub fn minify(_json: &[u8]) -> Vec<u8> {
    todo!()
}
