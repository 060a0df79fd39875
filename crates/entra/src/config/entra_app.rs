//! `CustomSignedAssertion` with the provider `OidcIdpSignedAssertion`: another application of Entra ID, in a section of its own
//! with the keys of `AzureAd`.

use std::sync::Arc;

use sidekey_config::Section;

use super::{CacheConfig, Config, EntraApp};

/// Reads the credential's keys and the section that they name. `path` are the sections that lead here.
pub(super) fn read(root: &Section<'_>, credential: &Section<'_>, path: &[&str]) -> Option<EntraApp> {
    let provider = credential.text("CustomSignedAssertionProviderName");
    if !provider.is_some_and(|name| name.trim().eq_ignore_ascii_case(PROVIDER)) {
        let found =
            provider.map_or("is not set".to_owned(), |name| format!("`{name}` is not a provider of assertions"));
        credential.fault("CustomSignedAssertionProviderName", found, format!("write `{PROVIDER}`"));
        return None;
    }
    let data = credential.section("CustomSignedAssertionProviderData");
    data.own();
    let needs_fmi_path = data.bool("RequiresSignedAssertionFmiPath", false);
    let name = data.text("ConfigurationSection").map(str::trim);
    let section = application(root, &data, name, path)?;
    let config = Config { cache: CACHE, ..Config::of_section(root, section.key(), path) };
    let audience = credential.text("TokenExchangeUrl").map(|text| text.trim().to_owned());
    Some(EntraApp { config: Arc::new(config), section: section.key().to_owned(), audience, needs_fmi_path })
}

/// The application's section, if it can be one.
fn application<'a>(root: &Section<'a>, data: &Section<'a>, name: Option<&str>, path: &[&str]) -> Option<Section<'a>> {
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        data.fault(NAME, "is not set", HINT);
        return None;
    };
    if path.iter().any(|outer| outer.eq_ignore_ascii_case(name)) {
        data.fault(NAME, format!("`{name}` leads back to itself: an application cannot vouch for itself"), HINT);
        return None;
    }
    let section = root.section(name);
    if section.text("ClientId").is_none() {
        data.fault(NAME, format!("there is no application in the section `{name}`: it has no `ClientId`"), HINT);
        return None;
    }
    Some(section)
}

const PROVIDER: &str = "OidcIdpSignedAssertion";
const NAME: &str = "ConfigurationSection";
const HINT: &str = "write the name of a section that describes the other application with the keys of `AzureAd`";
/// A token per tenant and FMI path.
const CACHE: CacheConfig = CacheConfig { max_entries: 1000, max_bytes: 4 << 20 };
