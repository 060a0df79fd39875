//! Three tenants with four users and eight agents each, and one application that is the blueprint of all agents.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::client::get;

/// The directory as the emulator reads it.
pub(super) fn document() -> Value {
    let tenants: Vec<_> = (0..TENANTS).map(tenant).collect();
    let agents: Vec<_> = (0..TENANTS).flat_map(|tenant| (0..AGENTS).map(move |agent| (tenant, agent))).collect();
    let roles = json!([{ "resource": "orders", "roles": ["Orders.All"] }]);
    let agents: Vec<_> = agents
        .into_iter()
        .map(|(tenant, agent)| {
            json!({
                "clientId": agent_id(tenant, agent), "name": agent_name(tenant, agent), "blueprint": "middle",
                "tenant": tenant_id(tenant), "roleAssignments": roles,
            })
        })
        .collect();
    json!({ "tenants": tenants, "apps": apps(&roles), "agents": agents })
}

/// A token of each user for the sidecar, by tenant and user.
pub(super) fn user_tokens(authority: SocketAddr) -> Vec<Vec<String>> {
    let token = |tenant, user| {
        let name = user_name(tenant, user);
        let reply = get(authority, &format!("/sidekey/token?user={name}&scope=api://middle/access"));
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.text().trim().to_owned()
    };
    (0..TENANTS).map(|tenant| (0..USERS).map(|user| token(tenant, user)).collect()).collect()
}

pub(super) fn tenant_id(tenant: usize) -> String {
    id(1, tenant, 0)
}

pub(super) fn user_id(tenant: usize, user: usize) -> String {
    id(2, tenant, user)
}

pub(super) fn agent_id(tenant: usize, agent: usize) -> String {
    id(3, tenant, agent)
}

/// The account that an agent has of its own.
pub(super) fn account_id(tenant: usize, agent: usize) -> String {
    id(4, tenant, agent)
}

pub(super) fn account_name(tenant: usize, agent: usize) -> String {
    format!("account{agent}@tenant{tenant}.example")
}

fn tenant(tenant: usize) -> Value {
    let users = (0..USERS).map(|user| {
        json!({
            "upn": user_name(tenant, user), "oid": user_id(tenant, user), "displayName": format!("User {user}"),
            "password": "Passw0rd!development",
        })
    });
    let accounts = (0..AGENTS).map(|agent| {
        json!({
            "upn": account_name(tenant, agent), "oid": account_id(tenant, agent),
            "displayName": format!("Account {agent}"), "agent": agent_name(tenant, agent),
        })
    });
    json!({
        "id": tenant_id(tenant), "displayName": format!("Tenant {tenant}"), "domains": [format!("tenant{tenant}.example")],
        "users": users.chain(accounts).collect::<Vec<_>>(),
    })
}

fn apps(roles: &Value) -> Value {
    json!([
        {
            "clientId": MIDDLE, "name": "middle", "kind": "applicationAndBlueprint", "multiTenant": true,
            "identifierUris": ["api://middle"], "tokenVersion": 2, "scopes": ["access"],
            "secrets": [{ "value": SECRET }], "roleAssignments": roles,
            "consents": [
                { "resource": "orders", "scopes": ["Orders.Read"] },
                { "resource": "bills", "scopes": ["Bills.Read"] },
            ],
        },
        {
            "clientId": ORDERS, "name": "orders", "multiTenant": true, "identifierUris": ["api://orders"],
            "tokenVersion": 2, "scopes": ["Orders.Read"], "appRoles": ["Orders.All"],
        },
        {
            "clientId": "dddddddd-0000-0000-0000-000000000003", "name": "bills", "multiTenant": true,
            "identifierUris": ["api://bills"], "tokenVersion": 1, "scopes": ["Bills.Read"],
        },
        {
            "clientId": "dddddddd-0000-0000-0000-000000000004", "name": "shell", "multiTenant": true,
            "publicClient": true, "consents": [{ "resource": "middle", "scopes": ["access"] }],
        },
        {
            "clientId": "fb60f99c-7a34-4190-8149-302f77469936", "name": "exchange", "multiTenant": true,
            "identifierUris": ["api://AzureADTokenExchange"], "tokenVersion": 2,
        },
    ])
}

fn user_name(tenant: usize, user: usize) -> String {
    format!("user{user}@tenant{tenant}.example")
}

fn agent_name(tenant: usize, agent: usize) -> String {
    format!("agent {agent} of tenant {tenant}")
}

fn id(kind: u8, tenant: usize, number: usize) -> String {
    format!("aaaaaaaa-000{kind}-000{tenant}-000{number}-bbbbbbbbbbbb")
}

/// The application whose sidecar it is.
pub(super) const MIDDLE: &str = "dddddddd-0000-0000-0000-000000000001";
pub(super) const ORDERS: &str = "dddddddd-0000-0000-0000-000000000002";
pub(super) const SECRET: &str = "crowd-development-secret";
pub(super) const TENANTS: usize = 3;
pub(super) const USERS: usize = 4;
pub(super) const AGENTS: usize = 8;
