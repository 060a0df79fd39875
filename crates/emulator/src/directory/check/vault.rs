//! Key vaults: names, versions, and references to principals.

use std::{collections::HashSet, path::Path, time::Duration};

use sidekey_oauth::Secret;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    Checker,
    credentials::{duration, time},
    each,
};
use crate::{
    directory::{
        App, Tenant,
        file::{AppFile, DirectoryFile},
        vault_file::{
            KeyVersionFile, SecretVersionFile, VaultCertificateFile, VaultFile, VaultKeyFile, VaultRoleFile,
            VaultSecretFile,
        },
    },
    vault::{
        Assignment, AttributeChanges, CertificateSeed, Form, KEY_VAULT_APP, Key, KeyKind, KeySeed, Material, Pending,
        Policy, Recipe, Role, VaultSeed, VersionSeed, check_operations, default_operations, imported_policy, is_name,
        read_bundle,
    },
};

/// What vaults refer to.
#[derive(Clone, Copy)]
pub(super) struct Principals<'a> {
    pub(super) apps: &'a [App],
    pub(super) tenants: &'a [Tenant],
}

/// Key Vault is in every tenant of Entra: a directory with vaults has it as application, whether it is written down or not.
pub(super) fn with_key_vault(mut file: DirectoryFile) -> DirectoryFile {
    let is_key_vault = |app: &AppFile| app.client_id.eq_ignore_ascii_case(KEY_VAULT_APP);
    if !(file.vaults.is_empty() || file.apps.iter().any(is_key_vault)) {
        file.apps.extend(serde_norway::from_str::<AppFile>(KEY_VAULT));
    }
    file
}

impl Checker<'_> {
    pub(super) fn vaults(&mut self, files: Vec<VaultFile>, principals: Principals<'_>) -> Vec<VaultSeed> {
        let mut seen = HashSet::new();
        each(files, "vaults", |file, path| {
            if !seen.insert(file.name.to_lowercase()) {
                self.fault(&format!("{path}.name"), format!("`{}` is there twice: give each its own", file.name));
            }
            self.vault(file, path, principals)
        })
    }

    fn vault(&mut self, file: VaultFile, path: &str, principals: Principals<'_>) -> Option<VaultSeed> {
        if !(is_name(&file.name) && (3..=24).contains(&file.name.len())) {
            let what = format!("`{}` is no vault name: write 3 to 24 letters, digits and `-`", file.name);
            self.fault(&format!("{path}.name"), what);
        }
        self.object_names(&file, path);
        let tenant = self.names.tenant(&file.tenant);
        let tenant = self.ok(&format!("{path}.tenant"), tenant)?;
        let propagation = file.propagation.as_deref().map_or(Ok(Duration::ZERO), duration);
        let propagation = self.ok(&format!("{path}.propagation"), propagation)?;
        let assignments = each(file.role_assignments, &format!("{path}.roleAssignments"), |file, path| {
            self.vault_role(file, path, tenant, principals)
        });
        let secrets = each(file.secrets, &format!("{path}.secrets"), |file, path| Some(self.vault_secret(file, path)));
        let certificates =
            each(file.certificates, &format!("{path}.certificates"), |file, path| self.vault_certificate(file, path));
        let keys = each(file.keys, &format!("{path}.keys"), |file, path| self.vault_key(file, path));
        Some(VaultSeed {
            name: file.name,
            tenant,
            assignments,
            propagation,
            secrets: secrets.into_iter().flatten().collect(),
            certificates: certificates.into_iter().flatten().collect(),
            keys: keys.into_iter().flatten().collect(),
        })
    }

    /// Names fit, and are there once; a certificate's name is also that of its secret and key.
    fn object_names(&mut self, file: &VaultFile, path: &str) {
        let certificates = file.certificates.iter().map(|file| &file.name);
        let lists: [(&str, Vec<&String>); 2] = [
            ("secrets", file.secrets.iter().map(|file| &file.name).chain(certificates.clone()).collect()),
            ("keys", file.keys.iter().map(|file| &file.name).chain(certificates).collect()),
        ];
        for (list, names) in lists {
            let mut seen = HashSet::new();
            for name in names {
                if !is_name(name) {
                    self.fault(
                        &format!("{path}.{list}"),
                        format!("`{name}` is no name: write 1 to 127 letters, digits and `-`"),
                    );
                }
                if !seen.insert(name.to_lowercase()) {
                    let what = format!("the name `{name}` is there twice among them and the certificates");
                    self.fault(&format!("{path}.{list}"), what);
                }
            }
        }
    }

    fn vault_role(
        &mut self,
        file: VaultRoleFile,
        path: &str,
        tenant: Uuid,
        principals: Principals<'_>,
    ) -> Option<Assignment> {
        let roles = each(file.roles, &format!("{path}.roles"), |name, path| {
            let known = || Role::names().collect::<Vec<_>>().join("`, `");
            let role =
                Role::find(&name).ok_or_else(|| format!("there is no role `{name}`: write one of `{}`", known()));
            self.ok(path, role)
        });
        if file.scope.as_ref().is_some_and(|scope| !is_scope(scope)) {
            self.fault(&format!("{path}.scope"), "write one object such as `secrets/orders-database`, or nothing");
        }
        let principal = self.ok(&format!("{path}.principal"), principal(&file.principal, tenant, principals))?;
        Some(Assignment { principal, roles, scope: file.scope })
    }

    fn vault_secret(&mut self, file: VaultSecretFile, path: &str) -> Vec<(String, VersionSeed<Secret>)> {
        if file.value.is_some() != file.versions.is_empty() {
            self.fault(path, "write either `value` or a list of `versions`");
        }
        let one = file.value.map(|value| (file.name.clone(), VersionSeed::of(value)));
        let many = each(file.versions, &format!("{path}.versions"), |version, path| {
            Some((file.name.clone(), self.secret_version(version, path)))
        });
        one.into_iter().chain(many).collect()
    }

    fn secret_version(&mut self, file: SecretVersionFile, path: &str) -> VersionSeed<Secret> {
        let SecretVersionFile { value, version, enabled, not_before, expires, content_type, tags } = file;
        let attributes = self.window(enabled, not_before.as_deref(), expires.as_deref(), path);
        VersionSeed { id: self.version_id(version, path), attributes, tags, content_type, value }
    }

    fn vault_certificate(&mut self, file: VaultCertificateFile, path: &str) -> Option<Vec<CertificateSeed>> {
        let policy = policy(&file);
        let policy = self.ok(path, policy)?;
        let registered_on = each(file.registered_on, &format!("{path}.registeredOn"), |name, path| {
            let found = self.names.resource(&name).map(|app| app.id);
            self.ok(path, found)
        });
        let versions = if file.versions.is_empty() { vec![KeyVersionFile::default()] } else { file.versions };
        Some(each(versions, &format!("{path}.versions"), |version, path| {
            let given = bundle(&version, self.folder);
            let given = self.ok(path, given)?;
            let policy = match &given {
                Some((material, form)) => Policy { exportable: policy.exportable, ..imported_policy(material, *form) },
                None => policy.clone(),
            };
            if version.not_before.is_some() || version.expires.is_some() {
                self.fault(path, "the certificate itself says from when to when it is valid: leave the times out");
            }
            let version = self.key_version(version, path, given.map(|(material, _)| material));
            Some(CertificateSeed { name: file.name.clone(), policy, registered_on: registered_on.clone(), version })
        }))
    }

    fn vault_key(&mut self, file: VaultKeyFile, path: &str) -> Option<Vec<KeySeed>> {
        let kind = KeyKind::parse(file.key_type.as_deref(), file.key_size, file.curve.as_deref());
        let kind = self.ok(path, kind)?;
        let operations = file.operations.map_or_else(|| Ok(default_operations()), check_operations);
        let operations = self.ok(&format!("{path}.operations"), operations)?;
        let versions = if file.versions.is_empty() { vec![KeyVersionFile::default()] } else { file.versions };
        Some(each(versions, &format!("{path}.versions"), |version, path| {
            let given = bare_key(&version, self.folder);
            let pending = match self.ok(path, given)? {
                Some(key) => Pending::ready(Material { key, chain: Vec::new() }),
                None => Pending::later(Recipe { kind, certificate: None }),
            };
            let version = self.key_version(version, path, pending);
            Some(KeySeed { name: file.name.clone(), operations: operations.clone(), version })
        }))
    }

    fn key_version<T>(&mut self, file: KeyVersionFile, path: &str, value: T) -> VersionSeed<T> {
        let attributes = self.window(file.enabled, file.not_before.as_deref(), file.expires.as_deref(), path);
        let id = self.version_id(file.version, path);
        VersionSeed { id, attributes, tags: file.tags, content_type: None, value }
    }

    fn version_id(&mut self, id: Option<String>, path: &str) -> Option<String> {
        let id = id?;
        if id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Some(id.to_lowercase());
        }
        self.fault(&format!("{path}.version"), format!("`{id}` is no version: write 32 hex digits, or leave it out"));
        None
    }

    fn window(
        &mut self,
        enabled: Option<bool>,
        not_before: Option<&str>,
        expires: Option<&str>,
        path: &str,
    ) -> AttributeChanges {
        let mut read = |key: &str, text: Option<&str>| {
            let read = text.map(time).transpose();
            self.ok(&format!("{path}.{key}"), read).flatten().map(|time| time.0)
        };
        AttributeChanges { enabled, nbf: read("notBefore", not_before), exp: read("expires", expires) }
    }
}

impl VersionSeed<Secret> {
    fn of(value: Secret) -> Self {
        Self { id: None, attributes: AttributeChanges::default(), tags: None, content_type: None, value }
    }
}

/// The object id that a name stands for in a tenant.
fn principal(name: &str, tenant: Uuid, principals: Principals<'_>) -> Result<Uuid, String> {
    let is_app = |app: &&App| app.name == name || app.client_id.as_str().eq_ignore_ascii_case(name);
    if let Some(app) = principals.apps.iter().find(is_app) {
        return if app.is_in(tenant) {
            Ok(app.service_principal(tenant))
        } else {
            Err(format!("the application `{name}` is not in the vault's tenant"))
        };
    }
    let of_tenant = principals.tenants.iter().find(|own| own.id == tenant);
    if let Some(user) = of_tenant.and_then(|tenant| tenant.user(name)) {
        return Ok(user.oid);
    }
    Uuid::try_parse(name).map_err(|_| {
        format!("`{name}` is no application's name or client id, no user of the vault's tenant and no object id")
    })
}

fn is_scope(scope: &str) -> bool {
    let parts = scope.split_once('/');
    parts.is_some_and(|(list, name)| matches!(list, "secrets" | "certificates" | "keys") && is_name(name))
}

fn policy(file: &VaultCertificateFile) -> Result<Policy, String> {
    let subject = file.subject.clone().unwrap_or_else(|| format!("CN={}", file.name));
    let usual = Policy::of_subject(subject);
    let policy = Policy {
        kind: KeyKind::parse(file.key_type.as_deref(), file.key_size, file.curve.as_deref())?,
        exportable: file.exportable.unwrap_or(usual.exportable),
        form: file.content_type.as_deref().map(Form::find).transpose()?.unwrap_or(usual.form),
        dns_names: file.dns_names.clone(),
        months: file.validity_months.unwrap_or(usual.months),
        ..usual
    };
    policy.check().map(|()| policy)
}

/// Private key and certificates that are given, if they are.
fn bundle(file: &KeyVersionFile, folder: &Path) -> Result<Option<(Material, Form)>, String> {
    let password = file.password.as_ref().map(Secret::expose).unwrap_or_default();
    content(file, folder, |content| read_bundle(content, password))
}

/// A private key that is given, if it is.
fn bare_key(file: &KeyVersionFile, folder: &Path) -> Result<Option<Key>, String> {
    content(file, folder, |content| {
        let text = std::str::from_utf8(content).map_err(|_| "is not PEM")?;
        let key = sidekey_jose::SigningKey::from_pem(text).and_then(|key| key.to_pkcs8_der());
        Key::from_der(&key.map_err(|error| error.to_string())?)
    })
}

fn content<T>(
    file: &KeyVersionFile,
    folder: &Path,
    read: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<Option<T>, String> {
    match (&file.pem, &file.path) {
        (None, None) => Ok(None),
        (Some(pem), None) => read(pem.expose().as_bytes()).map(Some).map_err(|why| format!("`pem` {why}")),
        (None, Some(path)) => {
            let path = folder.join(path);
            let content = std::fs::read(&path).map(Zeroizing::new);
            let content = content.map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
            read(&content).map(Some).map_err(|why| format!("`{}` {why}", path.display()))
        }
        (Some(_), Some(_)) => Err("write `pem` or `path`, not both".to_owned()),
    }
}

/// As the built-in directory has it.
const KEY_VAULT: &str = "
clientId: cfa8b339-82a2-471a-a3c9-0fc0be7a4093
name: Azure Key Vault
multiTenant: true
identifierUris: ['https://vault.azure.net']
tokenVersion: 1
scopes: [user_impersonation]
";

#[cfg(test)]
mod tests {
    use crate::directory::read;

    const CONTOSO: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";

    fn faults(vault: &str) -> String {
        let yaml = format!(
            "tenants:\n  - {{id: {CONTOSO}, displayName: C, domains: [c.example]}}\n  - {{id: bbbbcccc-1111-dddd-2222-eeee3333ffff, displayName: F}}\n\
             apps:\n  - {{clientId: a, name: web, tenants: [c.example]}}\n  - {{clientId: b, name: far, tenants: [bbbbcccc-1111-dddd-2222-eeee3333ffff]}}\n\
             vaults:\n  - {{name: shop, tenant: c.example, {vault}}}\n"
        );
        read(&yaml, std::path::Path::new(".")).err().map(|error| error.0).unwrap_or_default()
    }

    #[test]
    fn a_vault_brings_key_vault_as_application() {
        let yaml =
            format!("tenants: [{{id: {CONTOSO}, displayName: C}}]\nvaults: [{{name: shop, tenant: {CONTOSO}}}]\n");
        let directory = read(&yaml, std::path::Path::new(".")).unwrap();
        let found = directory.resource("https://vault.localhost:5443").unwrap();
        assert_eq!(found.client_id.as_str(), super::KEY_VAULT_APP);
        assert!(directory.resource("https://vault.localhost.example").is_none());
    }

    #[test]
    fn each_fault_names_its_path_and_what_to_write() {
        let cases = [
            ("secrets: [{name: a}]", "vaults[0].secrets[0]: write either `value` or a list of `versions`"),
            ("secrets: [{name: a_b, value: x}]", "vaults[0].secrets: `a_b` is no name"),
            (
                "secrets: [{name: a, value: x}], certificates: [{name: A}]",
                "vaults[0].secrets: the name `A` is there twice",
            ),
            ("secrets: [{name: a, versions: [{value: x, expires: soon}]}]", "secrets[0].versions[0].expires: `soon`"),
            ("secrets: [{name: a, versions: [{value: x, version: '1'}]}]", "secrets[0].versions[0].version: `1`"),
            ("certificates: [{name: a, keyType: oct}]", "vaults[0].certificates[0]: the key type `oct`"),
            ("certificates: [{name: a, subject: a}]", "vaults[0].certificates[0]: `a` is no subject"),
            ("certificates: [{name: a, contentType: text/plain}]", "the content type `text/plain` is not known"),
            ("certificates: [{name: a, registeredOn: [b2]}]", "registeredOn[0]: no application"),
            ("certificates: [{name: a, versions: [{path: missing.pfx}]}]", "versions[0]: cannot read `./missing.pfx`"),
            ("certificates: [{name: a, versions: [{pem: noise}]}]", "versions[0]: `pem` cannot be read as PFX"),
            ("propagation: soon", "vaults[0].propagation: `soon`"),
            ("keys: [{name: a, operations: [dance]}]", "keys[0].operations: the key operation `dance`"),
            ("keys: [{name: a, versions: [{pem: noise}]}]", "keys[0].versions[0]: `pem` "),
            (
                "roleAssignments: [{principal: web, roles: [Key Vault Wizard]}]",
                "roles[0]: there is no role `Key Vault Wizard`",
            ),
            (
                "roleAssignments: [{principal: nobody, roles: []}]",
                "roleAssignments[0].principal: `nobody` is no application",
            ),
            (
                "roleAssignments: [{principal: far, roles: []}]",
                "principal: the application `far` is not in the vault's tenant",
            ),
            ("roleAssignments: [{principal: web, roles: [], scope: a}]", "roleAssignments[0].scope: write one object"),
        ];
        for (vault, expected) in cases {
            let faults = faults(vault);
            assert!(faults.contains(expected), "{vault}\n{faults}");
        }
        assert!(faults("secrets: [], name2: x").contains("unknown field `name2`"));
    }
}
