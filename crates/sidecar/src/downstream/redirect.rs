//! Redirects of downstream calls, followed by rules of our own: the token stays on its origin, `https` stays `https`.

use ::url::Url;
use http::{Method, StatusCode};

use super::url::is_loopback;

/// What one request of a chain is sent with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    /// The verb.
    pub(super) method: Method,
    /// Where to.
    pub(super) url: Url,
    /// Whether the token and the extra headers go along. Once lost they do not come back.
    pub(super) trusted: bool,
    /// Whether the body goes along.
    pub(super) with_body: bool,
}

impl Hop {
    /// The hop that a reply asks for; `None` if the reply is the result.
    pub(super) fn next(&self, status: StatusCode, location: Option<&str>) -> Option<Self> {
        let rewrites = match status.as_u16() {
            300..=302 => self.method == Method::POST,
            303 => self.method != Method::GET && self.method != Method::HEAD,
            307 | 308 => false,
            _ => return None,
        };
        let url = self.url.join(location?).ok()?;
        if !self.may_lead_to(&url) {
            return None;
        }
        Some(Self {
            method: if rewrites { Method::GET } else { self.method.clone() },
            trusted: self.trusted && url.origin() == self.url.origin(),
            with_body: self.with_body && !rewrites,
            url,
        })
    }

    /// `https`; from loopback also plain `http` on loopback. Never with a user name.
    fn may_lead_to(&self, url: &Url) -> bool {
        let is_plain = self.url.scheme() == "http" && url.scheme() == "http" && is_loopback(url);
        (url.scheme() == "https" || is_plain) && url.username().is_empty() && url.password().is_none()
    }
}

/// As many as .NET's client follows.
pub(super) const MAX_HOPS: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(method: Method) -> Hop {
        Hop { method, url: Url::parse("https://a.example/x/y").unwrap(), trusted: true, with_body: true }
    }

    fn next(method: Method, status: u16, location: &str) -> Option<(Method, String, bool, bool)> {
        let next = hop(method).next(StatusCode::from_u16(status).unwrap(), Some(location))?;
        Some((next.method, next.url.into(), next.trusted, next.with_body))
    }

    #[test]
    fn the_token_stays_on_its_origin() {
        let stays = |location: &str| next(Method::GET, 302, location).map(|(_, _, trusted, _)| trusted);
        assert_eq!(stays("../z"), Some(true));
        assert_eq!(stays("https://a.example:443/"), Some(true));
        for other in ["https://b.example/", "https://a.example:444/", "//b.example/x", "https://a.example.evil/"] {
            assert_eq!(stays(other), Some(false), "{other}");
        }
        let lost = Hop { trusted: false, url: Url::parse("https://b.example/").unwrap(), ..hop(Method::GET) };
        let back = lost.next(StatusCode::FOUND, Some("https://a.example/"));
        assert!(back.is_some_and(|hop| !hop.trusted), "a token that was dropped does not come back");
    }

    #[test]
    fn some_redirects_are_the_result() {
        for location in ["http://a.example/", "ftp://a.example/", "https://u:p@a.example/", "https://", "data:x"] {
            assert_eq!(next(Method::GET, 301, location), None, "{location}");
        }
        let local = Hop { url: Url::parse("http://localhost:1/").unwrap(), ..hop(Method::GET) };
        let leads = |location: &str| local.next(StatusCode::FOUND, Some(location)).is_some();
        assert!(leads("http://127.0.0.1:2/") && leads("https://b.example/"));
        assert!(!leads("http://169.254.169.254/metadata/identity") && !leads("http://b.example/"));
        assert_eq!(next(Method::GET, 304, "/z"), None);
        assert_eq!(hop(Method::GET).next(StatusCode::FOUND, None), None);
    }

    #[test]
    fn verbs_and_bodies_follow_the_status() {
        let table = [
            (Method::POST, 301, Method::GET, false),
            (Method::POST, 302, Method::GET, false),
            (Method::PUT, 302, Method::PUT, true),
            (Method::PUT, 303, Method::GET, false),
            (Method::GET, 303, Method::GET, true),
            (Method::POST, 307, Method::POST, true),
            (Method::PATCH, 308, Method::PATCH, true),
        ];
        for (method, status, expected, with_body) in table {
            let next = next(method.clone(), status, "/z").map(|(method, _, _, body)| (method, body));
            assert_eq!(next, Some((expected, with_body)), "{method} {status}");
        }
    }
}
