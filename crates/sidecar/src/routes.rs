//! Paths, matched by hand: without case, with one optional trailing slash, percent-decoded except for `%2F`.
//!
//! A router that compares case could only do this behind a rewriting of every path; five routes need neither.

use std::borrow::Cow;

use http::Method;

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'p> {
    /// `/Validate`
    Validate,
    /// `/AuthorizationHeader/{apiName}` and its anonymous twin.
    AuthorizationHeader(Target<'p>),
    /// `/DownstreamApi/{apiName}` and its anonymous twin.
    DownstreamApi(Target<'p>),
    /// `/healthz`, `/health` and `/livez`.
    Alive,
    /// `/readyz`
    Ready,
    /// `/openapi/v1.json`
    Document,
}

/// An API and whether its route demands a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target<'p> {
    /// The name as sent, decoded.
    pub(crate) api: &'p str,
    /// Whether the caller must present a token.
    pub(crate) protected: bool,
}

impl<'p> Route<'p> {
    /// The route of a decoded path; `None` is a 404.
    pub(crate) fn of(path: &'p str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let Some((first, rest)) = path.split_once('/') else {
            return Self::of_one_segment(path);
        };
        if is(first, "openapi") && is(rest, "v1.json") {
            return Some(Self::Document);
        }
        if rest.is_empty() || rest.contains('/') {
            return None;
        }
        let target = |protected| Target { api: rest, protected };
        match first {
            _ if is(first, "AuthorizationHeader") => Some(Self::AuthorizationHeader(target(true))),
            _ if is(first, "AuthorizationHeaderUnauthenticated") => Some(Self::AuthorizationHeader(target(false))),
            _ if is(first, "DownstreamApi") => Some(Self::DownstreamApi(target(true))),
            _ if is(first, "DownstreamApiUnauthenticated") => Some(Self::DownstreamApi(target(false))),
            _ => None,
        }
    }

    fn of_one_segment(segment: &str) -> Option<Self> {
        match segment {
            _ if is(segment, "Validate") => Some(Self::Validate),
            _ if is(segment, "healthz") || is(segment, "health") || is(segment, "livez") => Some(Self::Alive),
            _ if is(segment, "readyz") => Some(Self::Ready),
            _ => None,
        }
    }

    /// `None` if the method is served; else the value of `Allow`.
    pub(crate) fn refuses(&self, method: &Method) -> Option<&'static str> {
        let (served, allow) = match self {
            Self::Alive | Self::Ready => (true, ""),
            Self::DownstreamApi(_) => (DOWNSTREAM_METHODS.contains(method), "GET, POST, PUT, PATCH, DELETE"),
            _ => (*method == Method::GET, "GET"),
        };
        (!served).then_some(allow)
    }
}

/// Whether a path is a probe's, which anyone may ask: exactly these, without case, no trailing slash.
pub(crate) fn is_probe(path: &str) -> bool {
    ["/healthz", "/health", "/livez", "/readyz"].iter().any(|probe| is(path, probe))
}

fn is(text: &str, name: &str) -> bool {
    text.eq_ignore_ascii_case(name)
}

/// Percent-decodes a path, `%2F` staying as it is. `None` if the result is not UTF-8.
pub(crate) fn decode(path: &str) -> Option<Cow<'_, str>> {
    if !path.contains('%') {
        return Some(Cow::Borrowed(path));
    }
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                match hex(*high) << 4 | hex(*low) {
                    b'/' => decoded.extend([b'%', *high, *low]),
                    byte => decoded.push(byte),
                }
                rest = after;
            }
            _ => {
                decoded.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// The value of a hexadecimal digit.
fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

const DOWNSTREAM_METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn header(api: &str, protected: bool) -> Route<'_> {
        Route::AuthorizationHeader(Target { api, protected })
    }

    const fn downstream(api: &str, protected: bool) -> Route<'_> {
        Route::DownstreamApi(Target { api, protected })
    }

    #[test]
    fn paths_are_matched_without_case_and_with_one_trailing_slash() {
        let table = [
            ("/Validate", Some(Route::Validate)),
            ("/validate/", Some(Route::Validate)),
            ("/%56alidate", Some(Route::Validate)),
            ("/validate//", None),
            ("//Validate", None),
            ("Validate", None),
            ("/", None),
            ("", None),
            ("/HealthZ", Some(Route::Alive)),
            ("/health", Some(Route::Alive)),
            ("/livez", Some(Route::Alive)),
            ("/READYZ", Some(Route::Ready)),
            ("/healthz/x", None),
            ("/OpenAPI/v1.json", Some(Route::Document)),
            ("/openapi", None),
            ("/AuthorizationHeader", None),
            ("/AuthorizationHeader/", None),
            ("/authorizationheader/Graph", Some(header("Graph", true))),
            ("/AuthorizationHeaderUnauthenticated/Graph/", Some(header("Graph", false))),
            ("/AuthorizationHeader/Graph/x", None),
            ("/AuthorizationHeader/a%20b", Some(header("a b", true))),
            ("/AuthorizationHeader/a%2Fb%2fc", Some(header("a%2Fb%2fc", true))),
            ("/AuthorizationHeader/100%", Some(header("100%", true))),
            ("/AuthorizationHeader/%C3%A4", Some(header("ä", true))),
            ("/AuthorizationHeader/%ff", None),
            ("/DownstreamApi/x", Some(downstream("x", true))),
            ("/downstreamapiunauthenticated/x", Some(downstream("x", false))),
        ];
        for (path, expected) in table {
            let decoded = decode(path);
            assert_eq!(decoded.as_deref().and_then(Route::of), expected, "{path}");
        }
    }

    #[test]
    fn only_the_exact_probe_paths_are_probes() {
        assert!(["/healthz", "/HealthZ", "/health", "/livez", "/readyz"].into_iter().all(is_probe));
        assert!(!["/healthz/", "/healthz/x", "/Validate", "/%68ealthz", "/"].into_iter().any(is_probe));
    }

    #[test]
    fn wrong_methods_name_the_right_ones() {
        assert_eq!(Route::Validate.refuses(&Method::GET), None);
        assert_eq!(Route::Validate.refuses(&Method::HEAD), Some("GET"));
        assert_eq!(Route::Ready.refuses(&Method::OPTIONS), None);
        let call = downstream("x", true);
        assert_eq!(call.refuses(&Method::PATCH), None);
        assert_eq!(call.refuses(&Method::TRACE), Some("GET, POST, PUT, PATCH, DELETE"));
    }

    proptest! {
        #[test]
        fn no_path_panics(path in ".{0,60}") {
            let _ = decode(&path).as_deref().map(Route::of);
        }

        #[test]
        fn whatever_passes_for_a_probe_is_answered_as_one(
            path in prop_oneof!["/[a-zA-Z%./;0-9]{0,12}", "/(h|H|%68)ealth(z|Z)?(/|/x|%2f|;|\\.)?", "/(live|ready)z[/?;]?"]
        ) {
            if is_probe(&path) {
                let decoded = decode(&path);
                let route = decoded.as_deref().and_then(Route::of);
                prop_assert!(matches!(route, Some(Route::Alive | Route::Ready)), "{path}");
            }
        }
    }
}
