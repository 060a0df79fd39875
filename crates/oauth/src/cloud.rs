//! Microsoft's clouds: hosts that are one authority, and the audience of federated assertions there.

/// One cloud of Microsoft Entra ID.
#[derive(Debug, PartialEq, Eq)]
pub struct Cloud {
    /// Every host name of its authority.
    pub aliases: &'static [&'static str],
    /// The host that requests go to.
    pub preferred_network: &'static str,
    /// The host that cache entries are filed under.
    pub preferred_cache: &'static str,
    /// The audience of a federated client assertion, where the cloud has one.
    pub token_exchange_audience: Option<&'static str>,
}

impl Cloud {
    /// The cloud that a host belongs to. Case does not matter.
    pub fn of_host(host: &str) -> Option<&'static Cloud> {
        CLOUDS.iter().find(|cloud| cloud.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(host)))
    }

    /// All known clouds; the public one first.
    pub fn all() -> &'static [Cloud] {
        CLOUDS
    }
}

/// A cloud whose first alias is its host for everything.
const fn cloud(aliases: &'static [&'static str], token_exchange_audience: Option<&'static str>) -> Cloud {
    Cloud { aliases, preferred_network: aliases[0], preferred_cache: aliases[0], token_exchange_audience }
}

const CLOUDS: &[Cloud] = &[
    Cloud {
        aliases: &["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"],
        preferred_network: "login.microsoftonline.com",
        preferred_cache: "login.windows.net",
        token_exchange_audience: Some("api://AzureADTokenExchange"),
    },
    cloud(&["login.microsoftonline.us", "login.usgovcloudapi.net"], Some("api://AzureADTokenExchangeUSGov")),
    cloud(&["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"], Some("api://AzureADTokenExchangeChina")),
    cloud(&["login.sovcloud-identity.fr"], Some("api://AzureADTokenExchangeFrance")),
    cloud(&["login.sovcloud-identity.de"], Some("api://AzureADTokenExchangeGermany")),
    cloud(&["login.sovcloud-identity.sg"], None),
    cloud(&["login.microsoftonline.de"], None),
    cloud(&["login-us.microsoftonline.com"], None),
    cloud(&["login.windows-ppe.net", "sts.windows-ppe.net", "login.microsoft-ppe.com"], None),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alias_belongs_to_one_cloud() {
        for cloud in Cloud::all() {
            for alias in cloud.aliases {
                assert_eq!(Cloud::of_host(&alias.to_uppercase()), Some(cloud));
            }
        }
        assert_eq!(Cloud::of_host("login.example.com"), None);
    }
}
