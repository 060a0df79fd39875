//! Where secrets and tokens may travel without TLS.

use url::{Host, Url};

/// Whether a URL's host is this machine, so that plain `http` to it is acceptable: `localhost` and names below it (RFC 6761,
/// section 6.3), `127.0.0.0/8` and `::1`.
pub fn plain_http_allowed(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_localhost(name),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}

fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or_default();
    last.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_without_tls() {
        let table = [
            ("http://localhost:5000/x", true),
            ("http://LOCALHOST.", true),
            ("http://a.b.localhost", true),
            ("http://127.0.0.1", true),
            ("http://127.255.0.3:1", true),
            ("http://0x7f.1", true),
            ("http://[::1]:80", true),
            ("http://[::ffff:127.0.0.1]", true),
            ("http://localhost.example.com", false),
            ("http://notlocalhost", false),
            ("http://127.0.0.1.example.com", false),
            ("http://127.0.0.1@example.com", false),
            ("http://169.254.169.254", false),
            ("http://0.0.0.0", false),
            ("http://[::]", false),
            ("http://[fe80::1]", false),
            ("unix:/run/x", false),
        ];
        for (url, expected) in table {
            assert_eq!(plain_http_allowed(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
