//! A SPIFFE agent vouches for the application: its JWT-SVID through the sidecar to the emulator, which trusts the agent's issuer.

use std::{path::PathBuf, sync::Arc};

use serde_json::{Value, json};
use sidekey_host::SystemClock;
use sidekey_workload_api::{Agent, Asked, Fault, TrustDomain, Workload};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    client::{Reply, get},
    process::Settings,
    stage::{Emulator, ORDERS, ORDERS_WEB, TENANT, assert_claims, claims},
};

/// An agent, and an emulator whose application trusts one of its identities.
struct Stage {
    agent: Agent,
    socket: PathBuf,
    emulator: Emulator,
    _folder: TempDir,
    /// The agent lives on it.
    _runtime: Runtime,
}

impl Stage {
    fn new() -> Self {
        Self::of(TrustDomain::new().unwrap())
    }

    fn of(domain: TrustDomain) -> Self {
        let (runtime, folder) = (Runtime::new().unwrap(), TempDir::new().unwrap());
        let socket = folder.path().join("agent.sock");
        let start = Agent::start(&socket, Arc::new(domain), Workload::with(&[SHOP]), Arc::new(SystemClock));
        let agent = runtime.block_on(start).unwrap();
        let emulator = Emulator::of(&directory(agent.issuer()).to_string());
        Self { agent, socket, emulator, _folder: folder, _runtime: runtime }
    }

    fn endpoint(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// What a new sidecar answers who asks for the application's own token, and what it logged.
    fn ask(&self, more: Settings<'_>) -> (Reply, String) {
        let base = [
            ("AzureAd__ClientCredentials__0__SourceType", "SpiffeWorkloadApi"),
            ("AzureAd__ClientCredentials__0__AssertionTimeout", "00:00:01"),
            ("DownstreamApis__orders__Scopes__0", "api://orders/.default"),
            ("DownstreamApis__orders__RequestAppToken", "true"),
        ];
        let (serve, sidecar) = self.emulator.serve(ORDERS_WEB, &[&base, more].concat());
        let reply = get(sidecar, "/AuthorizationHeaderUnauthenticated/orders");
        (reply, serve.stop())
    }

    /// The token requests that the emulator saw, without what is different each time. The assertion is there as its hash alone.
    fn token_requests(&self) -> Vec<Value> {
        let mut entries = self.emulator.requests();
        entries.retain(|entry| entry["method"] == "POST");
        for entry in &mut entries {
            let assertion = entry["parameters"].as_object_mut().unwrap().remove("client_assertion").unwrap();
            assert!(assertion.as_str().is_some_and(|hash| !hash.contains('.')), "{assertion}");
            let wanted =
                |name: &String, _: &mut Value| ["path", "parameters", "status", "code"].contains(&name.as_str());
            entry.as_object_mut().unwrap().retain(wanted);
        }
        entries
    }
}

#[test]
fn a_jwt_svid_becomes_a_token_and_nothing_but_it_is_sent() {
    let stage = Stage::new();
    let endpoint = stage.endpoint();
    let by_variable = [("SPIFFE_ENDPOINT_SOCKET", endpoint.as_str())];
    let by_key = [
        ("AzureAd__ClientCredentials__0__SpiffeEndpointSocket", endpoint.as_str()),
        ("AzureAd__ClientCredentials__0__SpiffeId", SHOP),
    ];
    for settings in [&by_variable[..], &by_key] {
        let (reply, log) = stage.ask(settings);
        let expected = [
            ("aud", json!(ORDERS)),
            ("azp", json!(ORDERS_WEB)),
            ("azpacr", json!("2")),
            ("tid", json!(TENANT)),
            ("roles", json!(["Orders.Read.All"])),
        ];
        assert_claims(&claims(&reply), &expected);
        assert!(!log.contains("eyJ"), "a token is in the log:\n{log}");
    }
    let asked = |id: &str| Asked { audience: vec![AUDIENCE.to_owned()], spiffe_id: id.to_owned() };
    assert_eq!(stage.agent.asked(), [asked(""), asked(SHOP)]);
    assert_eq!(stage.token_requests(), [token_request(200, None), token_request(200, None)]);
}

#[test]
fn an_identity_that_the_application_does_not_trust_is_told_as_entra_told_it() {
    let stage = Stage::new();
    stage.agent.give(Workload::with(&["spiffe://example.org/billing"]));
    let (reply, log) = stage.ask(&[("SPIFFE_ENDPOINT_SOCKET", &stage.endpoint())]);
    assert!(reply.problem(401).contains("AADSTS700213: "), "{}\n{log}", reply.text());
    assert_eq!(reply.json()["errorCodes"], json!([700_213]));
    assert_eq!(stage.token_requests(), [token_request(401, Some(700_213))]);
}

#[test]
fn an_agent_that_signs_with_another_kind_of_key_is_told_as_entra_told_it() {
    let stage = Stage::of(TrustDomain::with_p256().unwrap());
    let (reply, log) = stage.ask(&[("SPIFFE_ENDPOINT_SOCKET", &stage.endpoint())]);
    let detail = reply.problem(401);
    assert!(detail.contains("AADSTS50027: ") && detail.contains("RS256"), "{detail}\n{log}");
    assert_eq!(stage.token_requests(), [token_request(400, Some(50_027))]);
}

#[test]
fn an_agent_that_gives_no_good_svid_is_named_in_the_log_and_entra_is_left_alone() {
    let stage = Stage::new();
    let fault = |fault| Workload { fault: Some(fault), ..Workload::with(&[SHOP]) };
    let cases = [
        (Workload { lifetime: Some(-600), ..Workload::with(&[SHOP]) }, 500, "has expired"),
        (Workload::default(), 500, "gives this workload no identity"),
        (fault(Fault::Empty), 500, "answered without a JWT-SVID"),
        (fault(Fault::Status(14, "starting".to_owned())), 503, "refused (unavailable)"),
        (fault(Fault::Hangs), 503, "gave nothing in time"),
    ];
    for (workload, status, words) in cases {
        stage.agent.give(workload);
        let (reply, log) = stage.ask(&[("SPIFFE_ENDPOINT_SOCKET", &stage.endpoint())]);
        let detail = reply.problem(status);
        // What may pass is told to the caller; what has to be set right, to the log alone.
        assert_eq!(detail.contains(words), status == 503, "{detail}");
        assert!(log.lines().any(|line| line.contains("`SpiffeWorkloadApi`") && line.contains(words)), "{words}: {log}");
    }
    assert_eq!(stage.token_requests(), [] as [Value; 0]);
}

#[test]
fn a_socket_that_is_not_there_is_named() {
    let stage = Stage::new();
    let missing = stage.socket.with_file_name("missing.sock");
    let (reply, log) = stage.ask(&[("SPIFFE_ENDPOINT_SOCKET", &format!("unix://{}", missing.display()))]);
    let named = format!("`SpiffeWorkloadApi`: the socket `{}` is not there", missing.display());
    assert!(reply.problem(503).contains(&named) && log.contains(&named), "{}\n{log}", reply.text());
    assert_eq!(stage.token_requests(), [] as [Value; 0]);
}

/// A token request by assertion, and what came of it.
fn token_request(status: u16, code: Option<u64>) -> Value {
    let mut entry = json!({
        "path": format!("/{TENANT}/oauth2/v2.0/token"),
        "parameters": {
            "grant_type": "client_credentials",
            "client_id": ORDERS_WEB,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_info": "2",
            "scope": "api://orders/.default",
        },
        "status": status,
    });
    if let Some(code) = code {
        entry["code"] = code.into();
    }
    entry
}

fn directory(issuer: &str) -> Value {
    let trust = json!({ "name": "agent", "issuer": issuer, "subject": SHOP, "audience": AUDIENCE });
    let web = json!({
        "clientId": ORDERS_WEB,
        "name": "web",
        "tenants": [TENANT],
        "federatedCredentials": [trust],
        "roleAssignments": [{ "resource": "orders", "roles": ["Orders.Read.All"] }],
    });
    let orders = json!({
        "clientId": ORDERS,
        "name": "orders",
        "tenants": [TENANT],
        "identifierUris": ["api://orders"],
        "tokenVersion": 2,
        "appRoles": ["Orders.Read.All"],
    });
    json!({ "tenants": [{ "id": TENANT, "displayName": "Contoso" }], "apps": [web, orders] })
}

const SHOP: &str = "spiffe://example.org/shop/orders";
const AUDIENCE: &str = "api://AzureADTokenExchange";
