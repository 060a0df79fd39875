//! Which of Microsoft's clouds is emulated: what metadata call it, and what its token exchange is called.

use serde::Deserialize;
use sidekey_oauth::Cloud;

/// One of the clouds that have a token exchange of their own name and a public description.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum CloudName {
    /// The one for everybody.
    #[default]
    Public,
    /// Azure Government.
    UsGovernment,
    /// Azure operated by 21Vianet.
    China,
}

impl CloudName {
    /// Hosts and token exchange.
    pub(crate) fn cloud(self) -> Option<&'static Cloud> {
        Cloud::of_host(match self {
            Self::Public => "login.microsoftonline.com",
            Self::UsGovernment => "login.microsoftonline.us",
            Self::China => "login.partner.microsoftonline.cn",
        })
    }

    /// `cloud_instance_name` of metadata and keys.
    pub(crate) fn instance_name(self) -> &'static str {
        match self {
            Self::Public => "microsoftonline.com",
            Self::UsGovernment => "microsoftonline.us",
            Self::China => "partner.microsoftonline.cn",
        }
    }

    /// `azEnvironment` of the instance metadata.
    pub(crate) fn az_environment(self) -> &'static str {
        match self {
            Self::Public => "AzurePublicCloud",
            Self::UsGovernment => "AzureUSGovernmentCloud",
            Self::China => "AzureChinaCloud",
        }
    }
}

/// The cloud whose token exchange an identifier names.
pub(super) fn of_token_exchange(identifier: &str) -> Option<&'static Cloud> {
    let named = |cloud: &&Cloud| cloud.token_exchange_audience.is_some_and(|own| own.eq_ignore_ascii_case(identifier));
    Cloud::all().iter().find(named)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::{Emulator, directory::read};

    #[test]
    fn each_cloud_has_one_name_for_its_token_exchange() {
        let cases = [
            ("public", "api://AzureADTokenExchange", "microsoftonline.com"),
            ("usGovernment", "api://AzureADTokenExchangeUSGov", "microsoftonline.us"),
            ("china", "api://AzureADTokenExchangeChina", "partner.microsoftonline.cn"),
        ];
        for (name, own, instance) in cases {
            let yaml = format!("cloud: {name}\n{}", Emulator::DEFAULT_DIRECTORY);
            let directory = read(&yaml, Path::new(".")).unwrap();
            assert_eq!(directory.cloud.instance_name(), instance);
            for (_, audience, _) in cases {
                assert_eq!(directory.resource(audience).is_some(), audience == own, "{name} {audience}");
            }
        }
        assert!(read(&format!("cloud: moon\n{}", Emulator::DEFAULT_DIRECTORY), Path::new(".")).is_err());
    }
}
