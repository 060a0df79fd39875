//! The URL of a request, taken apart as RFC 3986 has it and otherwise left as it is: a hash covers its letters.

use super::ShrError;

/// An absolute URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    host: &'a str,
    port: u16,
    usual_port: u16,
    path: &'a str,
    /// Without the question mark.
    pub(super) query: &'a str,
}

impl<'a> Target<'a> {
    /// Takes a URL apart. Blanks, controls, backslashes and what is not ASCII are refused: readers disagree about them.
    pub(super) fn parse(url: &'a str) -> Result<Self, ShrError> {
        if !url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err(ShrError::Request("its URL has characters that must be percent-encoded"));
        }
        let (scheme, rest) = url.split_once("://").ok_or(NOT_ABSOLUTE)?;
        let usual_port = usual_port(scheme).ok_or(NOT_ABSOLUTE)?;
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        if authority.contains('@') {
            return Err(ShrError::Request("its URL has a user name"));
        }
        let (host, port) = host_and_port(authority).ok_or(ShrError::Request("its URL has no usable host and port"))?;
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self { host, port: port.unwrap_or(usual_port), usual_port, path, query })
    }

    /// The claim `u`: the host, with the port if it is not the usual one.
    pub(super) fn host_claim(&self) -> String {
        let host = self.host.to_ascii_lowercase();
        if self.port == self.usual_port { host } else { format!("{host}:{}", self.port) }
    }

    /// Whether a claim `u` is this host, with or without the port.
    pub(super) fn is_host(&self, claim: &str) -> bool {
        claim.eq_ignore_ascii_case(self.host) || claim.eq_ignore_ascii_case(&format!("{}:{}", self.host, self.port))
    }

    /// The claim `p`.
    pub(super) fn path_claim(&self) -> &'a str {
        self.path
    }

    /// Whether a claim `p` is this path: slashes at the ends and the case do not count, nor does it matter whether
    /// letters that need no percent-encoding have one (RFC 3986 §6.2.2). `%2F` is no slash.
    pub(super) fn is_path(&self, claim: &str) -> bool {
        normal(claim) == normal(self.path)
    }
}

fn usual_port(scheme: &str) -> Option<u16> {
    let ports = [("https", 443), ("http", 80)];
    ports.into_iter().find(|(name, _)| scheme.eq_ignore_ascii_case(name)).map(|(_, port)| port)
}

/// Splits `host`, `host:port` and `[address]:port`.
fn host_and_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, port) = authority.split_at_checked(end)?;
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        Some("") => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
        _ => return None,
    };
    (!host.is_empty()).then_some((host, port))
}

/// A path in the form in which equal ones are equal.
fn normal(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path.trim_matches('/');
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let code = after.get(..2).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let byte = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        if let Some(unreserved) = byte.filter(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(byte)) {
            out.push(unreserved.into());
            rest = after.get(2..).unwrap_or_default();
        } else {
            out.push('%');
            rest = after;
        }
    }
    out.push_str(rest);
    out.make_ascii_lowercase();
    out
}

const NOT_ABSOLUTE: ShrError = ShrError::Request("its URL is not an absolute `http` or `https` URL");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn claims(url: &str) -> (String, &str, &str) {
        let target = Target::parse(url).unwrap();
        (target.host_claim(), target.path_claim(), target.query)
    }

    #[test]
    fn a_url_is_taken_apart() {
        let cases = [
            ("https://api.contoso.com/orders/1?a=b&c", ("api.contoso.com", "/orders/1", "a=b&c")),
            ("https://API.Contoso.com", ("api.contoso.com", "/", "")),
            ("https://api.contoso.com?a=/b?c", ("api.contoso.com", "/", "a=/b?c")),
            ("HTTPS://api.contoso.com:443/", ("api.contoso.com", "/", "")),
            ("http://api.contoso.com:80/", ("api.contoso.com", "/", "")),
            ("https://api.contoso.com:80/", ("api.contoso.com:80", "/", "")),
            ("https://api.contoso.com:8443/a", ("api.contoso.com:8443", "/a", "")),
            ("https://api.contoso.com:/a", ("api.contoso.com", "/a", "")),
            ("https://[::1]:8443/a", ("[::1]:8443", "/a", "")),
            ("https://[2001:DB8::1]/a", ("[2001:db8::1]", "/a", "")),
            ("https://host/a#fragment?no=query", ("host", "/a", "")),
            ("https://host/a?q=1#fragment", ("host", "/a", "q=1")),
            ("https://host//a//", ("host", "//a//", "")),
            ("https://host/a?$filter=name%20eq%20'x'", ("host", "/a", "$filter=name%20eq%20'x'")),
        ];
        for (url, (host, path, query)) in cases {
            assert_eq!(claims(url), (host.to_owned(), path, query), "{url}");
        }
    }

    #[test]
    fn what_readers_disagree_about_is_refused() {
        for url in [
            "",
            "/orders",
            "orders",
            "//host/a",
            "ftp://host/",
            "https:/host",
            "https:host",
            "https:///a",
            "https://",
            "https://:443/",
            "https://host:port/",
            "https://host:99999/",
            "https://host:-1/",
            "https://host:+1/",
            "https://host:1:2/",
            "https://[::1",
            "https://[::1]x/",
            "https://user@host/",
            "https://user:pass@host/",
            "https://evil.example\\@host/",
            "https://host\\path",
            "https://host/a b",
            "https://host/\t",
            "https://host/\n",
            " https://host/",
            "https://höst/",
            "https://host/ä",
            "https://host/\u{0}",
        ] {
            assert!(matches!(Target::parse(url), Err(ShrError::Request(_))), "{url:?}");
        }
    }

    #[test]
    fn a_host_may_be_claimed_with_or_without_its_port() {
        let cases = [
            ("https://api.contoso.com/", "api.contoso.com", true),
            ("https://api.contoso.com/", "API.contoso.com:443", true),
            ("https://api.contoso.com:8443/", "api.contoso.com:8443", true),
            ("https://api.contoso.com:8443/", "api.contoso.com", true),
            ("https://api.contoso.com:8443/", "api.contoso.com:443", false),
            ("https://api.contoso.com/", "api.contoso.com:80", false),
            ("https://api.contoso.com/", "api.contoso.com:", false),
            ("https://api.contoso.com/", "api.contoso.com.", false),
            ("https://api.contoso.com/", "contoso.com", false),
            ("https://api.contoso.com/", " api.contoso.com", false),
            ("https://api.contoso.com/", "https://api.contoso.com", false),
            ("https://api.contoso.com/", "", false),
            ("https://[::1]:5000/", "[::1]:5000", true),
            ("https://[::1]:5000/", "::1", false),
        ];
        for (url, claim, same) in cases {
            assert_eq!(Target::parse(url).unwrap().is_host(claim), same, "{url} {claim}");
        }
    }

    #[test]
    fn paths_are_compared_without_outer_slashes_case_and_needless_encoding() {
        let cases = [
            ("/orders/1", "/orders/1", true),
            ("/orders/1", "orders/1", true),
            ("/orders/1/", "/Orders/1", true),
            ("//orders/1//", "orders/1", true),
            ("/", "", true),
            ("", "/", true),
            ("/~me", "/%7Eme", true),
            ("/%7eme", "/~ME", true),
            ("/a%2Fb", "/a%2fb", true),
            ("/a%2Fb", "/a/b", false),
            ("/a%252Fb", "/a%2Fb", false),
            ("/a%20b", "/a%20B", true),
            ("/a%20b", "/a b", false),
            ("/a%20b", "/a+b", false),
            ("/a//b", "/a/b", false),
            ("/a/../b", "/b", false),
            ("/a/%2e%2e/b", "/a/../b", true),
            ("/a%", "/a%", true),
            ("/a%4", "/a%4", true),
            ("/a%zz", "/a%zz", true),
            ("/orders/1", "/orders/2", false),
            ("/orders/1", "/orders", false),
            ("/orders", "/orders?x=1", false),
        ];
        for (path, claim, same) in cases {
            assert_eq!(Target::parse(&format!("https://host{path}")).unwrap().is_path(claim), same, "{path} {claim}");
        }
    }

    proptest! {
        #[test]
        fn noise_never_panics(noise: String, tail in "[a-z0-9/:@?#%\\[\\]&=.]{0,40}") {
            let _ = Target::parse(&noise);
            let _ = normal(&noise);
            if let Ok(target) = Target::parse(&format!("https://{tail}")) {
                prop_assert!(target.is_host(&target.host_claim()) && target.is_path(target.path_claim()));
            }
        }

        #[test]
        fn the_normal_form_of_a_normal_form_without_percent_signs_is_itself(path in "[a-zA-Z0-9/._~-]{0,30}") {
            prop_assert_eq!(normal(&normal(&path)), normal(&path));
        }
    }
}
