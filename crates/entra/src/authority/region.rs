//! Regional token endpoints: an application's own tokens come from the region that it runs in, where that is known
//! (`AzureRegion`). Whatever cannot be found out means the global endpoint, never an error.

use std::time::Duration;

use reqwest::Client;
use sidekey_host::Clock;
use sidekey_oauth::Cloud;
use tokio::sync::OnceCell;
use url::Url;

use crate::{Environment, managed_identity::region};

/// Which region's endpoint is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Region {
    /// By its short name in lower case, such as `westeurope`.
    Named(Box<str>),
    /// The machine's own, as the environment or the metadata service says.
    AutoDetect,
}

/// Why a text is no region's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the short name of a region")]
pub struct NoRegion;

impl Region {
    /// What the setting and the environment come to. `MSAL_DISABLE_REGION` turns regions off; `MSAL_FORCE_REGION` stands in for
    /// the setting, unless that is `DisableMsalForceRegion`.
    pub fn of(setting: Option<&str>, environment: &Environment) -> Result<Option<Self>, NoRegion> {
        let text = match setting.map(str::trim) {
            _ if environment.has("MSAL_DISABLE_REGION") => None,
            Some(text) if text.eq_ignore_ascii_case(NOT_FORCED) => None,
            Some(text) => Some(text),
            None => environment.get("MSAL_FORCE_REGION"),
        };
        match text {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case(AUTO_DETECT) => Ok(Some(Self::AutoDetect)),
            Some(text) => name(text).map(|name| Some(Self::Named(name))).ok_or(NoRegion),
        }
    }
}

/// The region in use, found out once.
#[derive(Debug)]
pub(crate) struct Regions {
    setting: Option<Region>,
    environment: Environment,
    found: OnceCell<Option<Box<str>>>,
}

impl Regions {
    pub(crate) fn new(setting: Option<Region>, environment: Environment) -> Self {
        Self { setting, environment, found: OnceCell::new() }
    }

    /// The region's own form of a token endpoint, or the endpoint itself.
    pub(crate) async fn endpoint(&self, global: String, client: &Client, clock: &dyn Clock) -> String {
        // Asked first: for an authority of another kind, the metadata service is not.
        if regional(&global, "region").is_none() {
            return global;
        }
        let region = match &self.setting {
            None => return global,
            Some(Region::Named(name)) => Some(name),
            Some(Region::AutoDetect) => self.found.get_or_init(|| self.find(client, clock)).await.as_ref(),
        };
        region.and_then(|region| regional(&global, region)).unwrap_or(global)
    }

    async fn find(&self, client: &Client, clock: &dyn Clock) -> Option<Box<str>> {
        // App Service has it with blanks, as in `West Europe`.
        let own = self.environment.get("REGION_NAME").and_then(|text| name(&text.replace(' ', "")));
        if own.is_some() {
            return own;
        }
        match region::ask(client, &self.environment, clock.now(), Duration::from_secs(1)).await {
            Ok(text) => {
                let found = name(&text);
                tracing::info!(region = found.as_deref().unwrap_or("unknown"), "the machine's region");
                found
            }
            Err(problem) => {
                tracing::warn!("the machine's region cannot be found out, the global endpoint is used: {problem}");
                None
            }
        }
    }
}

/// The same endpoint in a region; `None` where the authority has no regions.
fn regional(endpoint: &str, region: &str) -> Option<String> {
    let mut url = Url::parse(endpoint).ok()?;
    let cloud = url.host_str().and_then(Cloud::of_host)?;
    let host = match cloud.preferred_network {
        "login.microsoftonline.com" => "login.microsoft.com",
        other => other,
    };
    if url.scheme() != "https" || url.port().is_some() {
        return None;
    }
    url.set_host(Some(&format!("{region}.{host}"))).ok()?;
    Some(url.into())
}

/// A region's short name: what can be one label of a host name.
fn name(text: &str) -> Option<Box<str>> {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let good =
        (1..=63).contains(&text.len()) && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-');
    good.then(|| text.to_ascii_lowercase().into())
}

const AUTO_DETECT: &str = "TryAutoDetect";
const NOT_FORCED: &str = "DisableMsalForceRegion";

#[cfg(test)]
mod tests {
    use sidekey_host::{ManualClock, UnixTime};

    use super::*;

    #[test]
    fn the_setting_counts_and_variables_stand_in_for_it() {
        let named = |name: &str| Ok(Some(Region::Named(name.into())));
        let forced = &[("MSAL_FORCE_REGION", "eastus")][..];
        let disabled = &[("MSAL_FORCE_REGION", "eastus"), ("MSAL_DISABLE_REGION", "1")][..];
        for (setting, variables, expected) in [
            (None, &[][..], Ok(None)),
            (Some("WestEurope"), &[], named("westeurope")),
            (Some("TryAutoDetect"), &[], Ok(Some(Region::AutoDetect))),
            (Some("west europe"), &[], Err(NoRegion)),
            (Some("a.b"), &[], Err(NoRegion)),
            (Some("a/b"), &[], Err(NoRegion)),
            (Some("-a"), &[], Err(NoRegion)),
            (None, forced, named("eastus")),
            (Some("westus2"), forced, named("westus2")),
            (Some("DisableMsalForceRegion"), forced, Ok(None)),
            (Some("westus2"), disabled, Ok(None)),
        ] {
            let environment = Environment::from_pairs(variables.iter().copied());
            assert_eq!(Region::of(setting, &environment), expected, "{setting:?} {variables:?}");
        }
    }

    #[test]
    fn each_cloud_has_its_own_regional_hosts() {
        for (endpoint, expected) in [
            (
                "https://login.microsoftonline.com/t/oauth2/v2.0/token",
                Some("https://r.login.microsoft.com/t/oauth2/v2.0/token"),
            ),
            ("https://login.microsoftonline.us/t/x", Some("https://r.login.microsoftonline.us/t/x")),
            ("https://login.partner.microsoftonline.cn/t", Some("https://r.login.partner.microsoftonline.cn/t")),
            ("https://login.microsoftonline.com:8443/t", None),
            ("https://contoso.ciamlogin.com/t", None),
            ("https://idp.example.com/t", None),
            ("http://localhost:5080/t", None),
        ] {
            assert_eq!(regional(endpoint, "r").as_deref(), expected, "{endpoint}");
        }
    }

    #[tokio::test]
    async fn the_environment_s_region_asks_nobody_and_an_unfit_one_means_the_global_endpoint() {
        sidekey_host::tls::install_crypto_provider();
        // Nobody listens there.
        let nowhere = ("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1");
        let client = Client::builder().no_proxy().build().unwrap();
        let clock = ManualClock::at(UnixTime(1));
        let global = "https://login.microsoftonline.com/t";
        for (value, expected) in [("West Europe", "https://westeurope.login.microsoft.com/t"), ("a/b", global)] {
            let environment = Environment::from_pairs([("REGION_NAME", value), nowhere]);
            let regions = Regions::new(Some(Region::AutoDetect), environment);
            assert_eq!(regions.endpoint(global.to_owned(), &client, &clock).await, expected, "{value}");
        }
    }
}
