//! What the engine makes of configurations, good and bad.

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
fn bad_credentials_are_faults_with_their_key() {
    let cases: &[(Pairs, &str, &str)] = &[
        (&[("ClientSecret", "s")], "SourceType", "is not set"),
        (&[("SourceType", "Magic")], "SourceType", "is not a source"),
        (&[("SourceType", "KeyVault"), ("KeyVaultUrl", "https://v")], "KeyVaultCertificateName", "is not set"),
        (&[("SourceType", "9"), ("KeyVaultCertificateName", "web")], "KeyVaultUrl", "is not set"),
        (&[("SourceType", "StoreWithThumbprint")], "SourceType", "not available in this version"),
        (
            &[("SourceType", "7"), ("ManagedIdentityClientId", "c"), ("ManagedIdentityObjectId", "o")],
            "ManagedIdentityClientId",
            "is not the only name",
        ),
        (&[("SourceType", "ClientSecret")], "ClientSecret", "is not set"),
        (
            &[("SourceType", "ClientSecret"), ("ClientSecret", "s"), ("ClientSecretPath", "/p")],
            "ClientSecretPath",
            "as well as",
        ),
        (
            &[("SourceType", "ClientSecret"), ("ClientSecretPath", "/none")],
            "ClientSecretPath",
            "`/none` does not exist",
        ),
        (&[("SourceType", "Path")], "CertificateDiskPath", "is not set"),
        (&[("SourceType", "path"), ("CertificateDiskPath", "/none.pfx")], "CertificateDiskPath", "does not exist"),
        (&[("SourceType", "Path"), ("CertificateDiskPath", "/")], "CertificateDiskPath", "is a directory"),
        (
            &[("SourceType", "Base64Encoded"), ("Base64EncodedValue", "AAAA")],
            "Base64EncodedValue",
            "neither a PFX nor a PEM",
        ),
        (&[("SourceType", "SignedAssertionFilePath")], "SignedAssertionFileDiskPath", "is not set"),
        (
            &[("SourceType", "SignedAssertionFilePath"), ("SignedAssertionFileDiskPath", "/")],
            "SignedAssertionFileDiskPath",
            "is a directory",
        ),
    ];
    for (fields, field, problem) in cases {
        credential_is_at_fault(fields, field, problem);
    }
}

fn credential_is_at_fault(fields: &[(&str, &str)], field: &str, problem: &str) {
    let mut pairs: Vec<(String, String)> = BASE.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    pairs.extend(fields.iter().map(|(k, v)| (format!("AzureAd:ClientCredentials:0:{k}"), (*v).into())));
    let Faults(faults) = Configuration::from_pairs(pairs).bind(Config::read).unwrap_err();
    let [fault] = faults.as_slice() else { panic!("{fields:?}: {faults:?}") };
    assert_eq!(fault.key, format!("AzureAd:ClientCredentials:0:{field}"));
    assert!(fault.problem.contains(problem), "{fault}");
}

#[test]
fn vaults_certificates_and_versions_are_checked() {
    for (url, name, version, field, problem) in [
        ("http://contoso.vault.azure.net", "web", "1", "KeyVaultUrl", "unprotected"),
        ("contoso.vault.azure.net", "web", "1", "KeyVaultUrl", "is not a URL"),
        ("https://contoso.vault.azure.net/certificates", "web", "1", "KeyVaultUrl", "more than scheme"),
        ("https://u@contoso.vault.azure.net", "web", "1", "KeyVaultUrl", "more than scheme"),
        ("https://contoso.vault.azure.net", "../keys", "1", "KeyVaultCertificateName", "cannot be one"),
        ("https://contoso.vault.azure.net", "web", "a/b", "KeyVaultCertificateVersion", "cannot be one"),
    ] {
        let [kind, url, _] = vault(url);
        let fields = [kind, url, ("KeyVaultCertificateName", name), ("KeyVaultCertificateVersion", version)];
        credential_is_at_fault(&fields, field, problem);
    }
}

fn vault(url: &'static str) -> [(&'static str, &'static str); 3] {
    [("SourceType", "KeyVault"), ("KeyVaultUrl", url), ("KeyVaultCertificateName", "web")]
}

#[test]
fn a_certificate_in_a_vault_is_named_with_version_and_identity() {
    let read = |fields: &[(&str, &str)]| {
        let mut pairs: Vec<(String, String)> = BASE.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let own = vault("https://contoso.vault.azure.net");
        let fields = own.iter().chain(fields);
        pairs.extend(fields.map(|(k, v)| (format!("AzureAd:ClientCredentials:0:{k}"), (*v).into())));
        pairs.push(("AzureAd:UserAssignedManagedIdentityClientId".to_owned(), "general".to_owned()));
        let (config, warnings) = Configuration::from_pairs(pairs).bind(Config::read).unwrap();
        assert_eq!(warnings, []);
        let CredentialSource::KeyVault(vault) = config.credentials.first().unwrap().source.clone() else { panic!() };
        vault
    };
    let plain = read(&[]);
    assert_eq!((plain.vault.as_str(), plain.name.as_str()), ("https://contoso.vault.azure.net/", "web"));
    assert_eq!(
        (plain.version, plain.managed_identity.as_deref(), plain.signs_in_vault),
        (None, Some("general"), false)
    );
    let all = read(&[("KeyVaultCertificateVersion", "0a1b"), ("ManagedIdentityClientId", "own")]);
    assert_eq!((all.version.as_deref(), all.managed_identity.as_deref()), (Some("0a1b"), Some("own")));
}

#[test]
fn a_bad_credential_beside_a_good_one_is_a_warning() {
    let (config, warnings) = read(&with_base(&[
        ("AzureAd:ClientCredentials:0:SourceType", "Path"),
        ("AzureAd:ClientCredentials:0:CertificateDiskPath", "/none.pfx"),
        ("AzureAd:ClientCredentials:1:SourceType", "ClientSecret"),
        ("AzureAd:ClientCredentials:1:ClientSecret", "s3cret"),
        ("AzureAd:ClientCredentials:2:SourceType", "KeyVault"),
        ("AzureAd:ClientCredentials:2:Skip", "true"),
    ]))
    .unwrap();
    let keys: Vec<_> = config.credentials.iter().map(|credential| credential.key.as_str()).collect();
    assert_eq!(keys, ["AzureAd:ClientCredentials:0", "AzureAd:ClientCredentials:1"]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn certificates_of_both_lists_decrypt() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/both.pem");
    let (config, warnings) = read(&with_base(&[
        ("AzureAd:TokenDecryptionCredentials:0:SourceType", "Path"),
        ("AzureAd:TokenDecryptionCredentials:0:CertificateDiskPath", file),
        ("AzureAd:TokenDecryptionCredentials:1:SourceType", "KeyVault"),
        ("AzureAd:TokenDecryptionCredentials:1:Skip", "true"),
        ("AzureAd:TokenDecryptionCredentials:2:SourceType", "KeyVault"),
        ("AzureAd:TokenDecryptionCredentials:2:KeyVaultUrl", "https://contoso.vault.azure.net"),
        ("AzureAd:TokenDecryptionCredentials:2:KeyVaultCertificateName", "web"),
        ("AzureAd:TokenDecryptionCertificates:0:SourceType", "3"),
        ("AzureAd:TokenDecryptionCertificates:0:CertificateDiskPath", "/none.pem"),
    ]))
    .unwrap();
    let keys: Vec<_> = config.validation.decryption.iter().map(|credential| credential.key.as_str()).collect();
    let list = |index| format!("AzureAd:TokenDecryptionCredentials:{index}");
    assert_eq!(keys, [&list(0), &list(2), "AzureAd:TokenDecryptionCertificates:0"]);
    assert!(
        matches!(&config.validation.decryption[1].source, CredentialSource::KeyVault(vault) if vault.name == "web")
    );
    let warned: Vec<_> = warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(warned, ["AzureAd:TokenDecryptionCertificates:0:CertificateDiskPath"], "one good key is enough");
    assert!(config.credentials.is_empty());
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
fn a_projected_token_may_be_mounted_later() {
    for pairs in [
        &[("AZURE_FEDERATED_TOKEN_FILE", "/none/token")][..],
        &[
            ("AzureAd:ClientCredentials:0:SourceType", "SignedAssertionFilePath"),
            ("AzureAd:ClientCredentials:0:SignedAssertionFilePath", "/none/token"),
        ],
    ] {
        let (config, warnings) = read(&with_base(pairs)).unwrap();
        let source = config.credentials.first().map(|credential| credential.source.clone());
        assert_eq!(source, Some(CredentialSource::AssertionFile("/none/token".into())));
        assert!(warnings.iter().any(|warning| warning.message.contains("does not exist")), "{warnings:?}");
    }
}

#[test]
fn workload_identity_needs_no_section_at_all() {
    let (config, _) = read(&[
        ("AZURE_CLIENT_ID", CLIENT),
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/"),
        ("AZURE_FEDERATED_TOKEN_FILE", "/none/token"),
    ])
    .unwrap();
    assert_eq!(config.client_id.as_str(), CLIENT);
    assert_eq!(config.credentials.len(), 1);
}

#[test]
fn a_managed_identity_is_named_by_one_of_its_ids() {
    let cases: &[(Pairs, ManagedIdentityId, Option<&str>)] = &[
        (&[], ManagedIdentityId::System, None),
        (&[("ManagedIdentityClientId", "c")], ManagedIdentityId::ClientId("c".to_owned()), None),
        (&[("ManagedIdentityObjectId", "o")], ManagedIdentityId::ObjectId("o".to_owned()), None),
        (&[("ManagedIdentityResourceId", "/r")], ManagedIdentityId::ResourceId("/r".to_owned()), None),
        (&[("TokenExchangeUrl", "api://x")], ManagedIdentityId::System, Some("api://x")),
    ];
    for (fields, identity, audience) in cases {
        let mut pairs: Vec<(String, String)> = BASE.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let source = ("SourceType", "SignedAssertionFromManagedIdentity");
        let fields = fields.iter().chain([&source]);
        pairs.extend(fields.map(|(k, v)| (format!("AzureAd:ClientCredentials:0:{k}"), (*v).into())));
        let (config, _) = Configuration::from_pairs(pairs).bind(Config::read).unwrap();
        let expected =
            CredentialSource::ManagedIdentity { identity: identity.clone(), audience: audience.map(str::to_owned) };
        assert_eq!(config.credentials.first().map(|credential| credential.source.clone()), Some(expected));
    }
}

#[test]
fn the_legacy_managed_identity_counts_only_where_there_is_no_list() {
    let legacy = [
        ("AzureAd:ClientCredentialsUsingManagedIdentity:IsEnabled", "true"),
        ("AzureAd:ClientCredentialsUsingManagedIdentity:ManagedIdentityClientId", "c"),
    ];
    let (config, warnings) = read(&with_base(&legacy)).unwrap();
    let identity = ManagedIdentityId::ClientId("c".to_owned());
    let expected = CredentialSource::ManagedIdentity { identity, audience: None };
    assert_eq!(config.credentials.first().map(|credential| credential.source.clone()), Some(expected));
    assert!(warnings.is_empty(), "{warnings:?}");
    let listed =
        [("AzureAd:ClientCredentials:0:SourceType", "ClientSecret"), ("AzureAd:ClientCredentials:0:ClientSecret", "t")];
    let (config, warnings) = read(&with_base(&[legacy, listed].concat())).unwrap();
    assert!(matches!(config.credentials.first().unwrap().source, CredentialSource::Secret(_)));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let off = [("AzureAd:ClientCredentialsUsingManagedIdentity:IsEnabled", "false")];
    assert!(read(&with_base(&off)).unwrap().0.credentials.is_empty());
}

#[test]
fn the_legacy_secret_counts_only_where_there_is_no_list() {
    let (config, _) = read(&with_base(&[("AzureAd:ClientSecret", "s")])).unwrap();
    assert_eq!(config.credentials.len(), 1);
    let (config, warnings) = read(&with_base(&[
        ("AzureAd:ClientSecret", "s"),
        ("AzureAd:ClientCredentials:0:SourceType", "ClientSecret"),
        ("AzureAd:ClientCredentials:0:ClientSecret", "t"),
    ]))
    .unwrap();
    let secret = CredentialSource::Secret(SecretText::Inline(Secret::new("t")));
    assert_eq!(config.credentials.first().map(|credential| credential.source.clone()), Some(secret));
    assert_eq!(warnings.first().map(|warning| warning.key.as_str()), Some("AzureAd:ClientSecret"));
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

/// A credential that is the token of the application in the section `Other`.
const OTHER_APP: &[(&str, &str)] = &[
    ("AzureAd:ClientCredentials:0:SourceType", "CustomSignedAssertion"),
    ("AzureAd:ClientCredentials:0:CustomSignedAssertionProviderName", "oidcIdpSignedAssertion"),
    ("AzureAd:ClientCredentials:0:CustomSignedAssertionProviderData:ConfigurationSection", "Other"),
];

#[test]
fn another_application_is_read_from_its_own_section() {
    let other = [
        ("Other:Instance", "https://login.microsoftonline.us/"),
        ("Other:TenantId", "other.com"),
        ("Other:ClientId", "other-client"),
        ("Other:ClientCredentials:0:SourceType", "ClientSecret"),
        ("Other:ClientCredentials:0:ClientSecret", "s"),
        ("Other:Typo", "x"),
    ];
    let (config, warnings) = read(&[BASE, OTHER_APP, &other].concat()).unwrap();
    let [CredentialConfig { key, source: CredentialSource::EntraApp(app) }] = &config.credentials[..] else {
        panic!("{:?}", config.credentials)
    };
    assert_eq!(key, "AzureAd:ClientCredentials:0");
    assert_eq!((app.config.client_id.as_str(), app.section.as_str()), ("other-client", "Other"));
    assert_eq!(app.config.authority.to_string(), "https://login.microsoftonline.us/other.com");
    assert_eq!(app.config.credentials[0].key, "Other:ClientCredentials:0");
    assert_eq!((app.needs_fmi_path, &app.audience), (false, &None));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].key, "Other:Typo");
}

#[test]
fn an_application_that_cannot_vouch_is_a_fault() {
    let fault_of = |pairs: &[&'static [(&'static str, &'static str)]]| fault(&pairs.concat());
    let none = fault_of(&[OTHER_APP]);
    assert!(
        none.key.ends_with("ProviderData:ConfigurationSection") && none.problem.contains("no `ClientId`"),
        "{none}"
    );
    let itself = fault_of(&[
        OTHER_APP,
        &[("AzureAd:ClientCredentials:0:CustomSignedAssertionProviderData:ConfigurationSection", "azuread")],
    ]);
    assert!(itself.problem.contains("leads back to itself"), "{itself}");
    let round = fault_of(&[
        OTHER_APP,
        &[
            ("Other:TenantId", "other.com"),
            ("Other:ClientId", "other-client"),
            ("Other:ClientCredentials:0:SourceType", "11"),
            ("Other:ClientCredentials:0:CustomSignedAssertionProviderName", "OidcIdpSignedAssertion"),
            ("Other:ClientCredentials:0:CustomSignedAssertionProviderData:ConfigurationSection", "AzureAd"),
        ],
    ]);
    assert!(round.key.starts_with("Other:") && round.problem.contains("leads back to itself"), "{round}");
    let provider = fault_of(&[OTHER_APP, &[("AzureAd:ClientCredentials:0:CustomSignedAssertionProviderName", "Mine")]]);
    assert!(provider.problem.contains("`Mine` is not a provider"), "{provider}");
    let secret = fault_of(&[
        OTHER_APP,
        &[
            ("Other:TenantId", "other.com"),
            ("Other:ClientId", "other-client"),
            ("Other:ClientCredentials:0:SourceType", "ClientSecret"),
        ],
    ]);
    assert_eq!(secret.key, "Other:ClientCredentials:0:ClientSecret");
}
