//! Managed identities and the hosts that have them.

use sidekey_oauth::IdError;

use super::Checker;
use crate::directory::{
    App, Host, Hosts, Kind, ManagedIdentity,
    file::{HostsFile, ManagedIdentityFile, ManagedIdentityKindFile},
};

impl Checker<'_> {
    pub(super) fn identity(&mut self, file: ManagedIdentityFile, path: &str) -> Option<App> {
        let client_id = file.client_id.to_string().parse().map_err(|error: IdError| error.to_string());
        let client_id = self.ok(&format!("{path}.clientId"), client_id);
        let tenant = file.tenant.as_deref().map_or_else(|| self.names.first_tenant(), |name| self.names.tenant(name));
        let tenant = self.ok(&format!("{path}.tenant"), tenant);
        if !file.resource_id.to_ascii_lowercase().starts_with("/subscriptions/") {
            let what = "is no resource id: write `/subscriptions/<id>/resourceGroups/<name>/providers/…`";
            self.fault(&format!("{path}.resourceId"), format!("`{}` {what}", file.resource_id));
        }
        let system_assigned = file.kind == ManagedIdentityKindFile::SystemAssigned;
        if system_assigned && !file.federated_credentials.is_empty() {
            self.fault(&format!("{path}.federatedCredentials"), "only user-assigned identities can have them");
        }
        let federated_credentials = self.federated_credentials(file.federated_credentials, path);
        let role_assignments = self.role_assignments(file.role_assignments, path);
        let kind = Kind::ManagedIdentity(ManagedIdentity {
            principal_id: file.principal_id,
            resource_id: file.resource_id,
            system_assigned,
            hosts: file.hosts.unwrap_or_else(|| Host::ALL.to_vec()),
        });
        let identity = App::identity(client_id?, file.name, tenant?, kind);
        Some(App { federated_credentials, role_assignments, ..identity })
    }

    /// A host is one machine, and a machine has at most one identity of its own.
    pub(super) fn one_system_assigned(&mut self, apps: &[App]) {
        for host in Host::ALL {
            let own = |app: &&App| {
                app.kind.managed_identity().is_some_and(|own| own.system_assigned && own.hosts.contains(&host))
            };
            let names: Vec<_> = apps.iter().filter(own).map(|app| app.name.clone()).collect();
            if names.len() > 1 {
                let what = "are all system-assigned identities of the host";
                self.fault(
                    "managedIdentities",
                    format!("`{}` {what} {host:?}: at most one can be", names.join("`, `")),
                );
            }
        }
    }

    pub(super) fn hosts(&mut self, file: HostsFile) -> Hosts {
        let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if file.region.is_empty() || file.region.len() > 63 || !file.region.bytes().all(lower) {
            self.fault("hosts.region", format!("`{}` is no region such as `westeurope`", file.region));
        }
        let cloud_shell = file.cloud_shell.and_then(|shell| {
            let found = self.names.resource(&shell.client);
            let client = self.ok("hosts.cloudShell.client", found)?;
            if !self.names.has_user(&shell.user) {
                self.fault("hosts.cloudShell.user", format!("there is no user `{}`", shell.user));
            }
            Some((client.id, shell.user))
        });
        Hosts { region: file.region, cloud_shell }
    }
}

#[cfg(test)]
mod tests {
    use crate::directory::read;

    fn faults(identities: &str, hosts: &str) -> String {
        let yaml = format!(
            "tenants:\n  - {{id: aaaabbbb-0000-cccc-1111-dddd2222eeee, displayName: C}}\nmanagedIdentities:\n{identities}hosts: {{{hosts}}}\n"
        );
        read(&yaml, std::path::Path::new(".")).err().map(|error| error.0).unwrap_or_default()
    }

    fn identity(name: &str, kind: &str, more: &str) -> String {
        let id = |salt: &str| format!("{:0>8}-0000-4000-8000-{salt:0>12}", name.len());
        format!(
            "  - {{name: {name}, kind: {kind}, clientId: {}, principalId: {}, resourceId: /subscriptions/s{more}}}\n",
            id("1"),
            id("2")
        )
    }

    #[test]
    fn each_fault_names_its_path_and_what_to_write() {
        let one = |kind: &str, more: &str| faults(&identity("a", kind, more), "");
        assert_eq!(one("systemAssigned", ""), "");
        let credentials = ", federatedCredentials: [{name: abc, issuer: i, subject: s, audience: a}]";
        assert_eq!(one("userAssigned", credentials), "");
        assert!(one("systemAssigned", credentials).contains("managedIdentities[0].federatedCredentials: only user-"));
        assert!(one("userAssigned", ", tenant: other").contains("managedIdentities[0].tenant: no tenant"));
        assert!(one("userAssigned", ", hosts: [moon]").contains("unknown variant `moon`"));
        let wrong = identity("a", "userAssigned", "").replace("/subscriptions/s", "vm");
        assert!(faults(&wrong, "").contains("managedIdentities[0].resourceId: `vm` is no resource id"));
        let two = identity("a", "systemAssigned", "") + &identity("bb", "systemAssigned", ", hosts: [arc]");
        assert!(faults(&two, "").contains("`a`, `bb` are all system-assigned identities of the host Arc"));
        assert!(
            faults(&identity("a", "systemAssigned", ""), "region: West Europe").contains("hosts.region: `West Europe`")
        );
        let shell = "cloudShell: {client: x, user: u}";
        assert!(
            faults(&identity("a", "systemAssigned", ""), shell).contains("hosts.cloudShell.client: no application")
        );
    }
}
