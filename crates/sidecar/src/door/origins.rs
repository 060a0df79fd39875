//! The `Origin` rule: a page of another site gets nothing, unless its origin is listed; a listed one gets CORS headers.

use http::{HeaderMap, HeaderValue, Uri, header};

/// The browser origins that may call besides our own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origins(Vec<Box<str>>);

/// What the rule says about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// No page of another site.
    Own,
    /// A listed origin, which may read the reply.
    Listed(HeaderValue),
    /// A page of another site.
    Foreign,
}

impl Origins {
    /// A list of `scheme://host[:port]`. `Err` is the entry that is no origin.
    pub(crate) fn parse<'o>(list: impl IntoIterator<Item = &'o str>) -> Result<Self, String> {
        let parse = |entry: &'o str| normalised(entry).ok_or_else(|| entry.to_owned());
        list.into_iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Judges a request by `Origin` and, where a browser leaves that out, by `Sec-Fetch-Site`.
    pub(crate) fn judge(&self, uri: &Uri, headers: &HeaderMap) -> Verdict {
        let Some(origin) = headers.get(header::ORIGIN) else {
            let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
            return if matches!(site, Some(b"cross-site" | b"same-site")) { Verdict::Foreign } else { Verdict::Own };
        };
        let text = origin.to_str().unwrap_or_default();
        if is_own(text, uri, headers) {
            return Verdict::Own;
        }
        match normalised(text).filter(|origin| self.0.contains(origin)) {
            Some(_) => Verdict::Listed(origin.clone()),
            None => Verdict::Foreign,
        }
    }
}

/// Whether an origin is the very host that the request names.
fn is_own(origin: &str, uri: &Uri, headers: &HeaderMap) -> bool {
    let named = uri.authority().map(http::uri::Authority::as_str);
    let host = named.or_else(|| headers.get(header::HOST).and_then(|host| host.to_str().ok()));
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    host.is_some_and(|host| {
        let default = if scheme == "https" { ":443" } else { ":80" };
        let bare = |text: &str| text.strip_suffix(default).unwrap_or(text).to_ascii_lowercase();
        matches!(scheme, "http" | "https") && bare(host) == bare(authority)
    })
}

/// An origin as browsers write it; `None` for anything else, `null` included.
fn normalised(text: &str) -> Option<Box<str>> {
    let url = url::Url::parse(text).ok()?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let origin = url.origin();
    (is_bare && origin.is_tuple()).then(|| origin.ascii_serialization().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(origins: &Origins, pairs: &[(&'static str, &'static str)]) -> Verdict {
        let headers = pairs
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        origins.judge(&Uri::from_static("/Validate"), &headers)
    }

    #[test]
    fn only_our_own_and_listed_origins_come_in() {
        let origins = Origins::parse(["https://App.example:443/", "http://localhost:3000"]).unwrap();
        let table = [
            (None, Verdict::Own),
            (Some("http://localhost:5000"), Verdict::Own),
            (Some("http://LOCALHOST:5000"), Verdict::Own),
            (Some("https://app.example"), Verdict::Listed(HeaderValue::from_static("https://app.example"))),
            (Some("http://localhost:3000"), Verdict::Listed(HeaderValue::from_static("http://localhost:3000"))),
            (Some("http://app.example"), Verdict::Foreign),
            (Some("http://localhost:5001"), Verdict::Foreign),
            (Some("http://localhost"), Verdict::Foreign),
            (Some("https://evil.example"), Verdict::Foreign),
            (Some("null"), Verdict::Foreign),
            (Some(""), Verdict::Foreign),
            (Some("localhost:5000"), Verdict::Foreign),
            (Some("chrome-extension://localhost:5000"), Verdict::Foreign),
        ];
        for (origin, expected) in table {
            let mut pairs = vec![("host", "localhost:5000")];
            pairs.extend(origin.map(|origin| ("origin", origin)));
            assert_eq!(judge(&origins, &pairs), expected, "{origin:?}");
        }
    }

    #[test]
    fn default_ports_may_be_left_out() {
        let judge = |host, origin| judge(&Origins::default(), &[("host", host), ("origin", origin)]);
        assert_eq!(judge("localhost", "http://localhost:80"), Verdict::Own);
        assert_eq!(judge("localhost:443", "https://localhost"), Verdict::Own);
        assert_eq!(judge("localhost:443", "http://localhost"), Verdict::Foreign);
    }

    #[test]
    fn a_browser_that_sends_no_origin_still_says_where_it_comes_from() {
        let judge = |site| judge(&Origins::default(), &[("host", "localhost"), ("sec-fetch-site", site)]);
        assert_eq!((judge("cross-site"), judge("same-site")), (Verdict::Foreign, Verdict::Foreign));
        assert_eq!((judge("same-origin"), judge("none")), (Verdict::Own, Verdict::Own));
    }

    #[test]
    fn entries_that_are_no_origins_are_named() {
        for bad in ["app.example", "https://a.example/path", "null", "*", "https://u@a.example"] {
            assert_eq!(Origins::parse([bad]), Err(bad.to_owned()), "{bad}");
        }
    }
}
