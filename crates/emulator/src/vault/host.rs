//! The names of vaults: `{vault}.vault.localhost` and those of the clouds.

use axum::http::uri::Authority;
use url::Url;

/// A host that names a vault.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct VaultHost<'a> {
    /// The vault's name.
    pub(crate) name: &'a str,
    /// What tokens are asked for, without scheme: the domain of all vaults, with the port that was asked. Clients compare it with the
    /// end of the vault's host, and those in Python compare the port, too.
    pub(crate) resource: &'a str,
}

impl<'a> VaultHost<'a> {
    /// Reads `contoso-vault.vault.localhost:5443`.
    pub(crate) fn find(authority: &'a Authority) -> Option<Self> {
        let host = authority.host().trim_end_matches('.');
        let (name, domain) = host.split_once('.')?;
        let known = DOMAINS.iter().any(|own| own.eq_ignore_ascii_case(domain));
        let (_, resource) = authority.as_str().split_once('.')?;
        (known && !name.is_empty()).then_some(Self { name, resource })
    }
}

/// Whether a resource identifier is one of Key Vault's that follow from its domains, such as `https://vault.localhost:5443`.
pub(crate) fn is_key_vault(identifier: &str) -> bool {
    let Ok(url) = identifier.parse::<Url>() else { return false };
    let bare = url.path() == "/" && url.query().is_none() && url.username().is_empty();
    let is_domain = |host: &str| DOMAINS.iter().any(|own| own.eq_ignore_ascii_case(host));
    bare && matches!(url.scheme(), "https" | "http") && url.host_str().is_some_and(is_domain)
}

/// The client id of Key Vault in every tenant.
pub(crate) const KEY_VAULT_APP: &str = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093";

const DOMAINS: [&str; 4] = ["vault.localhost", "vault.azure.net", "vault.azure.cn", "vault.usgovcloudapi.net"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_below_the_vaults_domains_name_a_vault() {
        let cases = [
            ("contoso-vault.vault.localhost:5443", Some(("contoso-vault", "vault.localhost:5443"))),
            ("Contoso.Vault.Azure.Net", Some(("Contoso", "Vault.Azure.Net"))),
            ("v.vault.azure.cn:443", Some(("v", "vault.azure.cn:443"))),
            ("a.b.vault.localhost", None),
            ("vault.localhost:5443", None),
            (".vault.localhost", None),
            ("localhost:5443", None),
            ("v.vault.localhost.example", None),
            ("[::1]:5443", None),
        ];
        for (host, expected) in cases {
            let authority: Authority = host.parse().unwrap();
            let found = VaultHost::find(&authority).map(|found| (found.name, found.resource));
            assert_eq!(found, expected, "{host}");
        }
    }

    #[test]
    fn the_vaults_domains_are_identifiers_of_key_vault() {
        for good in ["https://vault.localhost:5443", "https://vault.azure.net/", "http://vault.localhost:5080"] {
            assert!(is_key_vault(good), "{good}");
        }
        for bad in
            ["https://a.vault.azure.net", "https://vault.azure.net/x", "vault.azure.net", "ftp://vault.localhost", ""]
        {
            assert!(!is_key_vault(bad), "{bad}");
        }
    }
}
