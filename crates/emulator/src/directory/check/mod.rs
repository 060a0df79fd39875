//! Checks a directory file whole: every fault with the path of what is wrong and what to write instead.

mod agent;
mod app;
mod credentials;
mod managed_identity;
mod names;
mod rule;
mod vault;

use std::path::Path;

use sidekey_oauth::TenantId;
use uuid::Uuid;

use self::{names::Names, vault::Principals};
use super::{
    Directory, Lifetimes, RoleAssignment, Tenant, User,
    file::{DirectoryFile, LifetimesFile, Range, RoleAssignmentFile, TenantFile, UserFile},
};

/// The directory, or all its faults (`path: what is wrong`).
pub(super) fn check(file: DirectoryFile, folder: &Path) -> Result<Directory, Vec<String>> {
    let file = vault::with_key_vault(file);
    let mut checker = Checker { faults: names::repeated(&file), folder, names: Names::of(&file) };
    if file.tenants.is_empty() {
        checker.fault("tenants", "is empty: a directory needs at least one tenant");
    }
    let mut apps = each(file.apps, "apps", |app, path| checker.app(app, path));
    let agents = each(file.agents, "agents", |agent, path| checker.agent(agent, path, &apps));
    apps.extend(agents);
    apps.extend(each(file.managed_identities, "managedIdentities", |identity, path| checker.identity(identity, path)));
    checker.one_system_assigned(&apps);
    let tenants = each(file.tenants, "tenants", |tenant, path| Some(checker.tenant(tenant, path)));
    let directory = Directory {
        cloud: file.cloud,
        vaults: checker.vaults(file.vaults, Principals { apps: &apps, tenants: &tenants }),
        apps,
        tenants,
        hosts: checker.hosts(file.hosts),
        rules: each(file.conditional_access, "conditionalAccess", |rule, path| Some(checker.rule(rule, path))),
        lifetimes: checker.lifetimes(&file.lifetimes),
        refuse_replayed_assertions: file.refuse_replayed_assertions,
        faults: each(file.faults, "faults", |fault, path| checker.ok(path, fault.check().map(|()| fault.clone()))),
    };
    if checker.faults.is_empty() { Ok(directory) } else { Err(checker.faults) }
}

struct Checker<'a> {
    faults: Vec<String>,
    /// What relative paths start from.
    folder: &'a Path,
    /// What other parts of the file may refer to.
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
        let users =
            each(file.users, &format!("{path}.users"), |user, path| Some(self.user(user, path, (file.id, &domains))));
        for (i, flow) in file.user_flows.iter().enumerate() {
            let named = |prefix: &str| flow.get(..prefix.len()).is_some_and(|own| own.eq_ignore_ascii_case(prefix));
            if !named("B2C_1") || !flow.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
                let what = format!("`{flow}` is no user flow's name: write one such as `B2C_1_susi`");
                self.fault(&format!("{path}.userFlows[{i}]"), what);
            }
        }
        Tenant { id: file.id, display_name: file.display_name, domains, users, user_flows: file.user_flows }
    }

    fn user(&mut self, file: UserFile, path: &str, (tenant, domains): (Uuid, &[String])) -> User {
        let domain = file.upn.rsplit_once('@').map(|(_, domain)| domain.to_lowercase());
        if !domain.is_some_and(|domain| domains.contains(&domain)) {
            let message = format!("`{}` does not end with `@` and one of the tenant's domains", file.upn);
            self.fault(&format!("{path}.upn"), message);
        }
        let agent = self.agent_of(&file, path, tenant);
        let role_assignments = self.role_assignments(file.role_assignments, path);
        let UserFile { upn, oid, display_name, password, disabled, .. } = file;
        User { upn, oid, display_name, password, disabled, role_assignments, agent }
    }

    fn role_assignments(&mut self, files: Vec<RoleAssignmentFile>, path: &str) -> Vec<RoleAssignment> {
        each(files, &format!("{path}.roleAssignments"), |file, path| {
            let found = self.names.resource(&file.resource);
            let resource = self.ok(&format!("{path}.resource"), found)?;
            let faults = resource.lacks(&file.roles, &resource.roles, &format!("{path}.roles"));
            self.faults.extend(faults);
            Some(RoleAssignment { resource: resource.id, roles: file.roles })
        })
    }

    fn lifetimes(&mut self, file: &LifetimesFile) -> Lifetimes {
        let ranges = [
            ("accessTokenMinutes", file.access_token_minutes),
            ("continuousAccessMinutes", file.continuous_access_minutes),
            ("managedIdentityMinutes", file.managed_identity_minutes),
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
            managed_identity: seconds(file.managed_identity_minutes),
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
                "apps[0].consents[0].scopes[0]: `x` offers `R`, but not `W`",
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
