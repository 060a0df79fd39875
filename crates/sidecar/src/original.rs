//! The request that someone else got and asks about: what a signed HTTP request is held against.
//!
//! An application says it in two headers. A reverse proxy says it in its own way, and only that way may be looked at: all
//! else can be the client's word, who would then sign one request and make another.

use std::borrow::Cow;

use http::{HeaderMap, Uri, header, request::Parts};
use sidekey_entra::PopRejection;

/// A method and an absolute URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OriginalRequest<'r> {
    /// The verb.
    pub(crate) method: &'r str,
    /// The URL.
    pub(crate) url: Cow<'r, str>,
}

/// `Sidecar:ForwardAuth:OriginalRequest`: where a proxy says which request it asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OriginalSource {
    /// `original-method` and `original-uri`, which the proxy is configured to set.
    OriginalHeaders,
    /// `X-Forwarded-Method`, `-Proto`, `-Host` and `-Uri`.
    ForwardedHeaders,
    /// The proxy's own request: its method, its `Host`, and the path below ours.
    RequestLine,
}

impl<'r> OriginalRequest<'r> {
    /// What the two headers of `/Validate` say.
    pub(crate) fn of_headers(headers: &'r HeaderMap) -> Result<Self, PopRejection> {
        Ok(Self { method: once(headers, "original-method")?, url: once(headers, "original-uri")?.into() })
    }

    fn of_forwarded(headers: &'r HeaderMap) -> Result<Self, PopRejection> {
        let (scheme, host) = (once(headers, "x-forwarded-proto")?, once(headers, "x-forwarded-host")?);
        let url = format!("{scheme}://{host}{}", once(headers, "x-forwarded-uri")?);
        Ok(Self { method: once(headers, "x-forwarded-method")?, url: url.into() })
    }

    /// The scheme is not known, nor is it ever signed.
    fn of_request_line(parts: &'r Parts, prefix: &str) -> Result<Self, PopRejection> {
        let host = match parts.uri.authority() {
            Some(authority) => authority.as_str(),
            None => once(&parts.headers, header::HOST.as_str())?,
        };
        let path = path_and_query(&parts.uri).get(prefix.len()..).unwrap_or_default();
        Ok(Self { method: parts.method.as_str(), url: format!("https://{host}{path}").into() })
    }
}

impl OriginalSource {
    /// What is said there; `prefix` is the path at which proxies ask.
    pub(crate) fn read<'r>(self, parts: &'r Parts, prefix: &str) -> Result<OriginalRequest<'r>, PopRejection> {
        match self {
            Self::OriginalHeaders => OriginalRequest::of_headers(&parts.headers),
            Self::ForwardedHeaders => OriginalRequest::of_forwarded(&parts.headers),
            Self::RequestLine => OriginalRequest::of_request_line(parts, prefix),
        }
    }
}

/// A header that is there exactly once: of two, nobody could say which the signer meant.
fn once<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<&'h str, PopRejection> {
    let mut values = headers.get_all(name).iter();
    match (values.next().and_then(|value| value.to_str().ok()), values.next()) {
        (Some(value), None) if !value.is_empty() => Ok(value),
        _ => Err(PopRejection::Header(name)),
    }
}

fn path_and_query(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |path| path.as_str())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(method: &str, uri: &str, headers: &[(&'static str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    const SAID: &[(&str, &str)] = &[
        ("host", "line.example:8443"),
        ("original-method", "PUT"),
        ("original-uri", "https://own.example/a?b"),
        ("x-forwarded-method", "PATCH"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "forwarded.example"),
        ("x-forwarded-uri", "/c?d"),
    ];

    #[test]
    fn each_source_looks_at_its_own_place_alone() {
        use OriginalSource::{ForwardedHeaders, OriginalHeaders, RequestLine};
        let table = [
            (OriginalHeaders, "/auth/e?f", "PUT", "https://own.example/a?b"),
            (ForwardedHeaders, "/auth/e?f", "PATCH", "http://forwarded.example/c?d"),
            (RequestLine, "/auth/e?f", "DELETE", "https://line.example:8443/e?f"),
            (RequestLine, "/auth", "DELETE", "https://line.example:8443"),
            (RequestLine, "/auth?f", "DELETE", "https://line.example:8443?f"),
            (RequestLine, "http://other.example/auth/e", "DELETE", "https://other.example/e"),
        ];
        for (source, uri, method, url) in table {
            let parts = parts("DELETE", uri, SAID);
            let expected = OriginalRequest { method, url: url.into() };
            assert_eq!(source.read(&parts, "/auth"), Ok(expected), "{source:?} {uri}");
        }
    }

    #[test]
    fn what_is_missing_or_said_twice_is_not_made_up() {
        let needs: [(OriginalSource, &[&str]); 3] = [
            (OriginalSource::OriginalHeaders, &["original-method", "original-uri"]),
            (
                OriginalSource::ForwardedHeaders,
                &["x-forwarded-method", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-uri"],
            ),
            (OriginalSource::RequestLine, &["host"]),
        ];
        for (source, names) in needs {
            for name in names {
                let without: Vec<_> = SAID.iter().filter(|(own, _)| own != name).copied().collect();
                let twice: Vec<_> = SAID.iter().chain(SAID.iter().filter(|(own, _)| own == name)).copied().collect();
                for headers in [without, twice] {
                    let parts = parts("GET", "/auth/e", &headers);
                    let found = source.read(&parts, "/auth");
                    assert!(matches!(&found, Err(PopRejection::Header(own)) if own == name), "{source:?} {found:?}");
                }
            }
        }
    }
}
