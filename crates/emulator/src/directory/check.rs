//! Checks a directory file whole: every fault with the path of what is wrong and what to write instead.

use std::{
    collections::{BTreeSet, HashSet},
    path::Path,
};

use sidekey_host::UnixTime;
use sidekey_oauth::{ClientId, Scope, TenantId};
use uuid::Uuid;

use super::{
    App, AppSecret, Consent, Directory, FederatedCredential, Lifetimes, Presence, RegisteredCertificate,
    RoleAssignment, Tenant, TokenVersion, TrustedSubject, User, certificate,
    file::{
        AppFile, ConsentFile, DirectoryFile, FederatedCredentialFile, LifetimesFile, Range, RoleAssignmentFile,
        SecretFile, TenantFile, TrustedSubjectFile, UserFile,
    },
};

/// The directory, or all its faults (`path: what is wrong`).
pub(super) fn check(file: DirectoryFile, folder: &Path) -> Result<Directory, Vec<String>> {
    let mut checker = Checker { faults: Vec::new(), folder, names: Names::of(&file) };
    checker.unique(&file);
    if file.tenants.is_empty() {
        checker.fault("tenants", "is empty: a directory needs at least one tenant");
    }
    let directory = Directory {
        apps: each(file.apps, "apps", |app, path| checker.app(app, path)),
        tenants: each(file.tenants, "tenants", |tenant, path| Some(checker.tenant(tenant, path))),
        lifetimes: checker.lifetimes(&file.lifetimes),
        faults: file.faults,
    };
    checker.references(&directory);
    if checker.faults.is_empty() { Ok(directory) } else { Err(checker.faults) }
}

/// What other parts of the file may refer to.
struct Names {
    tenants: Vec<(Uuid, Vec<String>)>,
    apps: Vec<(ClientId, String, Vec<String>)>,
}

impl Names {
    fn of(file: &DirectoryFile) -> Self {
        let app = |app: &AppFile| Some((app.client_id.parse().ok()?, app.name.clone(), app.identifier_uris.clone()));
        Self {
            tenants: file.tenants.iter().map(|tenant| (tenant.id, tenant.domains.clone())).collect(),
            apps: file.apps.iter().filter_map(app).collect(),
        }
    }
}

struct Checker<'a> {
    faults: Vec<String>,
    folder: &'a Path,
    names: Names,
}

impl Checker<'_> {
    fn fault(&mut self, path: &str, what: impl std::fmt::Display) {
        self.faults.push(format!("{path}: {what}"));
    }

    /// Takes the value, or notes the fault and takes nothing.
    fn ok<T>(&mut self, path: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|what| self.fault(path, what)).ok()
    }

    /// Ids, domains, names and App ID URIs belong to one only.
    fn unique(&mut self, file: &DirectoryFile) {
        let mut seen = HashSet::new();
        for (i, tenant) in file.tenants.iter().enumerate() {
            let names = tenant.domains.iter().cloned().chain([tenant.id.to_string()]);
            self.not_seen(&mut seen, &format!("tenants[{i}]"), "tenant", names);
            for (j, user) in tenant.users.iter().enumerate() {
                let names = [user.upn.clone(), user.oid.to_string()];
                self.not_seen(&mut seen, &format!("tenants[{i}].users[{j}]"), "user", names);
            }
        }
        for (i, app) in file.apps.iter().enumerate() {
            let names = app.identifier_uris.iter().cloned().chain([app.client_id.clone(), app.name.clone()]);
            self.not_seen(&mut seen, &format!("apps[{i}]"), "application", names);
        }
    }

    fn not_seen(
        &mut self,
        seen: &mut HashSet<String>,
        path: &str,
        kind: &str,
        names: impl IntoIterator<Item = String>,
    ) {
        let own: BTreeSet<_> = names.into_iter().map(|name| format!("{kind} {}", name.to_lowercase())).collect();
        for name in own {
            if !seen.insert(name.clone()) {
                self.fault(path, format!("`{name}` is there twice: give each its own"));
            }
        }
    }

    fn tenant(&mut self, file: TenantFile, path: &str) -> Tenant {
        for (i, domain) in file.domains.iter().enumerate() {
            if !matches!(domain.parse(), Ok(TenantId::Domain(_))) {
                self.fault(
                    &format!("{path}.domains[{i}]"),
                    format!("`{domain}` is no domain name such as `contoso.com`"),
                );
            }
        }
        let domains: Vec<_> = file.domains.iter().map(|domain| domain.to_lowercase()).collect();
        let users = each(file.users, &format!("{path}.users"), |user, path| Some(self.user(user, path, &domains)));
        Tenant { id: file.id, display_name: file.display_name, domains, users }
    }

    fn user(&mut self, file: UserFile, path: &str, domains: &[String]) -> User {
        let domain = file.upn.rsplit_once('@').map(|(_, domain)| domain.to_lowercase());
        if !domain.is_some_and(|domain| domains.contains(&domain)) {
            let message = format!("`{}` does not end with `@` and one of the tenant's domains", file.upn);
            self.fault(&format!("{path}.upn"), message);
        }
        let role_assignments = self.role_assignments(file.role_assignments, path);
        let UserFile { upn, oid, display_name, password, disabled, .. } = file;
        User { upn, oid, display_name, password, disabled, role_assignments }
    }

    fn app(&mut self, file: AppFile, path: &str) -> Option<App> {
        let client_id = self
            .ok(&format!("{path}.clientId"), file.client_id.parse().map_err(|e: sidekey_oauth::IdError| e.to_string()));
        let presence = self.presence(&file, path);
        let token_version = match file.token_version {
            None | Some(1) => TokenVersion::V1,
            Some(2) => TokenVersion::V2,
            Some(other) => {
                self.fault(&format!("{path}.tokenVersion"), format!("is {other}: write 1 or 2"));
                TokenVersion::V2
            }
        };
        self.permissions(&file, path);
        Some(App {
            client_id: client_id?,
            presence,
            token_version,
            secrets: each(file.secrets, &format!("{path}.secrets"), |secret, path| Some(self.secret(secret, path))),
            certificates: each(file.certificates, &format!("{path}.certificates"), |certificate, path| {
                let read = certificate::read(&certificate, self.folder);
                self.ok(path, read)
            }),
            trusted_subjects: each(file.trusted_subjects, &format!("{path}.trustedSubjects"), |rule, path| {
                self.trusted_subject(rule, path)
            }),
            federated_credentials: self.federated_credentials(file.federated_credentials, path),
            redirect_uris: each(file.redirect_uris, &format!("{path}.redirectUris"), |uri, path| {
                self.ok(path, uri.parse().map_err(|e| format!("`{uri}` is no absolute URL: {e}")))
            }),
            consents: each(file.consents, &format!("{path}.consents"), |consent, path| self.consent(consent, path)),
            role_assignments: self.role_assignments(file.role_assignments, path),
            name: file.name,
            multi_tenant: file.multi_tenant,
            disabled: file.disabled,
            identifier_uris: file.identifier_uris,
            public_client: file.public_client,
            scopes: file.scopes,
            roles: file.app_roles,
            optional_claims: file.optional_claims,
            assignment_required: file.assignment_required,
        })
    }

    /// Without a list an application is in every tenant, which only a multi-tenant one can be.
    fn presence(&mut self, file: &AppFile, path: &str) -> Presence {
        let path = format!("{path}.tenants");
        let Some(tenants) = &file.tenants else {
            if !file.multi_tenant {
                self.fault(&path, "is missing: name the tenant's id or domain, or write `multiTenant: true`");
            }
            return Presence::Everywhere;
        };
        if tenants.is_empty() || (tenants.len() > 1 && !file.multi_tenant) {
            self.fault(&path, "name one tenant, or several together with `multiTenant: true`");
        }
        let listed = each(tenants.clone(), &path, |name, path| {
            let found = self.names.tenants.iter().find(|(id, domains)| {
                Uuid::try_parse(&name) == Ok(*id) || domains.iter().any(|domain| domain.eq_ignore_ascii_case(&name))
            });
            let found = found.map(|(id, _)| *id).ok_or_else(|| format!("no tenant has the id or domain `{name}`"));
            self.ok(path, found)
        });
        Presence::Listed(listed)
    }

    fn permissions(&mut self, file: &AppFile, path: &str) {
        for (key, values) in
            [("scopes", &file.scopes), ("appRoles", &file.app_roles), ("identifierUris", &file.identifier_uris)]
        {
            for (i, value) in values.iter().enumerate() {
                if let Err(error) = value.parse::<Scope>() {
                    self.fault(&format!("{path}.{key}[{i}]"), error);
                }
            }
        }
    }

    fn secret(&mut self, file: SecretFile, path: &str) -> AppSecret {
        if file.value.is_empty() {
            self.fault(&format!("{path}.value"), "is empty");
        }
        let expires = file.expires.and_then(|text| {
            let time =
                text.parse::<jiff::Timestamp>().map(|time| UnixTime(u64::try_from(time.as_second()).unwrap_or(0)));
            self.ok(
                &format!("{path}.expires"),
                time.map_err(|_| format!("`{text}` is no time such as `2030-01-31T00:00:00Z`")),
            )
        });
        AppSecret { value: file.value, expires }
    }

    fn trusted_subject(&mut self, file: TrustedSubjectFile, path: &str) -> Option<TrustedSubject> {
        let path = format!("{path}.issuer");
        let issuer = certificate::read(&file.issuer, self.folder);
        match self.ok(&path, issuer)? {
            RegisteredCertificate::Certificate(issuer) => Some(TrustedSubject { subject: file.subject, issuer }),
            RegisteredCertificate::Thumbprint(_) => {
                self.fault(&path, "a thumbprint is not enough to check signatures: write `pem` or `path`");
                None
            }
        }
    }

    /// The limits that Entra has: 20 of them, exact and unpadded texts of at most 600 characters, issuer and subject unique.
    fn federated_credentials(&mut self, files: Vec<FederatedCredentialFile>, path: &str) -> Vec<FederatedCredential> {
        let path = format!("{path}.federatedCredentials");
        if files.len() > MAX_FEDERATED_CREDENTIALS {
            self.fault(&path, format!("has {} entries: at most {MAX_FEDERATED_CREDENTIALS} are allowed", files.len()));
        }
        let mut seen = HashSet::new();
        each(files, &path, |file, path| {
            if !is_credential_name(&file.name) {
                let what = "3 to 120 letters, digits, `-` and `_`, a letter or digit first";
                self.fault(&format!("{path}.name"), format!("`{}` is not allowed: write {what}", file.name));
            }
            for (key, text) in [("issuer", &file.issuer), ("subject", &file.subject), ("audience", &file.audience)] {
                if text.is_empty() || text.trim() != text || text.chars().count() > 600 {
                    self.fault(&format!("{path}.{key}"), "write 1 to 600 characters without blanks around them");
                }
            }
            if !seen.insert((file.issuer.clone(), file.subject.clone())) {
                self.fault(path, "this issuer and subject are there twice");
            }
            Some(FederatedCredential { issuer: file.issuer, subject: file.subject, audience: file.audience })
        })
    }

    fn consent(&mut self, file: ConsentFile, path: &str) -> Option<Consent> {
        let resource = self.resource(&file.resource, path)?;
        Some(Consent { resource, scopes: file.scopes, users: file.users })
    }

    fn role_assignments(&mut self, files: Vec<RoleAssignmentFile>, path: &str) -> Vec<RoleAssignment> {
        each(files, &format!("{path}.roleAssignments"), |file, path| {
            Some(RoleAssignment { resource: self.resource(&file.resource, path)?, roles: file.roles })
        })
    }

    /// A resource by its name, client id or App ID URI.
    fn resource(&mut self, name: &str, path: &str) -> Option<ClientId> {
        let found = self.names.apps.iter().find(|(id, own, uris)| {
            own == name
                || id.as_str().eq_ignore_ascii_case(name)
                || uris.iter().any(|uri| uri.eq_ignore_ascii_case(name))
        });
        let found = found.map(|(id, ..)| id.clone());
        let found = found.ok_or_else(|| format!("no application has the name, client id or App ID URI `{name}`"));
        self.ok(&format!("{path}.resource"), found)
    }

    /// Scopes and roles that are given must be there on the resource, and users in the directory.
    fn references(&mut self, directory: &Directory) {
        for app in &directory.apps {
            let owner = format!("apps `{}`", app.name);
            for consent in &app.consents {
                self.known(directory, &format!("{owner} consents"), &consent.resource, &consent.scopes, |app| {
                    &app.scopes
                });
                for user in consent.users.iter().flatten() {
                    if !directory.tenants.iter().any(|tenant| tenant.user(user).is_some()) {
                        self.fault(&format!("{owner} consents"), format!("there is no user `{user}`"));
                    }
                }
            }
            self.known_roles(directory, &owner, &app.role_assignments);
        }
        for user in directory.tenants.iter().flat_map(|tenant| &tenant.users) {
            self.known_roles(directory, &format!("users `{}`", user.upn), &user.role_assignments);
        }
    }

    fn known_roles(&mut self, directory: &Directory, owner: &str, assignments: &[RoleAssignment]) {
        for assignment in assignments {
            let path = format!("{owner} roleAssignments");
            self.known(directory, &path, &assignment.resource, &assignment.roles, |app| &app.roles);
        }
    }

    fn known(
        &mut self,
        directory: &Directory,
        path: &str,
        resource: &ClientId,
        given: &[String],
        offered: fn(&App) -> &Vec<String>,
    ) {
        let Some(resource) = directory.app(resource) else { return };
        for value in given.iter().filter(|value| !offered(resource).contains(value)) {
            let list = offered(resource).join("`, `");
            self.fault(path, format!("`{}` does not offer `{value}`, only `{list}`", resource.name));
        }
    }

    fn lifetimes(&mut self, file: &LifetimesFile) -> Lifetimes {
        let ranges = [
            ("accessTokenMinutes", file.access_token_minutes),
            ("continuousAccessMinutes", file.continuous_access_minutes),
        ];
        for (key, range) in ranges {
            if range.minimum == 0 || range.minimum > range.maximum {
                self.fault(&format!("lifetimes.{key}"), "write a minimum of at least 1 and a maximum not below it");
            }
        }
        let seconds = |range: Range| (u64::from(range.minimum) * 60, u64::from(range.maximum) * 60);
        Lifetimes {
            access_token: seconds(file.access_token_minutes),
            continuous_access: seconds(file.continuous_access_minutes),
            id_token: u64::from(file.id_token_minutes) * 60,
            refresh_token: u64::from(file.refresh_token_days) * 24 * 3600,
            authorization_code: u64::from(file.authorization_code_minutes) * 60,
        }
    }
}

/// Checks each entry of a list with its path; faulty ones are left out.
fn each<T, U>(list: Vec<T>, path: &str, mut check: impl FnMut(T, &str) -> Option<U>) -> Vec<U> {
    list.into_iter().enumerate().filter_map(|(i, item)| check(item, &format!("{path}[{i}]"))).collect()
}

fn is_credential_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (3..=120).contains(&name.len())
        && name.bytes().all(allowed)
        && name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
}

/// Entra's limit per application.
const MAX_FEDERATED_CREDENTIALS: usize = 20;

#[cfg(test)]
mod tests {
    use crate::directory::read;

    fn faults(apps: &str) -> String {
        let yaml = format!(
            "tenants:\n  - {{id: aaaabbbb-0000-cccc-1111-dddd2222eeee, displayName: C, domains: [c.example]}}\napps:\n{apps}"
        );
        read(&yaml, std::path::Path::new(".")).err().map(|e| e.0).unwrap_or_default()
    }

    #[test]
    fn each_fault_names_its_path_and_what_to_write() {
        let cases = [
            ("{clientId: a b, name: x, multiTenant: true}", "apps[0].clientId: `a b` is not an application"),
            ("{clientId: a, name: x}", "apps[0].tenants: is missing"),
            (
                "{clientId: a, name: x, tenants: [d.example]}",
                "apps[0].tenants[0]: no tenant has the id or domain `d.example`",
            ),
            ("{clientId: a, name: x, multiTenant: true, tokenVersion: 3}", "apps[0].tokenVersion: is 3: write 1 or 2"),
            (
                "{clientId: a, name: x, multiTenant: true, secrets: [{value: s, expires: soon}]}",
                "apps[0].secrets[0].expires: `soon`",
            ),
            (
                "{clientId: a, name: x, multiTenant: true, redirectUris: [nowhere]}",
                "apps[0].redirectUris[0]: `nowhere`",
            ),
            (
                "{clientId: a, name: x, multiTenant: true, consents: [{resource: y, scopes: []}]}",
                "apps[0].consents[0].resource: no application",
            ),
            (
                "{clientId: a, name: x, multiTenant: true, scopes: [R], consents: [{resource: x, scopes: [W]}]}",
                "`x` does not offer `W`, only `R`",
            ),
            (
                "{clientId: a, name: x, multiTenant: true, federatedCredentials: [{name: ab, issuer: i, subject: s, audience: a}]}",
                "federatedCredentials[0].name: `ab`",
            ),
            (
                "{clientId: a, name: x, multiTenant: true, federatedCredentials: [{name: abc, issuer: ' i', subject: s, audience: a}]}",
                "federatedCredentials[0].issuer: write 1 to 600",
            ),
            (
                "{clientId: a, name: x, multiTenant: true, certificates: [{path: missing.pem}]}",
                "apps[0].certificates[0]: cannot read `./missing.pem`",
            ),
            (
                "{clientId: a, name: x, multiTenant: true, trustedSubjects: [{subject: s, issuer: {thumbprint: '0000000000000000000000000000000000000000'}}]}",
                "trustedSubjects[0].issuer: a thumbprint",
            ),
        ];
        for (app, expected) in cases {
            let faults = faults(&format!("  - {app}\n"));
            assert!(faults.contains(expected), "{app}\n{faults}");
        }
    }

    #[test]
    fn twenty_federated_credentials_are_allowed_and_no_more() {
        let app = |count: usize| {
            let entries: Vec<_> =
                (0..count).map(|i| format!("{{name: fic{i}, issuer: i, subject: s{i}, audience: a}}")).collect();
            format!("  - {{clientId: a, name: x, multiTenant: true, federatedCredentials: [{}]}}\n", entries.join(", "))
        };
        assert_eq!(faults(&app(20)), "");
        assert!(faults(&app(21)).contains("has 21 entries: at most 20 are allowed"));
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let faults = faults("  - {clientId: a, name: x}\n  - {clientId: a, name: x}\n");
        assert!(faults.starts_with("the directory has 4 fault(s):"), "{faults}");
    }
}
