//! `vaults` in the directory file.

use std::path::PathBuf;

use serde::Deserialize;
use sidekey_oauth::Secret;

use crate::vault::Tags;

/// A key vault.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct VaultFile {
    pub(super) name: String,
    /// Id or domain: only this tenant's tokens are taken.
    pub(super) tenant: String,
    #[serde(default)]
    pub(super) role_assignments: Vec<VaultRoleFile>,
    /// How long after the start the role assignments begin to count, such as `30s`; in Azure they take minutes.
    pub(super) propagation: Option<String>,
    #[serde(default)]
    pub(super) secrets: Vec<VaultSecretFile>,
    #[serde(default)]
    pub(super) certificates: Vec<VaultCertificateFile>,
    #[serde(default)]
    pub(super) keys: Vec<VaultKeyFile>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct VaultRoleFile {
    /// An application's name or client id, a user's name, or any object id.
    pub(super) principal: String,
    /// Names or ids of built-in roles.
    pub(super) roles: Vec<String>,
    /// One object, such as `secrets/orders-database`; the whole vault if absent.
    pub(super) scope: Option<String>,
}

/// Either a value, or a list of versions with one each, oldest first.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct VaultSecretFile {
    pub(super) name: String,
    pub(super) value: Option<Secret>,
    #[serde(default)]
    pub(super) versions: Vec<SecretVersionFile>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SecretVersionFile {
    pub(super) value: Secret,
    /// 32 hex digits; made up if absent.
    pub(super) version: Option<String>,
    pub(super) enabled: Option<bool>,
    /// RFC 3339.
    pub(super) not_before: Option<String>,
    /// RFC 3339.
    pub(super) expires: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) tags: Option<Tags>,
}

/// How versions are made, and the versions, oldest first; one that is made on first need if there are none.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct VaultCertificateFile {
    pub(super) name: String,
    /// `CN={name}` if absent.
    pub(super) subject: Option<String>,
    #[serde(default)]
    pub(super) dns_names: Vec<String>,
    /// `RSA` or `EC`.
    pub(super) key_type: Option<String>,
    pub(super) key_size: Option<u32>,
    pub(super) curve: Option<String>,
    /// Whether the private key may be read through the secret.
    pub(super) exportable: Option<bool>,
    /// `application/x-pkcs12` or `application/x-pem-file`.
    pub(super) content_type: Option<String>,
    pub(super) validity_months: Option<u32>,
    /// Applications that accept every version as their credential: names, client ids or App ID URIs.
    #[serde(default)]
    pub(super) registered_on: Vec<String>,
    #[serde(default)]
    pub(super) versions: Vec<KeyVersionFile>,
}

/// A version of a certificate or key: made if neither `pem` nor `path` is there.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct KeyVersionFile {
    /// Private key and, for a certificate, its chain.
    pub(super) pem: Option<Secret>,
    /// The same in a file, or a PFX.
    pub(super) path: Option<PathBuf>,
    /// Of the PFX.
    pub(super) password: Option<Secret>,
    /// 32 hex digits; made up if absent.
    pub(super) version: Option<String>,
    pub(super) enabled: Option<bool>,
    /// RFC 3339; keys only.
    pub(super) not_before: Option<String>,
    /// RFC 3339; keys only.
    pub(super) expires: Option<String>,
    pub(super) tags: Option<Tags>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct VaultKeyFile {
    pub(super) name: String,
    /// `RSA` or `EC`.
    pub(super) key_type: Option<String>,
    pub(super) key_size: Option<u32>,
    pub(super) curve: Option<String>,
    /// What it may do: `sign`, `verify`, …; the usual ones if absent.
    pub(super) operations: Option<Vec<String>>,
    #[serde(default)]
    pub(super) versions: Vec<KeyVersionFile>,
}
