//! Replies: JSON with the cache headers that every success carries, and empty ones.

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

/// A 200 with JSON that was built by hand.
pub(crate) fn json(body: impl Into<Bytes>) -> Response {
    success(body.into(), "application/json; charset=utf-8")
}

/// A 200. Nothing that we answer may be kept by a cache.
pub(crate) fn success(body: Bytes, content_type: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, must-revalidate"));
    headers.insert(header::EXPIRES, HeaderValue::from_static("0"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// A status without a body.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Appends a text as a JSON string.
pub(crate) fn push_json_string(json: &mut Vec<u8>, text: &str) {
    if needs_escaping(text) {
        // Writing a string to memory cannot fail.
        let _ = serde_json::to_writer(json, text);
        return;
    }
    json.push(b'"');
    json.extend_from_slice(text.as_bytes());
    json.push(b'"');
}

/// Whether a text has characters that JSON escapes (RFC 8259 §7). Tokens have none, and they are most of what we answer; so
/// the loop has no early end, which lets the compiler look at many bytes at a time.
fn needs_escaping(text: &str) -> bool {
    let escapes = |byte: u8| u8::from(byte < 0x20) | u8::from(byte == b'"') | u8::from(byte == b'\\');
    text.bytes().fold(0, |found, byte| found | escapes(byte)) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_out_as_serde_writes_them() {
        let every_character: String = (0..0x180).filter_map(char::from_u32).collect();
        let long = "eyJ0eXAiOiJKV1QifQ".repeat(100);
        for text in ["", "Bearer eyJ.eyJ.-_", "a\"b", "a\\b", "a\nb", "é\u{7f}\u{2028}", &every_character, &long] {
            let mut json = Vec::new();
            push_json_string(&mut json, text);
            assert_eq!(json, serde_json::to_vec(text).unwrap());
        }
    }
}
