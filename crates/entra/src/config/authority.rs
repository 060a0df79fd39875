//! `Instance`, `TenantId`, `Authority` and the B2C keys, and the variables that stand in for them.

use sidekey_config::Section;
use sidekey_oauth::TenantId;

use super::first_set;
use crate::authority::{Authority, AuthorityError};

/// The authority and the query parameters that its URL brings along. What is wrong is recorded, and something harmless returned.
pub(super) fn read(root: &Section<'_>, azure_ad: &Section<'_>) -> (Authority, Vec<(String, String)>) {
    let instance = instance(root, azure_ad);
    let tenant = tenant(root, azure_ad);
    let url = azure_ad.text("Authority");
    let policy = azure_ad.text("SignUpSignInPolicyId");
    let named = azure_ad.text("Instance").is_some() || azure_ad.text("TenantId").is_some();
    if url.is_some() && named {
        azure_ad.warn("Authority", "is ignored, because `Instance` or `TenantId` is set; remove one or the other");
    }
    let read = match (url, policy) {
        (Some(url), _) if !named => recorded(azure_ad, "Authority", Authority::of_url(url)),
        (_, Some(policy)) => b2c(azure_ad, &instance, policy).map(|authority| (authority, Vec::new())),
        _ => {
            let authority = Authority::of_instance(&instance.url, tenant.unwrap_or_else(|| missing_tenant(azure_ad)));
            recorded(instance.section, instance.name, authority).map(|authority| (authority, Vec::new()))
        }
    };
    // A fault is recorded then, so that this one is never asked.
    read.unwrap_or_else(|| (Authority::common(), Vec::new()))
}

/// The instance with the place it was set at.
struct Instance<'a, 'b> {
    section: &'b Section<'a>,
    name: &'static str,
    url: String,
}

fn instance<'a, 'b>(root: &'b Section<'a>, azure_ad: &'b Section<'a>) -> Instance<'a, 'b> {
    let cloud = azure_ad.one_of("AzureCloudInstance", DEFAULT_INSTANCE, CLOUD_INSTANCES);
    let (section, name) = first_set(azure_ad, "Instance", root, "AZURE_AUTHORITY_HOST");
    let url = match section.text(name) {
        // Some tools write the variable without its scheme.
        Some(host) if name == "AZURE_AUTHORITY_HOST" && !host.contains("://") => format!("https://{host}"),
        Some(url) => url.to_owned(),
        None => cloud.to_owned(),
    };
    Instance { section, name, url }
}

fn tenant(root: &Section<'_>, azure_ad: &Section<'_>) -> Option<TenantId> {
    let audience = azure_ad.one_of("AadAuthorityAudience", "", AUDIENCES);
    let (section, name) = first_set(azure_ad, "TenantId", root, "AZURE_TENANT_ID");
    if section.text(name).is_some() {
        // A tenant that is set and bad has its fault already; it is not missing.
        return Some(section.parse(name, TENANT_HINT).unwrap_or(TenantId::Common));
    }
    audience.parse().ok()
}

fn missing_tenant(azure_ad: &Section<'_>) -> TenantId {
    azure_ad.fault("TenantId", "is not set", format!("{TENANT_HINT}, here or in AZURE_TENANT_ID"));
    TenantId::Common
}

fn b2c(azure_ad: &Section<'_>, instance: &Instance<'_, '_>, policy: &str) -> Option<Authority> {
    let hint = "write the B2C tenant's domain, such as `contoso.onmicrosoft.com`";
    if azure_ad.text("Domain").is_none() {
        azure_ad.fault("Domain", "is not set, although `SignUpSignInPolicyId` makes this a B2C authority", hint);
    }
    let domain = azure_ad.parse("Domain", hint)?;
    recorded(instance.section, instance.name, Authority::b2c(&instance.url, domain, policy))
}

fn recorded<T>(section: &Section<'_>, name: &str, result: Result<T, AuthorityError>) -> Option<T> {
    result.map_err(|error| section.fault(name, error.problem, error.hint)).ok()
}

const DEFAULT_INSTANCE: &str = "https://login.microsoftonline.com/";
const TENANT_HINT: &str = "write the tenant's GUID or domain, or `common`, `organizations` or `consumers`";
const CLOUD_INSTANCES: &[(&str, &str)] = &[
    ("None", DEFAULT_INSTANCE),
    ("AzurePublic", DEFAULT_INSTANCE),
    ("AzureChina", "https://login.partner.microsoftonline.cn/"),
    ("AzureGermany", "https://login.microsoftonline.de/"),
    ("AzureUsGovernment", "https://login.microsoftonline.us/"),
];
const AUDIENCES: &[(&str, &str)] = &[
    ("None", ""),
    ("AzureAdMyOrg", ""),
    ("AzureAdAndPersonalMicrosoftAccount", "common"),
    ("AzureAdMultipleOrgs", "organizations"),
    ("PersonalMicrosoftAccount", "consumers"),
];
