//! `TokenDecryptionCredentials`, and `TokenDecryptionCertificates` as it was called before: certificates whose private keys
//! open encrypted tokens.

use sidekey_config::Section;

use super::{
    CredentialConfig, CredentialSource,
    credentials::{self, FIELDS, SECRETS, SourceKind},
    key_vault,
};

/// Every certificate of both lists: all are of use, since a token may be encrypted to the old one or to the new one.
pub(super) fn read(azure_ad: &Section<'_>) -> Vec<CredentialConfig> {
    let lists = ["TokenDecryptionCredentials", "TokenDecryptionCertificates"].map(|name| azure_ad.section(name));
    let sections = lists.iter().flat_map(|list| list.children().into_iter().map(|name| list.section(name)));
    let configured: Vec<_> =
        sections.filter_map(|section| certificate(azure_ad, &section).map(|config| (section, config))).collect();
    credentials::checked(configured)
}

/// One entry; `None` if it is skipped or faulty.
fn certificate(azure_ad: &Section<'_>, section: &Section<'_>) -> Option<CredentialConfig> {
    section.reserve(FIELDS);
    for name in SECRETS {
        section.secret(name);
    }
    if section.bool("Skip", false) {
        return None;
    }
    let Some(name) = section.text("SourceType") else {
        section.fault("SourceType", "is not set", HINT);
        return None;
    };
    let source = match SourceKind::named(name) {
        Some(SourceKind::Path) => credentials::certificate_file(section)?,
        Some(SourceKind::Base64) => credentials::certificate_text(section)?,
        // Only with the private key itself can a token be opened.
        Some(SourceKind::KeyVault { signs: false }) => {
            CredentialSource::KeyVault(key_vault::read(azure_ad, section, false)?)
        }
        Some(_) => {
            section.fault("SourceType", format!("`{name}` cannot be used to decrypt tokens"), HINT);
            return None;
        }
        None => {
            section.fault("SourceType", format!("`{name}` is not a source of certificates"), HINT);
            return None;
        }
    };
    Some(CredentialConfig { key: section.key().to_owned(), source })
}

const HINT: &str = "write `Path`, `Base64Encoded` or `KeyVault`";
