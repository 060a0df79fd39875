//! Names: each belongs to one only, and references lead somewhere.

use std::collections::{BTreeSet, HashSet};

use sidekey_oauth::ClientId;
use uuid::Uuid;

use crate::directory::file::{AgentFile, AppFile, DirectoryFile};

/// What parts of the file may refer to.
pub(super) struct Names {
    tenants: Vec<(Uuid, Vec<String>)>,
    apps: Vec<Resource>,
    users: Vec<String>,
    agents: Vec<AgentName>,
}

/// An agent identity as users refer to it.
struct AgentName {
    id: ClientId,
    name: String,
    /// Its tenant as the file has it; its blueprint's if absent.
    tenant: Option<String>,
}

/// An application as others refer to it.
#[derive(Clone)]
pub(super) struct Resource {
    pub(super) id: ClientId,
    pub(super) scopes: Vec<String>,
    pub(super) roles: Vec<String>,
    name: String,
    uris: Vec<String>,
}

impl Names {
    pub(super) fn of(file: &DirectoryFile) -> Self {
        let users = file.tenants.iter().flat_map(|tenant| &tenant.users);
        Self {
            tenants: file.tenants.iter().map(|tenant| (tenant.id, tenant.domains.clone())).collect(),
            apps: file.apps.iter().filter_map(Resource::of).collect(),
            users: users.map(|user| user.upn.clone()).collect(),
            agents: file.agents.iter().filter_map(|agent| AgentName::of(agent, &file.apps)).collect(),
        }
    }

    /// A tenant by its id or domain.
    pub(super) fn tenant(&self, name: &str) -> Result<Uuid, String> {
        let id = Uuid::try_parse(name).ok();
        let is_meant = |(own, domains): &&(Uuid, Vec<String>)| {
            id == Some(*own) || domains.iter().any(|domain| domain.eq_ignore_ascii_case(name))
        };
        let found = self.tenants.iter().find(is_meant);
        found.map(|(id, _)| *id).ok_or_else(|| format!("no tenant has the id or domain `{name}`"))
    }

    /// The tenant that is used where none is named.
    pub(super) fn first_tenant(&self) -> Result<Uuid, String> {
        self.tenants.first().map(|(id, _)| *id).ok_or_else(|| "is missing, and there is no tenant".to_owned())
    }

    /// A resource by its name, client id or App ID URI.
    pub(super) fn resource(&self, name: &str) -> Result<Resource, String> {
        let is_meant = |app: &&Resource| {
            app.name == name
                || app.id.as_str().eq_ignore_ascii_case(name)
                || app.uris.iter().any(|uri| uri.eq_ignore_ascii_case(name))
        };
        let found = self.apps.iter().find(is_meant).cloned();
        found.ok_or_else(|| format!("no application has the name, client id or App ID URI `{name}`"))
    }

    /// An agent identity of a tenant by its name or client id.
    pub(super) fn agent(&self, name: &str, tenant: Uuid) -> Result<ClientId, String> {
        let is_named = |agent: &&AgentName| agent.name == name || agent.id.as_str().eq_ignore_ascii_case(name);
        let is_here = |agent: &&AgentName| {
            agent.tenant.as_deref().is_some_and(|own| self.tenant(own).is_ok_and(|own| own == tenant))
        };
        let found = self.agents.iter().filter(is_here).find(is_named).map(|agent| agent.id.clone());
        found.ok_or_else(|| format!("no agent identity of this tenant has the name or client id `{name}`"))
    }

    pub(super) fn has_user(&self, upn: &str) -> bool {
        self.users.iter().any(|user| user.eq_ignore_ascii_case(upn))
    }
}

impl AgentName {
    fn of(agent: &AgentFile, apps: &[AppFile]) -> Option<Self> {
        let is_parent = |app: &&AppFile| {
            app.name == agent.blueprint
                || app.client_id.eq_ignore_ascii_case(&agent.blueprint)
                || app.identifier_uris.iter().any(|uri| uri.eq_ignore_ascii_case(&agent.blueprint))
        };
        let home = || apps.iter().find(is_parent)?.tenants.as_ref()?.first().cloned();
        let id = agent.client_id.to_string().parse().ok()?;
        Some(Self { id, name: agent.name.clone(), tenant: agent.tenant.clone().or_else(home) })
    }
}

impl Resource {
    fn of(app: &AppFile) -> Option<Self> {
        Some(Self {
            id: app.client_id.parse().ok()?,
            scopes: app.scopes.clone(),
            roles: app.app_roles.clone(),
            name: app.name.clone(),
            uris: app.identifier_uris.clone(),
        })
    }

    /// A fault for each value that is given but not offered.
    pub(super) fn lacks(&self, given: &[String], offered: &[String], path: &str) -> Vec<String> {
        let unknown = given.iter().enumerate().filter(|(_, value)| !offered.contains(value));
        let list = if offered.is_empty() { "nothing".to_owned() } else { format!("`{}`", offered.join("`, `")) };
        unknown.map(|(i, value)| format!("{path}[{i}]: `{}` offers {list}, but not `{value}`", self.name)).collect()
    }
}

/// A fault for each id, domain, name or App ID URI that is there twice.
pub(super) fn repeated(file: &DirectoryFile) -> Vec<String> {
    let mut seen = Seen::default();
    for (i, tenant) in file.tenants.iter().enumerate() {
        let names = tenant.domains.iter().cloned().chain([tenant.id.to_string()]);
        seen.add(&format!("tenants[{i}]"), "tenant", names);
        for (j, user) in tenant.users.iter().enumerate() {
            seen.add(&format!("tenants[{i}].users[{j}]"), "user", [user.upn.clone(), user.oid.to_string()]);
        }
    }
    for (i, app) in file.apps.iter().enumerate() {
        let names = app.identifier_uris.iter().cloned().chain([app.client_id.clone(), app.name.clone()]);
        seen.add(&format!("apps[{i}]"), "application", names);
    }
    for (i, agent) in file.agents.iter().enumerate() {
        seen.add(&format!("agents[{i}]"), "application", [agent.client_id.to_string(), agent.name.clone()]);
    }
    for (i, identity) in file.managed_identities.iter().enumerate() {
        let names = [identity.client_id.to_string(), identity.principal_id.to_string(), identity.name.clone()];
        seen.add(&format!("managedIdentities[{i}]"), "application", names);
    }
    seen.faults
}

#[derive(Default)]
struct Seen {
    names: HashSet<String>,
    faults: Vec<String>,
}

impl Seen {
    fn add(&mut self, path: &str, kind: &str, names: impl IntoIterator<Item = String>) {
        let own: BTreeSet<_> = names.into_iter().map(|name| format!("{kind} {}", name.to_lowercase())).collect();
        for name in own {
            if !self.names.insert(name.clone()) {
                self.faults.push(format!("{path}: `{name}` is there twice: give each its own"));
            }
        }
    }
}
