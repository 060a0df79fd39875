//! Agent identities and their users.

use sidekey_oauth::{ClientId, IdError};
use uuid::Uuid;

use super::{Checker, each};
use crate::directory::{
    Agent, App, Consent, Kind, Presence,
    file::{AgentFile, UserFile},
};

impl Checker<'_> {
    /// An agent identity under one of the applications that were read before.
    pub(super) fn agent(&mut self, file: AgentFile, path: &str, apps: &[App]) -> Option<App> {
        let client_id = file.client_id.to_string().parse().map_err(|error: IdError| error.to_string());
        let client_id: ClientId = self.ok(&format!("{path}.clientId"), client_id)?;
        let blueprint = self.ok(&format!("{path}.blueprint"), blueprint(apps, &file.blueprint))?;
        let tenant = self.agent_tenant(&file, path, blueprint)?;
        let mut consents: Vec<Consent> =
            each(file.consents, &format!("{path}.consents"), |consent, path| self.consent(consent, path));
        if file.inherit_permissions.unwrap_or(true) {
            consents.extend(blueprint.consents.iter().cloned());
        }
        let role_assignments = self.role_assignments(file.role_assignments, path);
        let kind = Kind::Agent(Agent { blueprint: blueprint.client_id.clone() });
        let disabled = file.disabled;
        Some(App { disabled, consents, role_assignments, ..App::identity(client_id, file.name, tenant, kind) })
    }

    /// An agent is in one tenant, where its blueprint has to be too.
    fn agent_tenant(&mut self, file: &AgentFile, path: &str, blueprint: &App) -> Option<Uuid> {
        let path = format!("{path}.tenant");
        let tenant = match (&file.tenant, &blueprint.presence) {
            (Some(name), _) => self.names.tenant(name),
            (None, Presence::Listed(listed)) => {
                listed.first().copied().ok_or_else(|| format!("`{}` has no tenant", blueprint.name))
            }
            (None, Presence::Everywhere) => Err("is missing: name the tenant's id or domain".to_owned()),
        };
        let tenant = self.ok(&path, tenant)?;
        if !blueprint.is_in(tenant) {
            self.fault(&path, format!("the blueprint `{}` is not in this tenant", blueprint.name));
        }
        Some(tenant)
    }

    /// The agent whose account a user is; such an account has no password.
    pub(super) fn agent_of(&mut self, file: &UserFile, path: &str, tenant: Uuid) -> Option<ClientId> {
        let path = format!("{path}.agent");
        let found = self.names.agent(file.agent.as_deref()?, tenant);
        if file.password.is_some() {
            self.fault(&path, "an agent's user cannot have a password: remove one of the two");
        }
        self.ok(&path, found)
    }
}

/// The blueprint with this name, client id or App ID URI.
fn blueprint<'a>(apps: &'a [App], name: &str) -> Result<&'a App, String> {
    let is_meant = |app: &&App| {
        app.name == name
            || app.client_id.as_str().eq_ignore_ascii_case(name)
            || app.identifier_uris.iter().any(|uri| uri.eq_ignore_ascii_case(name))
    };
    match apps.iter().find(is_meant) {
        Some(app) if app.kind.is_blueprint() => Ok(app),
        Some(_) => Err(format!("`{name}` is no blueprint: write `kind: blueprint` there")),
        None => Err(format!("no application has the name, client id or App ID URI `{name}`")),
    }
}

#[cfg(test)]
mod tests {
    use crate::directory::{Directory, read};

    const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";

    fn directory(user: &str, app: &str, agent: &str) -> Result<Directory, String> {
        let yaml = format!(
            "tenants:\n  - {{id: {TENANT}, displayName: C, domains: [c.example], users: [{{upn: u@c.example, oid: {TENANT}, displayName: U{user}}}]}}\n  \
             - {{id: bbbbcccc-1111-dddd-2222-eeee3333ffff, displayName: F, domains: [f.example]}}\n\
             apps:\n  - {{clientId: api, name: api, tenants: [c.example], scopes: [R], appRoles: [A]}}\n  \
             - {{clientId: bp, name: bp, tenants: [c.example], consents: [{{resource: api, scopes: [R]}}]{app}}}\n\
             agents:\n  - {{clientId: 44445555-eeee-6666-ffff-777788889999, name: agent{agent}}}\n"
        );
        read(&yaml, std::path::Path::new(".")).map_err(|error| error.0)
    }

    #[test]
    fn permissions_are_inherited_unless_told_otherwise() {
        let scopes = |more: &str| {
            let directory = directory("", ", kind: blueprint", &format!(", blueprint: bp{more}")).unwrap();
            let agent = directory.apps.iter().find(|app| app.name == "agent").unwrap();
            agent.consents.iter().flat_map(|consent| consent.scopes.clone()).collect::<Vec<_>>()
        };
        assert_eq!(scopes(""), ["R"]);
        assert!(scopes(", inheritPermissions: false").is_empty());
    }

    #[test]
    fn an_agent_that_cannot_be_is_refused_with_its_path() {
        let (kind, parent) = (", kind: blueprint", ", blueprint: bp");
        let cases = [
            ("", "", parent, "agents[0].blueprint: `bp` is no blueprint: write `kind: blueprint` there"),
            ("", kind, ", blueprint: other", "agents[0].blueprint: no application"),
            ("", kind, ", blueprint: bp, tenant: f.example", "agents[0].tenant: the blueprint `bp` is not in this"),
            ("", kind, ", blueprint: bp, roleAssignments: [{resource: api, roles: [B]}]", "`api` offers `A`, but not"),
            (", agent: nobody", kind, parent, "users[0].agent: no agent identity of this tenant"),
            (", agent: agent, password: p", kind, parent, "users[0].agent: an agent's user cannot have a password"),
        ];
        for (user, app, agent, expected) in cases {
            let faults = directory(user, app, agent).err().unwrap_or_default();
            assert!(faults.contains(expected), "{expected}\n{faults}");
        }
        assert!(directory(", agent: agent", kind, parent).is_ok());
    }
}
