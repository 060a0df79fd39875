//! Certificates in Azure Key Vault: which vault, which certificate, and as whom the vault is asked.

use sidekey_config::Section;
use url::Url;

use crate::authority::is_permitted;

/// A certificate in a vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultCertificateConfig {
    /// The vault's URL: scheme, host and port alone.
    pub vault: Url,
    /// The certificate's name.
    pub name: String,
    /// The one version to use; `None` follows the newest that can be used.
    pub version: Option<String>,
    /// The client id of the managed identity that may read it, where it is not the machine's only one.
    pub managed_identity: Option<String>,
    /// Whether the vault signs even where the private key could be got.
    pub signs_in_vault: bool,
}

/// Reads the vault's fields of a credential. Faults are recorded in the section.
pub(super) fn read(
    azure_ad: &Section<'_>,
    section: &Section<'_>,
    signs_in_vault: bool,
) -> Option<VaultCertificateConfig> {
    let vault = url(section);
    let name = checked(section, "KeyVaultCertificateName", NAME_HINT, is_name);
    if section.text("KeyVaultCertificateName").is_none() {
        section.fault("KeyVaultCertificateName", "is not set", NAME_HINT);
    }
    let version = checked(section, "KeyVaultCertificateVersion", VERSION_HINT, is_version);
    if version.is_none() && section.text("KeyVaultCertificateVersion").is_some() {
        return None;
    }
    let own = section.text("ManagedIdentityClientId");
    let identity = own.or_else(|| azure_ad.text(GENERAL_IDENTITY)).map(|id| id.trim().to_owned());
    Some(VaultCertificateConfig { vault: vault?, name: name?, version, managed_identity: identity, signs_in_vault })
}

fn url(section: &Section<'_>) -> Option<Url> {
    let Some(text) = section.text("KeyVaultUrl") else {
        section.fault("KeyVaultUrl", "is not set", URL_HINT);
        return None;
    };
    let fault = |problem: String, hint: &str| {
        section.fault("KeyVaultUrl", problem, hint);
        None
    };
    let Ok(url) = Url::parse(text.trim()) else { return fault(format!("`{text}` is not a URL"), URL_HINT) };
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !bare || !url.username().is_empty() || url.password().is_some() {
        return fault("holds more than scheme, host and port".to_owned(), URL_HINT);
    }
    if !is_permitted(&url) {
        let hint = "write it with `https`; plain `http` is accepted for loopback addresses only";
        return fault(format!("`{text}` would send tokens unprotected"), hint);
    }
    Some(url)
}

fn checked(section: &Section<'_>, name: &str, hint: &str, is_good: impl Fn(&str) -> bool) -> Option<String> {
    let text = section.text(name)?.trim();
    if is_good(text) {
        return Some(text.to_owned());
    }
    section.fault(name, format!("`{text}` cannot be one"), hint);
    None
}

/// Names of a vault's objects: letters, digits and hyphens, at most 127.
fn is_name(text: &str) -> bool {
    (1..=127).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Versions are 32 hexadecimal digits; nothing is gained by being stricter than the path needs.
fn is_version(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The managed identity of every vault whose credential names none.
pub(super) const GENERAL_IDENTITY: &str = "UserAssignedManagedIdentityClientId";
const URL_HINT: &str = "write the vault's URL, such as `https://contoso.vault.azure.net/`";
const NAME_HINT: &str = "write the certificate's name in the vault: letters, digits and hyphens";
const VERSION_HINT: &str = "write the version's id (32 hexadecimal digits), or remove the key to follow the newest one";
