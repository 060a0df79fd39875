//! Client credentials and decryption certificates: their sources, their faults, and what stands in for them.

use super::*;

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
