//! The downstream reply as the caller gets it: `{"statusCode":…,"headers":{…},"content":…}`.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{
    budget::{Exhausted, Share},
    headers::is_hop_by_hop,
};
use crate::config::Compatibility;

/// A downstream reply, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// Its status.
    pub(crate) status: StatusCode,
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// Its body.
    pub(crate) body: Bytes,
}

impl Reply {
    /// The JSON text of the result. Its bytes are taken from the share before they are made.
    pub(crate) fn to_json(&self, mode: Compatibility, share: &mut Share) -> Result<Vec<u8>, Exhausted> {
        let content = self.content(mode);
        let headers = self.headers_json(mode);
        let length = content.json_length() + headers.len() + FRAME_BYTES;
        share.take(length)?;
        let mut json = Vec::with_capacity(length);
        json.extend_from_slice(br#"{"statusCode":"#);
        json.extend_from_slice(self.status.as_str().as_bytes());
        json.extend_from_slice(br#","headers":"#);
        json.extend_from_slice(&headers);
        json.extend_from_slice(br#","content":"#);
        content.write(&mut json);
        json.push(b'}');
        Ok(json)
    }

    fn content(&self, mode: Compatibility) -> Content<'_> {
        let body = self.body.strip_prefix(BOM).unwrap_or(&self.body);
        if body.is_empty() {
            return Content::None;
        }
        let text = std::str::from_utf8(body).ok().filter(|_| self.is_utf8_compatible(body));
        match (text, mode) {
            (Some(text), _) => Content::Text(text.into()),
            (None, Compatibility::Strict) => Content::Binary(body),
            (None, Compatibility::Upstream) => Content::Text(String::from_utf8_lossy(body)),
        }
    }

    /// Whether the declared charset lets these bytes be read as UTF-8.
    fn is_utf8_compatible(&self, body: &[u8]) -> bool {
        let declared = self.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        match declared.and_then(charset).map(str::to_ascii_lowercase).as_deref() {
            None | Some("utf-8" | "utf8" | "us-ascii") => true,
            Some(other) => !other.starts_with("utf-") && body.is_ascii(),
        }
    }

    /// The `headers` object.
    fn headers_json(&self, mode: Compatibility) -> Vec<u8> {
        let mut json = vec![b'{'];
        for name in self.headers.keys().filter(|name| self.is_shown(name, mode)) {
            let values = self.headers.get_all(name).iter().flat_map(|value| elements(name, value));
            write_header(&mut json, &usual_spelling(name.as_str()), values);
        }
        if !self.headers.contains_key(http::header::CONTENT_LENGTH) {
            write_header(&mut json, "Content-Length", std::iter::once(self.body.len().to_string()));
        }
        json.push(b'}');
        json
    }

    fn is_shown(&self, name: &HeaderName, mode: Compatibility) -> bool {
        match mode {
            Compatibility::Upstream => is_entity_header(name),
            Compatibility::Strict => {
                *name != http::header::SET_COOKIE && !is_hop_by_hop(name.as_str()) && !self.is_named_in_connection(name)
            }
        }
    }

    fn is_named_in_connection(&self, name: &HeaderName) -> bool {
        let listed = |value: &HeaderValue| {
            text(value).split(',').any(|option| option.trim().eq_ignore_ascii_case(name.as_str()))
        };
        self.headers.get_all(http::header::CONNECTION).iter().any(listed)
    }
}

/// The body as it stands in the JSON.
enum Content<'b> {
    None,
    Text(std::borrow::Cow<'b, str>),
    Binary(&'b [u8]),
}

impl Content<'_> {
    fn json_length(&self) -> usize {
        match self {
            Self::None => 4,
            Self::Text(text) => escaped_length(text),
            Self::Binary(bytes) => bytes.len().div_ceil(3) * 4 + 2 + ENCODING_MEMBER.len(),
        }
    }

    fn write(&self, json: &mut Vec<u8>) {
        match self {
            Self::None => json.extend_from_slice(b"null"),
            Self::Text(text) => write_text(json, text),
            Self::Binary(bytes) => {
                json.push(b'"');
                write_base64(json, bytes);
                json.push(b'"');
                json.extend_from_slice(ENCODING_MEMBER);
            }
        }
    }
}

fn write_header(json: &mut Vec<u8>, name: &str, values: impl Iterator<Item = String>) {
    if json.len() > 1 {
        json.push(b',');
    }
    write_text(json, name);
    json.extend_from_slice(b":[");
    for (index, value) in values.enumerate() {
        if index > 0 {
            json.push(b',');
        }
        write_text(json, &value);
    }
    json.push(b']');
}

fn write_text(json: &mut Vec<u8>, text: &str) {
    // Writing a string to memory cannot fail.
    let _ = serde_json::to_writer(json, text);
}

fn write_base64(json: &mut Vec<u8>, bytes: &[u8]) {
    let start = json.len();
    json.resize(start + bytes.len().div_ceil(3) * 4, 0);
    if let Some(room) = json.get_mut(start..) {
        // The room is exactly as large as the text.
        let _ = BASE64_STANDARD.encode_slice(bytes, room);
    }
}

/// The length of a text as a JSON string, quotes included.
fn escaped_length(text: &str) -> usize {
    let extra = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 1,
        0..=31 => 5,
        _ => 0,
    };
    text.len() + 2 + text.bytes().map(extra).sum::<usize>()
}

/// One line's elements: lists of names are split as the original splits them, media types are spaced as it spaces them.
fn elements(name: &HeaderName, value: &HeaderValue) -> Vec<String> {
    let value = text(value);
    match name.as_str() {
        "allow" | "content-encoding" | "content-language" => {
            value.split(',').map(|item| item.trim().to_owned()).collect()
        }
        "content-type" => vec![value.split(';').map(str::trim).collect::<Vec<_>>().join("; ")],
        _ => vec![value],
    }
}

/// A header's value as text; bytes beyond ASCII are read as ISO 8859-1 unless they are UTF-8.
fn text(value: &HeaderValue) -> String {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// The `charset` of a media type.
fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    })
}

/// HTTP names lose their case on the way; this is how they are usually written.
fn usual_spelling(name: &str) -> String {
    if let Some(known) = SPELLINGS.iter().find(|known| known.eq_ignore_ascii_case(name)) {
        return (*known).to_owned();
    }
    let mut at_start = true;
    let capitalise = |character: char| {
        let result = if at_start { character.to_ascii_uppercase() } else { character };
        at_start = character == '-';
        result
    };
    name.chars().map(capitalise).collect()
}

/// Headers that describe the body, the only ones that the original shows.
fn is_entity_header(name: &HeaderName) -> bool {
    ENTITY.contains(&name.as_str())
}

const ENTITY: [&str; 11] = [
    "allow",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-md5",
    "content-range",
    "content-type",
    "expires",
    "last-modified",
];

/// Names that are not simply capitalised.
const SPELLINGS: [&str; 8] =
    ["ETag", "WWW-Authenticate", "Content-MD5", "DNT", "NEL", "SourceMap", "X-UA-Compatible", "X-XSS-Protection"];

const ENCODING_MEMBER: &[u8] = br#","contentEncoding":"base64""#;

/// The member names and the punctuation of the result.
const FRAME_BYTES: usize = r#"{"statusCode":200,"headers":,"content":}"#.len();

const BOM: &[u8] = "\u{feff}".as_bytes();

#[cfg(test)]
mod tests {
    use super::*;
    use crate::downstream::Budget;
    use Compatibility::{Strict, Upstream};

    fn json(headers: &[(&'static str, &'static [u8])], body: &[u8], mode: Compatibility) -> String {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap()))
            .collect::<Vec<_>>();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        let reply = Reply { status: StatusCode::NOT_FOUND, headers: map, body: Bytes::copy_from_slice(body) };
        let mut share = Budget::new(100_000).share();
        let json = reply.to_json(mode, &mut share).unwrap();
        assert_eq!(json.capacity(), json.len(), "the length was known beforehand");
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn strict_shows_every_end_to_end_header_and_upstream_the_bodys() {
        let headers: &[(&str, &[u8])] = &[
            ("content-type", b"application/json;charset=utf-8"),
            ("etag", b"\"1\""),
            ("set-cookie", b"a=b"),
            ("x-request-id", b"7"),
            ("x-hop", b"1"),
            ("connection", b"close, X-Hop"),
            ("transfer-encoding", b"chunked"),
            ("allow", b"GET,POST"),
            ("warning", b"a"),
            ("warning", b"\xe9"),
        ];
        assert_eq!(
            json(headers, b"{\"a\":\"b\"}", Strict),
            r#"{"statusCode":404,"headers":{"Content-Type":["application/json; charset=utf-8"],"ETag":["\"1\""],"X-Request-Id":["7"],"Allow":["GET","POST"],"Warning":["a","é"],"Content-Length":["9"]},"content":"{\"a\":\"b\"}"}"#
        );
        assert_eq!(
            json(headers, b"", Upstream),
            r#"{"statusCode":404,"headers":{"Content-Type":["application/json; charset=utf-8"],"Allow":["GET","POST"],"Content-Length":["0"]},"content":null}"#
        );
    }

    #[test]
    fn bodies_that_are_not_utf8_are_base64_or_mangled() {
        let content = |content_type: &'static [u8], body: &[u8], mode| {
            let text = json(&[("content-type", content_type)], body, mode);
            text.split_once("\"content\":").unwrap().1.trim_end_matches('}').to_owned()
        };
        assert_eq!(content(b"image/png", b"\x89PNG", Strict), r#""iVBORw==","contentEncoding":"base64""#);
        assert_eq!(content(b"image/png", b"\x89PNG", Upstream), "\"\u{fffd}PNG\"");
        assert_eq!(
            content(b"text/plain; charset=iso-8859-1", "é".as_bytes(), Strict),
            r#""w6k=","contentEncoding":"base64""#
        );
        assert_eq!(content(b"text/plain; Charset=\"ISO-8859-1\"", b"e", Strict), "\"e\"");
        assert_eq!(content(b"text/plain; charset=utf-16", b"e\0", Strict), r#""ZQA=","contentEncoding":"base64""#);
        assert_eq!(content(b"text/plain", "\u{feff}é<&>'+\u{1}\n\u{8}".as_bytes(), Strict), r#""é<&>'+\u0001\n\b""#);
    }

    #[test]
    fn a_result_beyond_the_budget_is_not_made() {
        let reply = Reply { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::from(vec![1; 100]) };
        assert_eq!(reply.to_json(Strict, &mut Budget::new(500).share()), Err(Exhausted));
        assert!(reply.to_json(Strict, &mut Budget::new(700).share()).is_ok());
    }
}
