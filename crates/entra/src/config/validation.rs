//! The keys that say how inbound tokens are judged.

use std::time::Duration;

use sidekey_config::Section;
use sidekey_jose::Algorithm;

use super::ValidationConfig;
use crate::authority::is_permitted;

pub(super) fn read(azure_ad: &Section<'_>, sidecar: &Section<'_>) -> ValidationConfig {
    let parameters = azure_ad.section("TokenValidationParameters");
    let ours = sidecar.section("TokenValidation");
    super::reserved::token_validation_parameters(&parameters);
    warn_of_switched_off_checks(&parameters);
    let clock_skew = parameters.duration("ClockSkew", CLOCK_SKEW, Duration::ZERO..=Duration::from_hours(1));
    let algorithms = algorithms(&ours);
    ValidationConfig {
        audiences: audiences(azure_ad, &parameters),
        valid_issuers: texts(&[(&parameters, "ValidIssuer"), (&parameters, "ValidIssuers")]),
        clock_skew,
        scopes: texts(&[(azure_ad, "Scopes")]),
        roles: texts(&[(azure_ad, "Roles")]),
        allowed_client_apps: parsed(&ours, "AllowedClientApps", "write the clients' application ids"),
        allowed_tenants: parsed(&ours, "AllowedTenants", "write the tenants' GUIDs"),
        allow_acl: azure_ad.bool("AllowWebApiToBeAuthorizedByACL", true),
        metadata_address: metadata_address(azure_ad),
        require_https_metadata: azure_ad.bool("RequireHttpsMetadata", true),
        pop: super::pop::read(&sidecar.section("PopValidation"), &algorithms, clock_skew),
        algorithms,
        decryption: super::decryption::read(azure_ad),
        verified_token_cache: verified_token_cache(&sidecar.section("VerifiedTokenCache")),
    }
}

fn audiences(azure_ad: &Section<'_>, parameters: &Section<'_>) -> Vec<String> {
    texts(&[
        (azure_ad, "Audience"),
        (azure_ad, "Audiences"),
        (parameters, "ValidAudience"),
        (parameters, "ValidAudiences"),
    ])
}

/// All texts of several keys, in order, each once.
fn texts(keys: &[(&Section<'_>, &str)]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for text in keys.iter().flat_map(|(section, name)| section.list(name)) {
        if !all.iter().any(|own| own == text) {
            all.push(text.to_owned());
        }
    }
    all
}

fn algorithms(section: &Section<'_>) -> Vec<Algorithm> {
    let named = parsed(section, "Algorithms", "write names such as `RS256`, `PS256` and `ES256`");
    if named.is_empty() { vec![Algorithm::RS256, Algorithm::PS256, Algorithm::ES256] } else { named }
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(section: &Section<'_>, name: &str, hint: &str) -> Vec<T> {
    let mut values = Vec::new();
    for text in section.list(name) {
        match text.parse() {
            Ok(value) => values.push(value),
            Err(error) => section.fault(name, format!("`{text}`: {error}"), hint),
        }
    }
    values
}

fn metadata_address(azure_ad: &Section<'_>) -> Option<url::Url> {
    let hint = "write the `https` URL of an OpenID configuration; plain `http` is accepted for loopback addresses only";
    let url: url::Url = azure_ad.parse("MetadataAddress", hint)?;
    if !is_permitted(&url) {
        azure_ad.fault("MetadataAddress", format!("`{url}` is neither `https` nor on loopback"), hint);
        return None;
    }
    Some(url)
}

fn verified_token_cache(section: &Section<'_>) -> Option<usize> {
    let entries = section.integer("MaxEntries", 10_000, 1..=100_000_000);
    section.bool("Enabled", true).then(|| usize::try_from(entries).unwrap_or(usize::MAX))
}

/// Checks that Microsoft's libraries let one switch off and that are always made here.
fn warn_of_switched_off_checks(parameters: &Section<'_>) {
    for name in CHECKS {
        if !parameters.bool(name, true) {
            parameters.warn(name, "has no effect: this check is always made");
        }
    }
}

const CLOCK_SKEW: Duration = Duration::from_mins(5);
const CHECKS: &[&str] = &[
    "ValidateAudience",
    "ValidateIssuer",
    "ValidateIssuerSigningKey",
    "ValidateLifetime",
    "RequireAudience",
    "RequireExpirationTime",
    "RequireSignedTokens",
];
