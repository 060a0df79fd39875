//! `ClientCredentials`, the legacy keys before it, and workload identity by environment alone.

use std::path::PathBuf;

use sidekey_config::Section;
use sidekey_oauth::Secret;

use super::{
    CertificateLocation, CredentialConfig, CredentialSource, FederatedSource, SecretText, entra_app, key_vault,
};
use crate::{
    Environment, ManagedIdentityId,
    credential::{self, CredentialError, TokenProxySettings},
};

pub(super) fn read(root: &Section<'_>, azure_ad: &Section<'_>, outer: &[&str]) -> Vec<CredentialConfig> {
    let lists = ["ClientCredentials", "ClientCertificates"].map(|name| azure_ad.section(name));
    let legacy_secret = optional(azure_ad, "ClientSecret", "ClientSecretPath").flatten();
    let legacy_managed_identity = legacy_managed_identity(&azure_ad.section(LEGACY_MANAGED_IDENTITY));
    azure_ad.reserve(&[key_vault::GENERAL_IDENTITY]);
    // Marks the stand-in as known whether it is needed or not.
    let token_file = root.text(TOKEN_FILE);
    let sections: Vec<_> =
        lists.iter().flat_map(|list| list.children().into_iter().map(|name| list.section(name))).collect();
    if !sections.is_empty() {
        if legacy_secret.is_some() {
            azure_ad.warn("ClientSecret", "is ignored, because `ClientCredentials` or `ClientCertificates` is set");
        }
        if legacy_managed_identity.is_some() {
            azure_ad.warn(
                LEGACY_MANAGED_IDENTITY,
                "is ignored, because `ClientCredentials` or `ClientCertificates` is set",
            );
        }
        let path = [outer, &[azure_ad.key()]].concat();
        return checked(
            sections
                .into_iter()
                .filter_map(|section| credential(root, azure_ad, &section, &path).map(|config| (section, config))),
        );
    }
    if let Some(source) = legacy_managed_identity {
        if legacy_secret.is_some() {
            azure_ad.warn("ClientSecret", "is ignored, because `ClientCredentialsUsingManagedIdentity` is enabled");
        }
        return checked([(azure_ad.clone(), config(&format!("{}:{LEGACY_MANAGED_IDENTITY}", azure_ad.key()), source))]);
    }
    if let Some(secret) = legacy_secret {
        return checked([(azure_ad.clone(), config(azure_ad.key(), CredentialSource::Secret(secret)))]);
    }
    if token_file.is_some() {
        check_token_proxy(root);
    }
    checked(token_file.map(|path| (root.clone(), config(TOKEN_FILE, CredentialSource::AssertionFile(path.into())))))
}

fn config(key: &str, source: CredentialSource) -> CredentialConfig {
    CredentialConfig { key: key.to_owned(), source }
}

/// Tries each credential once. The first that loads is used, so a bad one is a fault only if there is no good one; a projected
/// token may be mounted later and counts as good.
pub(super) fn checked<'a>(
    credentials: impl IntoIterator<Item = (Section<'a>, CredentialConfig)>,
) -> Vec<CredentialConfig> {
    let credentials: Vec<_> = credentials.into_iter().collect();
    let failures: Vec<_> = credentials.iter().map(|(_, config)| credential::check(&config.source).err()).collect();
    let may_come = |(config, failure): (&CredentialConfig, &Option<CredentialError>)| {
        let projected = matches!(config.source, CredentialSource::AssertionFile(_));
        failure.as_ref().is_none_or(|error| projected && error.missing)
    };
    let any_good = credentials.iter().map(|(_, config)| config).zip(&failures).any(may_come);
    for ((section, config), error) in credentials.iter().zip(&failures) {
        let Some(error) = error else { continue };
        let name = if config.key == TOKEN_FILE { TOKEN_FILE } else { error.field };
        if any_good {
            section.warn(name, format!("{error}"));
        } else {
            section.fault(name, error.problem.clone(), error.hint.clone());
        }
    }
    credentials.into_iter().map(|(_, config)| config).collect()
}

/// One entry of the list; `None` if it is skipped or faulty. `path` are the sections that lead to it, its own the last.
fn credential(
    root: &Section<'_>,
    azure_ad: &Section<'_>,
    section: &Section<'_>,
    path: &[&str],
) -> Option<CredentialConfig> {
    section.reserve(FIELDS);
    for name in SECRETS {
        // Whatever the source, a secret that stands here is not to be shown.
        section.secret(name);
    }
    if section.bool("Skip", false) {
        return None;
    }
    let Some(name) = section.text("SourceType") else {
        section.fault("SourceType", "is not set", available_names());
        return None;
    };
    if let Some(source) = FederatedSource::read(name.trim(), root, section) {
        return source.map(|source| config(section.key(), CredentialSource::Federated(source)));
    }
    let Some(kind) = SourceKind::named(name) else {
        section.fault("SourceType", format!("`{name}` is not a source of credentials"), available_names());
        return None;
    };
    let source = match kind {
        SourceKind::Secret => CredentialSource::Secret(either(section, "ClientSecret", "ClientSecretPath")?),
        SourceKind::Path => certificate_file(section)?,
        SourceKind::Base64 => certificate_text(section)?,
        SourceKind::AssertionFile => CredentialSource::AssertionFile(assertion_path(root, section)?),
        SourceKind::ManagedIdentity => managed_identity(section)?,
        SourceKind::EntraApp => CredentialSource::EntraApp(entra_app::read(root, section, path)?),
        SourceKind::KeyVault { signs } => CredentialSource::KeyVault(key_vault::read(azure_ad, section, signs)?),
        SourceKind::Unavailable => {
            section.fault("SourceType", format!("`{name}` is not available in this version"), available_names());
            return None;
        }
    };
    Some(config(section.key(), source))
}

pub(super) fn certificate_file(section: &Section<'_>) -> Option<CredentialSource> {
    let path = required(section, "CertificateDiskPath", "write the path of a PFX or PEM file")?;
    Some(CredentialSource::Certificate {
        location: CertificateLocation::Path(path.into()),
        key_path: section.text("CertificateKeyPath").map(PathBuf::from),
        password: optional(section, "CertificatePassword", "CertificatePasswordPath")?,
    })
}

pub(super) fn certificate_text(section: &Section<'_>) -> Option<CredentialSource> {
    let Some(value) = section.secret("Base64EncodedValue") else {
        section.fault("Base64EncodedValue", "is not set", "write a PFX with its private key as base64");
        return None;
    };
    Some(CredentialSource::Certificate {
        location: CertificateLocation::Base64(Secret::new(value)),
        key_path: section.text("CertificateKeyPath").map(PathBuf::from),
        password: optional(section, "CertificatePassword", "CertificatePasswordPath")?,
    })
}

/// `SignedAssertionFilePath` is how a sample of Microsoft's misspells the field.
fn assertion_path(root: &Section<'_>, section: &Section<'_>) -> Option<PathBuf> {
    let own = section.text("SignedAssertionFileDiskPath").or_else(|| section.text("SignedAssertionFilePath"));
    let projected = root.text(TOKEN_FILE);
    let path = own.or(projected);
    if path.is_some() && path == projected {
        check_token_proxy(root);
    }
    if path.is_none() {
        let hint = format!("write the path of the projected token here or in {TOKEN_FILE}");
        section.fault("SignedAssertionFileDiskPath", "is not set", hint);
    }
    path.map(PathBuf::from)
}

fn managed_identity(section: &Section<'_>) -> Option<CredentialSource> {
    let names = ["ManagedIdentityClientId", "ManagedIdentityObjectId", "ManagedIdentityResourceId"];
    let [client_id, object_id, resource_id] = names.map(|name| section.text(name));
    let Some(identity) = ManagedIdentityId::of_one(client_id, object_id, resource_id) else {
        let problem = "is not the only name of the identity";
        section.fault("ManagedIdentityClientId", problem, "keep one of its three ids");
        return None;
    };
    let audience = section.text("TokenExchangeUrl").map(|text| text.trim().to_owned());
    Some(CredentialSource::ManagedIdentity { identity, audience })
}

/// How older configurations ask for the same.
fn legacy_managed_identity(section: &Section<'_>) -> Option<CredentialSource> {
    let identity = ManagedIdentityId::of_client_id(section.text("ManagedIdentityClientId"));
    section.bool("IsEnabled", false).then_some(CredentialSource::ManagedIdentity { identity, audience: None })
}

/// The variables of an identity binding, where the projected token is used.
fn check_token_proxy(root: &Section<'_>) {
    if let Err((variable, problem, hint)) = TokenProxySettings::read(&Environment::read(root)) {
        root.fault(variable, problem, hint);
    }
}

/// A secret that has to be there, itself or as a file.
fn either(section: &Section<'_>, inline: &str, path: &str) -> Option<SecretText> {
    let text = optional(section, inline, path)?;
    if text.is_none() {
        section.fault(
            inline,
            "is not set",
            format!("write the secret here, or the path of a file with it in `{path}`"),
        );
    }
    text
}

/// A secret that may be there, itself or as a file. The outer `None` is a fault.
#[expect(clippy::option_option, reason = "absent and faulty are different answers")]
fn optional(section: &Section<'_>, inline: &str, path: &str) -> Option<Option<SecretText>> {
    match (section.secret(inline), section.text(path)) {
        (Some(_), Some(_)) => {
            section.fault(path, format!("is set as well as `{inline}`"), "remove one of the two");
            None
        }
        (Some(secret), None) => Some(Some(SecretText::Inline(Secret::new(secret)))),
        (None, file) => Some(file.map(|file| SecretText::File(file.into()))),
    }
}

fn required<'a>(section: &Section<'a>, name: &str, hint: &str) -> Option<&'a str> {
    let text = section.text(name);
    if text.is_none() {
        section.fault(name, "is not set", hint);
    }
    text
}

/// What can be made of a `SourceType`.
#[derive(Clone, Copy)]
pub(super) enum SourceKind {
    Secret,
    Path,
    Base64,
    AssertionFile,
    ManagedIdentity,
    EntraApp,
    /// A certificate in a vault; whether the vault signs in any case.
    KeyVault {
        signs: bool,
    },
    /// Known to Microsoft's libraries, not available here.
    Unavailable,
}

impl SourceKind {
    /// By name without case, or by the number of Microsoft's enumeration.
    pub(super) fn named(name: &str) -> Option<Self> {
        let number: Option<usize> = name.parse().ok();
        let found =
            |(index, (own, _)): &(usize, &(&str, Self))| own.eq_ignore_ascii_case(name) || number == Some(*index);
        SOURCES.iter().enumerate().find(found).map(|(_, (_, kind))| *kind)
    }
}

fn available_names() -> String {
    let names: Vec<_> = source_types().map(|name| format!("`{name}`")).collect();
    format!("write one of {}", names.join(", "))
}

/// Every `SourceType` that there is here.
pub(crate) fn source_types() -> impl Iterator<Item = &'static str> {
    let own = SOURCES.iter().filter(|(_, kind)| !matches!(kind, SourceKind::Unavailable));
    own.map(|(name, _)| *name).chain(FederatedSource::names())
}

/// In the order of Microsoft's enumeration, whose numbers count too.
const SOURCES: &[(&str, SourceKind)] = &[
    ("Certificate", SourceKind::Unavailable),
    ("KeyVault", SourceKind::KeyVault { signs: false }),
    ("Base64Encoded", SourceKind::Base64),
    ("Path", SourceKind::Path),
    ("StoreWithThumbprint", SourceKind::Unavailable),
    ("StoreWithDistinguishedName", SourceKind::Unavailable),
    ("ClientSecret", SourceKind::Secret),
    ("SignedAssertionFromManagedIdentity", SourceKind::ManagedIdentity),
    ("SignedAssertionFilePath", SourceKind::AssertionFile),
    ("SignedAssertionFromVault", SourceKind::KeyVault { signs: true }),
    ("AutoDecryptKeys", SourceKind::Unavailable),
    ("CustomSignedAssertion", SourceKind::EntraApp),
    ("ManagedCertificate", SourceKind::Unavailable),
    ("StoreWithSubjectName", SourceKind::Unavailable),
];

/// Every field that a credential may have, whatever its source.
pub(super) const FIELDS: &[&str] = &[
    "SourceType",
    "Skip",
    "Algorithm",
    "KeyVaultUrl",
    "KeyVaultCertificateName",
    "KeyVaultCertificateVersion",
    "CertificateStorePath",
    "CertificateThumbprint",
    "CertificateDistinguishedName",
    "CertificateSubjectName",
    "CertificateDiskPath",
    "CertificateKeyPath",
    "CertificatePassword",
    "CertificatePasswordPath",
    "Base64EncodedValue",
    "ClientSecret",
    "ClientSecretPath",
    "ManagedIdentityClientId",
    "ManagedIdentityObjectId",
    "ManagedIdentityResourceId",
    "TokenExchangeUrl",
    "TokenExchangeAuthority",
    "SignedAssertionFileDiskPath",
    "SignedAssertionFilePath",
    "AssertionCommand",
    "AssertionCommandEnvironment",
    "AssertionHeaderPaths",
    "AssertionHeaders",
    "AssertionJsonPointer",
    "AssertionTimeout",
    "AssertionUrl",
    "AssertionVariable",
    "AwsRegion",
    "GoogleServiceAccount",
    "ServiceConnectionId",
    "SpiffeEndpointSocket",
    "SpiffeId",
    "DecryptKeysAuthenticationOptions",
    "CustomSignedAssertionProviderName",
    "CustomSignedAssertionProviderData",
    "UseBoundCredential",
];

pub(super) const SECRETS: [&str; 3] = ["ClientSecret", "CertificatePassword", "Base64EncodedValue"];

const LEGACY_MANAGED_IDENTITY: &str = "ClientCredentialsUsingManagedIdentity";

/// The variable that the workload identity webhook sets.
const TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
