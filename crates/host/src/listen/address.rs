//! ASP.NET's URL grammar for listeners, as a function of the text.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use super::Address;

/// Reads `scheme://host[:port]` or `http://unix:/path`; the bool says whether it is `https`.
///
/// `localhost` is both loopback addresses, a literal address is itself, and `*`, `+` or any other name is every address of
/// the machine, as Kestrel has it. The port is 80 or 443 unless given; a path is refused.
pub fn parse_url(text: &str) -> Result<(Address, bool), AddressError> {
    let text = text.trim();
    let fail = |problem| AddressError { url: text.to_owned(), problem };
    let (scheme, rest) = text.split_once("://").ok_or_else(|| fail(Problem::NoScheme))?;
    let is_https = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => return Err(fail(Problem::Scheme)),
    };
    if let Some(path) = rest.get(..5).filter(|start| start.eq_ignore_ascii_case("unix:")).and_then(|_| rest.get(5..)) {
        return unix(path).map(|address| (address, is_https)).map_err(fail);
    }
    let default_port = if is_https { 443 } else { 80 };
    authority(rest, default_port).map(|address| (address, is_https)).map_err(fail)
}

/// Why a URL names no place to listen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{url}` {problem}")]
pub struct AddressError {
    url: String,
    problem: Problem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("has no scheme; write `http://` or `https://` before it")]
    NoScheme,
    #[error("has a scheme other than `http` and `https`")]
    Scheme,
    #[error("has no host; write `localhost`, an IP address, or `*` for all addresses")]
    NoHost,
    #[error("has a path, query or fragment; only scheme, host and port can be listened on")]
    Path,
    #[error("names a user; only scheme, host and port can be listened on")]
    User,
    #[error("has a port that is not a number from 0 to 65535")]
    Port,
    #[error("has an IPv6 address that cannot be read; write it as in `http://[::1]:5000`, without a zone")]
    Ipv6,
    #[error("has a host with characters that no host name has")]
    Host,
    #[error("has a socket path that is not absolute; write it as in `http://unix:/run/sidekey.sock`")]
    UnixPath,
}

fn unix(path: &str) -> Result<Address, Problem> {
    if path.starts_with('/') && !path.ends_with('/') && !path.contains('\0') {
        Ok(Address::Unix(PathBuf::from(path)))
    } else {
        Err(Problem::UnixPath)
    }
}

fn authority(text: &str, default_port: u16) -> Result<Address, Problem> {
    let text = text.strip_suffix('/').unwrap_or(text);
    if text.contains(['/', '?', '#', '\\']) {
        return Err(Problem::Path);
    }
    if text.contains('@') {
        return Err(Problem::User);
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(Problem::Ipv6)?;
        let host: Ipv6Addr = host.parse().map_err(|_| Problem::Ipv6)?;
        let port = match port.strip_prefix(':') {
            Some(port) => number(port)?,
            None if port.is_empty() => default_port,
            None => return Err(Problem::Port),
        };
        return Ok(Address::Ip(SocketAddr::new(host.into(), port)));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, _)) if host.contains(':') => return Err(Problem::Ipv6),
        Some((host, port)) => (host, number(port)?),
        None => (text, default_port),
    };
    named(host, port)
}

fn named(host: &str, port: u16) -> Result<Address, Problem> {
    if host.is_empty() {
        return Err(Problem::NoHost);
    }
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(Address::Localhost(port));
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(Address::Ip(SocketAddr::new(address, port)));
    }
    let is_name = host.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.'));
    if is_name || matches!(host, "*" | "+") { Ok(Address::Any(port)) } else { Err(Problem::Host) }
}

fn number(port: &str) -> Result<u16, Problem> {
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| port.parse().ok()).flatten().ok_or(Problem::Port)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_name_addresses_as_kestrel_reads_them() {
        let ip = |text: &str| Address::Ip(text.parse().unwrap());
        let table = [
            ("http://localhost:5000", Address::Localhost(5000), false),
            ("HTTP://LocalHost:0/", Address::Localhost(0), false),
            ("http://127.0.0.1:0", ip("127.0.0.1:0"), false),
            ("http://[::1]:5000", ip("[::1]:5000"), false),
            ("https://[::1]", ip("[::1]:443"), true),
            ("http://0.0.0.0", ip("0.0.0.0:80"), false),
            ("http://*:8080", Address::Any(8080), false),
            ("http://+:80", Address::Any(80), false),
            (" https://example.com ", Address::Any(443), true),
            ("http://unix:/run/side key.sock", Address::Unix("/run/side key.sock".into()), false),
            ("https://UNIX:/s", Address::Unix("/s".into()), true),
        ];
        for (text, address, is_https) in table {
            assert_eq!(parse_url(text), Ok((address, is_https)), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_listened_on_is_refused_with_a_reason() {
        let table = [
            ("localhost:5000", Problem::NoScheme),
            ("", Problem::NoScheme),
            ("tcp://localhost", Problem::Scheme),
            ("http://", Problem::NoHost),
            ("http://:5000", Problem::NoHost),
            ("http://localhost:5000/base", Problem::Path),
            ("http://localhost?x", Problem::Path),
            ("http://a@localhost", Problem::User),
            ("http://localhost:", Problem::Port),
            ("http://localhost:abc", Problem::Port),
            ("http://localhost:65536", Problem::Port),
            ("http://localhost:+5", Problem::Port),
            ("http://[::1]5", Problem::Port),
            ("http://::1:5000", Problem::Ipv6),
            ("http://[::1", Problem::Ipv6),
            ("http://[fe80::1%eth0]:80", Problem::Ipv6),
            ("http://ex ample", Problem::Host),
            ("http://unix:run.sock", Problem::UnixPath),
            ("http://unix:/run/", Problem::UnixPath),
        ];
        for (text, problem) in table {
            let found = parse_url(text).unwrap_err();
            assert_eq!(found.problem, problem, "{text}");
            assert!(found.to_string().starts_with(&format!("`{text}` has")) || text.contains('@'), "{found}");
        }
    }
    proptest! {
        #[test]
        fn any_text_is_an_address_or_a_reason(text in "\\PC{0,30}", like in "(http|https)?(://)?[a-z0-9:.*+\\[\\]/@%é-]{0,20}") {
            for text in [text, like] {
                if let Err(error) = parse_url(&text) {
                    prop_assert!(error.to_string().contains("` "), "{}", error);
                }
            }
        }

        #[test]
        fn a_literal_address_reads_back(address in any::<SocketAddr>()) {
            let plain = match address {
                SocketAddr::V4(address) => address.into(),
                SocketAddr::V6(address) => SocketAddr::new((*address.ip()).into(), address.port()),
            };
            prop_assert_eq!(parse_url(&format!("http://{plain}")), Ok((Address::Ip(plain), false)));
        }
    }
}
