//! Where secrets and tokens may travel without TLS.

use std::net::{IpAddr, Ipv6Addr};

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

/// Whether plain `http` to a URL's host is acceptable for the endpoints that give a machine its identity: this machine, its
/// link (`169.254.0.0/16`, `fe80::/10`), and the addresses and names that clouds keep for their metadata service.
pub fn identity_http_allowed(url: &Url) -> bool {
    plain_http_allowed(url)
        || match url.host() {
            Some(Host::Domain(name)) => is_metadata_name(name),
            Some(Host::Ipv4(address)) => address.is_link_local(),
            Some(Host::Ipv6(address)) => match address.to_canonical() {
                IpAddr::V4(address) => address.is_link_local(),
                IpAddr::V6(address) => address.is_unicast_link_local() || METADATA_ADDRESSES.contains(&address),
            },
            None => false,
        }
}

fn is_metadata_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    METADATA_NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// The metadata services of Azure and of Google, by name.
const METADATA_NAMES: &[&str] = &["metadata.azure.internal", "metadata.google.internal", "metadata.goog"];
/// The metadata services of AWS (for pods and for machines) and of Google over IPv6: unique local addresses, which no router
/// passes on.
const METADATA_ADDRESSES: &[Ipv6Addr] = &[
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

pub(super) fn is_localhost(name: &str) -> bool {
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
    #[test]
    fn identity_endpoints_are_also_spoken_to_on_the_link() {
        let table = [
            ("http://localhost:42356/msi/token", true),
            ("http://169.254.169.254/metadata", true),
            ("http://169.254.130.1:8081", true),
            ("http://[::ffff:169.254.169.254]", true),
            ("http://[fe80::1]", true),
            ("http://[fd00:ec2::23]/v1/credentials", true),
            ("http://[fd00:ec2::254]", true),
            ("http://METADATA.google.internal.", true),
            ("http://169.255.0.1", false),
            ("http://10.0.0.4", false),
            ("http://[fd00::1]", false),
            ("http://metadata.google.internal.example.com", false),
            ("http://169.254.169.254.example.com", false),
        ];
        for (url, expected) in table {
            assert_eq!(identity_http_allowed(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
