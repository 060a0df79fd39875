//! What the engine makes of configurations, good and bad.

mod credentials;

use sidekey_config::{Configuration, Faults, Warning};

use super::*;
use crate::authority::AuthorityKind;

type Pairs = &'static [(&'static str, &'static str)];

fn read(pairs: &[(&str, &str)]) -> Result<(Config, Vec<Warning>), Faults> {
    Configuration::from_pairs(pairs.iter().copied()).bind(Config::read)
}

fn with_base(pairs: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    BASE.iter().chain(pairs).copied().collect()
}

/// The only fault of a configuration that is good but for some pairs.
fn fault(pairs: &[(&'static str, &'static str)]) -> sidekey_config::Fault {
    let Faults(mut faults) = read(&with_base(pairs)).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.pop().unwrap()
}

#[test]
fn tenant_and_client_are_enough() {
    let (config, warnings) = read(BASE).unwrap();
    assert_eq!(config.authority.to_string(), format!("https://login.microsoftonline.com/{TENANT}"));
    assert_eq!(config.client_id.as_str(), CLIENT);
    assert_eq!(config.credentials.len(), 0);
    assert_eq!(config.acquire_timeout, Duration::from_secs(30));
    assert_eq!(config.cache, CacheConfig { max_entries: 50_000, max_bytes: 64 << 20 });
    assert_eq!(config.validation.clock_skew, Duration::from_mins(5));
    assert_eq!(config.validation.algorithms, [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256]);
    assert_eq!(config.validation.verified_token_cache, Some(10_000));
    assert!(config.validation.allow_acl && config.validation.require_https_metadata);
    assert_eq!(warnings, []);
}

#[test]
fn every_key_ends_up_in_its_field() {
    let (config, warnings) = read(&[
        ("AzureAd:Instance", "https://login.microsoftonline.us/"),
        ("AzureAd:TenantId", "common"),
        ("AzureAd:ClientId", CLIENT),
        ("AzureAd:AppHomeTenantId", TENANT),
        ("AzureAd:Audience", "api://one"),
        ("AzureAd:Audiences:0", "api://two"),
        ("AzureAd:TokenValidationParameters:ValidAudience", "api://one"),
        ("AzureAd:TokenValidationParameters:ValidAudiences:0", "api://three"),
        ("AzureAd:TokenValidationParameters:ValidIssuer", "https://issuer/{tenantid}"),
        ("AzureAd:TokenValidationParameters:ClockSkew", "00:01:00"),
        ("AzureAd:Scopes", "a b"),
        ("AzureAd:Roles:0", "r"),
        ("AzureAd:SendX5C", "true"),
        ("AzureAd:ClientCapabilities:0", "cp1"),
        ("AzureAd:ExtraQueryParameters:dc", "ESTS"),
        ("AzureAd:AllowWebApiToBeAuthorizedByACL", "false"),
        ("AzureAd:MetadataAddress", "http://localhost:5080/x"),
        ("AzureAd:UseFastUnboundedCache", "true"),
        ("Sidecar:AcquireTimeout", "00:00:10"),
        ("Sidecar:VerifiedTokenCache:Enabled", "false"),
        ("Sidecar:TokenValidation:Algorithms:0", "RS256"),
        ("Sidecar:TokenValidation:AllowedClientApps:0", CLIENT),
        ("Sidecar:TokenValidation:AllowedTenants:0", TENANT),
        ("TokenCache:MaxEntries", "10"),
        ("TokenCache:MaxBytes", "1000000"),
        ("TokenCache:EnableDistributedCache", "false"),
    ])
    .unwrap();
    assert_eq!(warnings, []);
    assert_eq!(config.authority.to_string(), "https://login.microsoftonline.us/common");
    assert_eq!(config.home_tenant.map(|tenant| tenant.to_string()).as_deref(), Some(TENANT));
    let validation = config.validation;
    assert_eq!(validation.audiences, ["api://one", "api://two", "api://three"]);
    assert_eq!(validation.valid_issuers, ["https://issuer/{tenantid}"]);
    assert_eq!(validation.clock_skew, Duration::from_mins(1));
    assert_eq!((validation.scopes, validation.roles), (vec!["a".to_owned(), "b".to_owned()], vec!["r".to_owned()]));
    assert!(config.send_x5c && !validation.allow_acl);
    assert_eq!(config.client_capabilities, ["cp1"]);
    assert_eq!(config.extra_query_parameters, [("dc".to_owned(), "ESTS".to_owned())]);
    assert_eq!(validation.metadata_address.map(|url| url.to_string()).as_deref(), Some("http://localhost:5080/x"));
    assert_eq!(config.acquire_timeout, Duration::from_secs(10));
    assert_eq!(validation.verified_token_cache, None);
    assert_eq!(validation.algorithms, [Algorithm::RS256]);
    assert_eq!(validation.allowed_client_apps, [CLIENT.parse().unwrap()]);
    assert_eq!(validation.allowed_tenants, [TENANT.parse::<Uuid>().unwrap()]);
    assert_eq!(config.cache, CacheConfig { max_entries: 10, max_bytes: 1_000_000 });
}

#[test]
fn authorities_come_in_several_forms() {
    let cases: &[(Pairs, &str)] = &[
        (
            &[("AzureAd:Authority", "https://login.microsoftonline.com/contoso.com/v2.0")],
            "https://login.microsoftonline.com/contoso.com",
        ),
        (
            &[("AzureAd:Instance", ""), ("AzureAd:Authority", "https://contoso.ciamlogin.com")],
            "https://contoso.ciamlogin.com/contoso.onmicrosoft.com",
        ),
        (
            &[
                ("AzureAd:Instance", "https://c.b2clogin.com/tfp/"),
                ("AzureAd:Domain", "c.onmicrosoft.com"),
                ("AzureAd:SignUpSignInPolicyId", "B2C_1_susi"),
            ],
            "https://c.b2clogin.com/tfp/c.onmicrosoft.com/B2C_1_susi",
        ),
        (
            &[
                ("AzureAd:AzureCloudInstance", "AzureUsGovernment"),
                ("AzureAd:AadAuthorityAudience", "AzureAdMultipleOrgs"),
            ],
            "https://login.microsoftonline.us/organizations",
        ),
        (
            &[("AZURE_TENANT_ID", TENANT), ("AZURE_AUTHORITY_HOST", "login.microsoftonline.us")],
            "https://login.microsoftonline.us/aaaabbbb-0000-cccc-1111-dddd2222eeee",
        ),
        (
            &[("AzureAd:TenantId", "consumers"), ("AZURE_TENANT_ID", TENANT)],
            "https://login.microsoftonline.com/consumers",
        ),
    ];
    for (pairs, authority) in cases {
        let pairs: Vec<_> = pairs.iter().copied().chain([("AzureAd:ClientId", CLIENT)]).collect();
        let (config, _) = read(&pairs).unwrap_or_else(|faults| panic!("{pairs:?}: {faults}"));
        assert_eq!(config.authority.to_string(), *authority);
    }
}

#[test]
fn an_authority_beside_an_instance_is_ignored_with_a_warning() {
    let (config, warnings) = read(&with_base(&[("AzureAd:Authority", "https://idp.example.com/realm/x")])).unwrap();
    assert!(matches!(config.authority.kind(), AuthorityKind::Aad { .. }));
    assert_eq!(warnings.first().map(|warning| warning.key.as_str()), Some("AzureAd:Authority"));
}

#[test]
fn all_faults_are_found_at_once() {
    let Faults(faults) = read(&[("AzureAd:Instance", "http://example.com")]).unwrap_err();
    let keys: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(keys, ["AzureAd:TenantId", "AzureAd:Instance", "AzureAd:ClientId"]);
    assert!(faults.iter().all(|fault| !fault.hint.is_empty()));
}

#[test]
fn bad_values_are_faults_with_their_key() {
    let cases: &[(Pairs, &str, &str)] = &[
        (&[("AzureAd:Instance", "http://login.example.com/")], "AzureAd:Instance", "unprotected"),
        (&[("AzureAd:MetadataAddress", "http://example.com/x")], "AzureAd:MetadataAddress", "https"),
        (&[("AzureAd:AppHomeTenantId", "no tenant")], "AzureAd:AppHomeTenantId", "neither a GUID"),
        (
            &[("AzureAd:TokenDecryptionCertificates:0:SourceType", "Path")],
            "AzureAd:TokenDecryptionCertificates:0:CertificateDiskPath",
            "is not set",
        ),
        (
            &[
                ("AzureAd:TokenDecryptionCredentials:0:SourceType", "Path"),
                ("AzureAd:TokenDecryptionCredentials:0:CertificateDiskPath", "/none.pfx"),
            ],
            "AzureAd:TokenDecryptionCredentials:0:CertificateDiskPath",
            "does not exist",
        ),
        (
            &[("AzureAd:TokenDecryptionCredentials:0:SourceType", "ClientSecret")],
            "AzureAd:TokenDecryptionCredentials:0:SourceType",
            "`ClientSecret` cannot be used to decrypt tokens",
        ),
        (
            &[("AzureAd:TokenDecryptionCredentials:0:SourceType", "SignedAssertionFromVault")],
            "AzureAd:TokenDecryptionCredentials:0:SourceType",
            "`SignedAssertionFromVault` cannot be used to decrypt tokens",
        ),
        (
            &[("Sidecar:PopValidation:SignedHttpRequestLifetime", "00:00:00")],
            "Sidecar:PopValidation:SignedHttpRequestLifetime",
            "bounds",
        ),
        (
            &[("Sidecar:PopValidation:ClaimsToValidateWhenPresent:0", "b")],
            "Sidecar:PopValidation:ClaimsToValidateWhenPresent",
            "`b` cannot be checked",
        ),
        (
            &[("Sidecar:PopValidation:ClaimsToValidateWhenPresent:0", "nonce")],
            "Sidecar:PopValidation:ClaimsToValidateWhenPresent",
            "`nonce` is not such a claim",
        ),
        (
            &[("AzureAd:TokenDecryptionCredentials:0:CertificateDiskPath", "/x.pfx")],
            "AzureAd:TokenDecryptionCredentials:0:SourceType",
            "is not set",
        ),
        (
            &[("TokenCache:EnableDistributedCache", "true")],
            "TokenCache:EnableDistributedCache",
            "not available in this version",
        ),
        (&[("Sidecar:TokenValidation:Algorithms:0", "HS256")], "Sidecar:TokenValidation:Algorithms", "HS256"),
        (&[("Sidecar:AcquireTimeout", "00:00:00")], "Sidecar:AcquireTimeout", "bounds"),
    ];
    for (pairs, key, problem) in cases {
        let fault = fault(pairs);
        assert_eq!(&fault.key, key);
        assert!(fault.problem.contains(problem), "{fault}");
    }
}

#[test]
fn the_rules_for_signed_requests_are_read() {
    use sidekey_jose::shr::{BoundClaim, ShrRules};
    let (config, warnings) = read(BASE).unwrap();
    let rules = ShrRules { algorithms: config.validation.algorithms.clone(), ..ShrRules::default() };
    assert_eq!((config.validation.pop.rules, config.validation.pop.replay_cache_entries), (rules, 100_000));
    assert_eq!(warnings, []);
    let (config, warnings) = read(&with_base(&[
        ("Sidecar:PopValidation:ValidateM", "false"),
        ("Sidecar:PopValidation:ValidateQ", "true"),
        ("Sidecar:PopValidation:AcceptUnsignedQueryParameters", "false"),
        ("Sidecar:PopValidation:ValidatePresentClaims", "true"),
        ("Sidecar:PopValidation:ClaimsToValidateWhenPresent:0", "u"),
        ("Sidecar:PopValidation:SignedHttpRequestLifetime", "00:01:00"),
        ("Sidecar:PopValidation:ReplayCacheEntries", "0"),
    ]))
    .unwrap();
    let rules = config.validation.pop.rules;
    assert_eq!(rules.required, [BoundClaim::Host, BoundClaim::Path, BoundClaim::Query]);
    assert_eq!(rules.when_present, [BoundClaim::Method, BoundClaim::Path, BoundClaim::Host]);
    assert_eq!((rules.lifetime, rules.accept_unsigned_query), (60, false));
    let warned: Vec<_> = warnings.iter().map(|warning| warning.key.rsplit(':').next().unwrap()).collect();
    assert_eq!(warned, ["ReplayCacheEntries", "ValidateM"]);
}

#[test]
fn a_region_that_is_none_means_the_global_endpoint() {
    let (config, warnings) = read(&with_base(&[("AzureAd:AzureRegion", "WestEurope")])).unwrap();
    assert_eq!((config.region, warnings.len()), (Some(Region::Named("westeurope".into())), 0));
    let (config, warnings) = read(&with_base(&[("AzureAd:AzureRegion", "west europe")])).unwrap();
    assert_eq!(config.region, None);
    assert_eq!(warnings.first().map(|warning| warning.key.as_str()), Some("AzureAd:AzureRegion"));
}

#[test]
fn checks_cannot_be_switched_off_and_misspelt_keys_are_pointed_out() {
    let (_, warnings) = read(&with_base(&[
        ("AzureAd:TokenValidationParameters:ValidateLifetime", "false"),
        ("AzureAd:ClientID2", "x"),
    ]))
    .unwrap();
    let keys: Vec<_> = warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(keys, ["AzureAd:TokenValidationParameters:ValidateLifetime", "AzureAd:ClientID2"]);
}

const CLIENT: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const BASE: &[(&str, &str)] = &[("AzureAd:TenantId", TENANT), ("AzureAd:ClientId", CLIENT)];
