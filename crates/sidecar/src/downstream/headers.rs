//! Headers of downstream calls: which ones a configuration or a caller may set.

use http::{HeaderName, HeaderValue};

/// Checks one header that a configuration or a caller wants to send.
pub(crate) fn extra_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), HeaderFault> {
    if has_break(name) || has_break(value) {
        return Err(HeaderFault::LineBreak);
    }
    let name: HeaderName = name.parse().map_err(|_| HeaderFault::NotAHeader)?;
    let value = HeaderValue::from_str(value).ok().filter(|_| value.is_ascii()).ok_or(HeaderFault::NotAHeader)?;
    if is_reserved(name.as_str()) {
        return Err(HeaderFault::Reserved);
    }
    if CONTENT.contains(&name.as_str()) {
        return Err(HeaderFault::Content);
    }
    Ok((name, value))
}

/// Why a header is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderFault {
    /// CR, LF or NUL, by which one header would become two.
    #[error("has a line break or a NUL character")]
    LineBreak,
    /// No name or value that HTTP knows.
    #[error("is not a valid header")]
    NotAHeader,
    /// Set by us, by the connection, or trusted by the servers behind it.
    #[error("is reserved")]
    Reserved,
    /// Describes the body, which is the caller's own.
    #[error("describes the body, whose headers come with the caller's request")]
    Content,
}

/// Whether a header (its name in lower case) belongs to one connection only (RFC 9110 §7.6.1).
pub(super) fn is_hop_by_hop(name: &str) -> bool {
    HOP_BY_HOP.contains(&name)
}

fn is_reserved(name: &str) -> bool {
    is_hop_by_hop(name) || RESERVED.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn has_break(text: &str) -> bool {
    text.contains(['\r', '\n', '\0'])
}

const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

const RESERVED: [&str; 5] = ["authorization", "cookie", "host", "content-length", "x-original-url"];

/// Headers by which gateways tell servers who the user is or where a request came from.
const RESERVED_PREFIXES: [&str; 3] = ["x-forwarded-", "x-ms-client-principal", "x-ms-token-"];

const CONTENT: [&str; 10] = [
    "allow",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-location",
    "content-md5",
    "content-range",
    "content-type",
    "expires",
    "last-modified",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_sent_unless_someone_else_owns_them() {
        let table = [
            ("X-Tenant", "a", None),
            ("OData-Version", "4.0", None),
            ("If-Match", "\"1\"", None),
            ("accept", "text/plain", None),
            ("AUTHORIZATION", "Basic x", Some(HeaderFault::Reserved)),
            ("Cookie", "a=b", Some(HeaderFault::Reserved)),
            ("Host", "evil", Some(HeaderFault::Reserved)),
            ("Content-Length", "0", Some(HeaderFault::Reserved)),
            ("Transfer-Encoding", "chunked", Some(HeaderFault::Reserved)),
            ("Connection", "x-a", Some(HeaderFault::Reserved)),
            ("x-forwarded-For", "127.0.0.1", Some(HeaderFault::Reserved)),
            ("X-Original-URL", "/", Some(HeaderFault::Reserved)),
            ("X-MS-CLIENT-PRINCIPAL", "x", Some(HeaderFault::Reserved)),
            ("X-MS-Client-Principal-Name", "x", Some(HeaderFault::Reserved)),
            ("X-MS-TOKEN-AAD-ACCESS-TOKEN", "x", Some(HeaderFault::Reserved)),
            ("Content-Type", "text/plain", Some(HeaderFault::Content)),
            ("X A", "b", Some(HeaderFault::NotAHeader)),
            ("X-A", "ü", Some(HeaderFault::NotAHeader)),
            ("", "b", Some(HeaderFault::NotAHeader)),
            ("X-A", "b\r\nAuthorization: c", Some(HeaderFault::LineBreak)),
            ("X-A\n", "b", Some(HeaderFault::LineBreak)),
            ("Authorization\0", "b", Some(HeaderFault::LineBreak)),
        ];
        for (name, value, fault) in table {
            assert_eq!(extra_header(name, value).err(), fault, "{name:?}: {value:?}");
        }
    }
}
