//! `localhost` and names below it are this machine (RFC 6761, section 6.3), whether or not the system's resolver knows. They are
//! spoken to without TLS, so no resolver is to say that they are elsewhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::policy::is_localhost;

/// Asks the system about every other name.
#[derive(Debug)]
pub(super) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = if is_localhost(name.as_str()) {
                LOOPBACK.map(|address| SocketAddr::new(address, 0)).to_vec()
            } else {
                // The client puts the port in.
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect()
            };
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_below_localhost_are_this_machine() {
        for name in ["localhost", "contoso-vault.vault.localhost", "A.LOCALHOST", "a.localhost."] {
            let found: Vec<_> =
                Resolver.resolve(name.parse().unwrap()).await.unwrap().map(|found| found.ip()).collect();
            assert_eq!(found, LOOPBACK, "{name}");
        }
    }

    #[tokio::test]
    async fn other_names_are_the_systems_business() {
        let name = "sidekey.invalid".parse().unwrap();
        assert!(Resolver.resolve(name).await.is_err());
    }
}
