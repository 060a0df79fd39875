//! `TokenDecryptionCredentials`, and `TokenDecryptionCertificates` as it was called before: certificates whose private keys
//! open encrypted tokens.

use sidekey_config::Section;

use super::{
    CredentialConfig,
    credentials::{self, FIELDS, SECRETS, SourceKind},
};

/// Every certificate of both lists: all are of use, since a token may be encrypted to the old one or to the new one.
pub(super) fn read(azure_ad: &Section<'_>) -> Vec<CredentialConfig> {
    let lists = ["TokenDecryptionCredentials", "TokenDecryptionCertificates"].map(|name| azure_ad.section(name));
    let sections = lists.iter().flat_map(|list| list.children().into_iter().map(|name| list.section(name)));
    let configured: Vec<_> =
        sections.filter_map(|section| certificate(&section).map(|config| (section, config))).collect();
    credentials::checked(configured)
}

/// One entry; `None` if it is skipped or faulty.
fn certificate(section: &Section<'_>) -> Option<CredentialConfig> {
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
        Some(_) => {
            section.fault("SourceType", format!("`{name}` cannot be used to decrypt tokens in this version"), HINT);
            return None;
        }
        None => {
            section.fault("SourceType", format!("`{name}` is not a source of certificates"), HINT);
            return None;
        }
    };
    Some(CredentialConfig { key: section.key().to_owned(), source })
}

const HINT: &str = "write `Path` or `Base64Encoded`";
