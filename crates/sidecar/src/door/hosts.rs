//! The `Host` filter: `AllowedHosts` with ASP.NET's semantics. It keeps a web page whose name was re-pointed at loopback
//! (DNS rebinding) from talking to us.

use std::net::Ipv6Addr;

use http::{HeaderMap, Uri, header::HOST};
use url::Host;

/// The hosts that requests may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hosts {
    /// Any.
    Any,
    /// One of these.
    Listed(Vec<Pattern>),
}

/// One host of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// A name or an IPv4 address, in lower case.
    Name(Box<str>),
    /// `*.example.com`, kept as `.example.com`.
    Suffix(Box<str>),
    /// An IPv6 address.
    Ipv6(Ipv6Addr),
}

impl Hosts {
    /// Reads a `;`-separated list; a wildcard in it allows all. `Err` is the entry that is no host name.
    pub(crate) fn parse(list: &str) -> Result<Self, String> {
        let entries = list.split(';').map(str::trim).filter(|entry| !entry.is_empty());
        let mut patterns = Vec::new();
        for entry in entries {
            if matches!(entry, "*" | "0.0.0.0" | "[::]") {
                return Ok(Self::Any);
            }
            patterns.push(Pattern::parse(entry).ok_or_else(|| entry.to_owned())?);
        }
        Ok(if patterns.is_empty() { Self::Any } else { Self::Listed(patterns) })
    }

    /// The loopback names, and the literal host names of endpoints (without port; those that are none are left out).
    pub(crate) fn local<'h>(endpoints: impl IntoIterator<Item = &'h str>) -> Self {
        let mut patterns: Vec<_> = ["localhost", "127.0.0.1", "[::1]"].into_iter().filter_map(Pattern::parse).collect();
        for host in endpoints {
            let is_any = matches!(host, "*" | "+" | "0.0.0.0" | "[::]");
            patterns.extend(Pattern::parse(host).filter(|pattern| !is_any && !matches!(pattern, Pattern::Suffix(_))));
        }
        Self::Listed(patterns)
    }

    /// Whether a request may come in. One that names no host may, as HTTP/1.0 allows; every name given must be listed.
    pub(crate) fn allow(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let Self::Listed(patterns) = self else { return true };
        let allows = |host: &str| host.is_empty() || is_listed(patterns, host);
        let named = headers.get_all(HOST).iter().map(|value| value.to_str().unwrap_or("?"));
        uri.authority().is_none_or(|authority| allows(authority.as_str())) && named.into_iter().all(allows)
    }
}

impl Pattern {
    fn parse(entry: &str) -> Option<Self> {
        let (name, is_suffix) = entry.strip_prefix("*.").map_or((entry, false), |rest| (rest, true));
        match Host::parse(name).ok()? {
            Host::Domain(name) if is_suffix => Some(Self::Suffix(format!(".{name}").into())),
            Host::Domain(name) => Some(Self::Name(name.into())),
            Host::Ipv4(address) if !is_suffix => Some(Self::Name(address.to_string().into())),
            Host::Ipv6(address) if !is_suffix => Some(Self::Ipv6(address)),
            _ => None,
        }
    }

    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Name(name) => host.eq_ignore_ascii_case(name),
            Self::Suffix(suffix) => {
                let start = host.len().checked_sub(suffix.len()).filter(|start| *start > 0);
                start.and_then(|start| host.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
            }
            Self::Ipv6(address) => {
                let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
                inner.and_then(|text| text.parse().ok()) == Some(*address)
            }
        }
    }
}

fn is_listed(patterns: &[Pattern], authority: &str) -> bool {
    host_of(authority).is_some_and(|host| patterns.iter().any(|pattern| pattern.matches(host)))
}

/// The host of `host[:port]`; `None` if it is malformed.
pub(crate) fn host_of(authority: &str) -> Option<&str> {
    let end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, port) = authority.split_at_checked(end)?;
    let is_port =
        port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()));
    (is_port && !host.contains('@')).then_some(host)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn allows(hosts: &Hosts, host: &'static str) -> bool {
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
        hosts.allow(&Uri::from_static("/Validate"), &headers)
    }

    #[test]
    fn by_default_only_our_own_names_are_allowed() {
        let hosts = Hosts::local(["*", "+", "0.0.0.0", "[::]", "sidecar", "10.1.2.3", "localhost"]);
        for good in [
            "localhost",
            "LOCALHOST:5000",
            "127.0.0.1:80",
            "[::1]:5000",
            "[0:0:0:0:0:0:0:1]",
            "",
            "sidecar:1",
            "10.1.2.3",
        ] {
            assert!(allows(&hosts, good), "{good}");
        }
        for bad in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "[::2]",
            "0.0.0.0",
            "*",
            "localhost:80:80",
            "localhost:x",
            "evil@localhost",
            "localhost@evil",
            "[::1",
            "[::1]x",
            "::1",
        ] {
            assert!(!allows(&hosts, bad), "{bad}");
        }
    }

    #[test]
    fn lists_have_wildcards_and_unicode_names() {
        let hosts = Hosts::parse("; *.Example.com ;bücher.example;[::FFFF:1]; ").unwrap();
        for good in ["a.example.com", "A.B.EXAMPLE.COM:1", "xn--bcher-kva.example", "[::ffff:1]:5"] {
            assert!(allows(&hosts, good), "{good}");
        }
        for bad in ["example.com", ".example.com", "localhost", "aexample.com"] {
            assert!(!allows(&hosts, bad), "{bad}");
        }
        for any in ["*", "", ";", "localhost;0.0.0.0", "[::]"] {
            assert_eq!(Hosts::parse(any), Ok(Hosts::Any), "{any}");
        }
        assert_eq!(Hosts::parse("ok;a b"), Err("a b".into()));
        assert_eq!(Hosts::parse("*.10.0.0.1"), Err("*.10.0.0.1".into()));
    }

    #[test]
    fn every_name_that_a_request_gives_is_judged() {
        let hosts = Hosts::local([]);
        let two: HeaderMap =
            ["localhost", "evil.example"].map(|host| (HOST, HeaderValue::from_static(host))).into_iter().collect();
        let mut headers = HeaderMap::new();
        for value in two.get_all(HOST) {
            headers.append(HOST, value.clone());
        }
        headers.append(HOST, HeaderValue::from_static("evil.example"));
        assert!(!hosts.allow(&Uri::from_static("/"), &headers));
        assert!(!hosts.allow(&Uri::from_static("http://evil.example/"), &HeaderMap::new()));
        assert!(hosts.allow(&Uri::from_static("http://localhost:5000/"), &HeaderMap::new()));
        assert!(
            !hosts.allow(
                &Uri::from_static("/"),
                &HeaderMap::from_iter([(HOST, HeaderValue::from_bytes(b"\xe9").unwrap())])
            )
        );
    }
}
