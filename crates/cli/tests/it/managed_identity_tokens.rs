//! Tokens of the machine's managed identities for an API: what each host is asked, and whose token comes out.

use std::{fs, net::SocketAddr};

use serde_json::{Value, json};

use crate::{
    client::{Reply, get, request},
    process::Process,
    stage::{Emulator, ORDERS, ORDERS_APIS, ORDERS_WEB, TENANT, assert_claims, claims},
};

/// Client id and object id.
type Identity = (&'static str, &'static str);

/// The machine's own.
const OWN: Identity = ("77778888-1111-9999-aaaa-bbbbccccdddd", "dddddddd-3333-4444-5555-eeeeeeeeeeee");
const ASSIGNED: Identity = ("99990000-3333-bbbb-cccc-ddddeeeeffff", "eeeeeeee-4444-5555-6666-ffffffffffff");
const RESOURCE: &str = "/subscriptions/88889999-2222-aaaa-bbbb-ccccddddeeee/resourceGroups/orders/providers/Microsoft.ManagedIdentity/userAssignedIdentities/orders-identity";

/// A host and what it is asked: path, `api-version`, and the selectors of client id, object id and resource id.
const HOSTS: &[(&str, &str, &str, [Option<&str>; 3])] = &[
    (
        "imds",
        "/metadata/identity/oauth2/token",
        "2018-02-01",
        [Some("client_id"), Some("object_id"), Some("msi_res_id")],
    ),
    (
        "appservice",
        "/hosts/appservice/msi/token",
        "2019-08-01",
        [Some("client_id"), Some("object_id"), Some("mi_res_id")],
    ),
    // Its key files are where only root may write.
    (
        "arc",
        "/hosts/arc/metadata/identity/oauth2/token",
        "2020-06-01",
        [Some("client_id"), Some("object_id"), Some("msi_res_id")],
    ),
    ("azureml", "/hosts/azureml/msi/token", "2017-09-01", [Some("clientid"), None, None]),
    ("servicefabric", "/hosts/servicefabric/metadata/identity/oauth2/token", "2019-07-01-preview", [None, None, None]),
];

/// A sidecar on a host with an API for each way to name an identity.
fn serve(emulator: &Emulator, host: &str) -> (Process, SocketAddr) {
    let ways = [
        ("own", "Client", ""),
        ("by-0", "Client", ASSIGNED.0),
        ("by-1", "Object", ASSIGNED.1),
        ("by-2", "Resource", RESOURCE),
    ];
    let mut settings = emulator.variables_of(host);
    for (api, kind, id) in ways {
        let options = format!("DownstreamApis__{api}__AcquireTokenOptions__ManagedIdentity__UserAssigned{kind}Id");
        settings.push((format!("DownstreamApis__{api}__Scopes__0"), format!("api://{ORDERS}/.default")));
        settings.push((format!("DownstreamApis__{api}__RequestAppToken"), "true".to_owned()));
        settings.push((options, id.to_owned()));
    }
    let borrowed: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    emulator.serve(ORDERS_WEB, &[ORDERS_APIS, &borrowed].concat())
}

fn ask(sidecar: SocketAddr, api: &str) -> Reply {
    get(sidecar, &format!("/AuthorizationHeaderUnauthenticated/{api}"))
}

/// The token of an identity by way of an API, and the requests for it.
#[track_caller]
fn assert_token(emulator: &Emulator, sidecar: SocketAddr, api: &str, identity: Identity) -> Vec<Value> {
    let before = emulator.requests().len();
    for _ in 0..2 {
        let claims = claims(&ask(sidecar, api));
        let (client, object) = identity;
        let expected = [
            ("azp", client.into()),
            ("oid", object.into()),
            ("aud", ORDERS.into()),
            ("tid", TENANT.into()),
            ("idtyp", "app".into()),
            ("roles", json!(["Orders.Read.All"])),
        ];
        assert_claims(&claims, &expected);
        assert!(claims["xms_mirid"].is_string(), "{claims}");
    }
    emulator.requests().split_off(before)
}

#[test]
fn every_host_gives_its_own_identitys_token_and_those_that_are_named() {
    let emulator = Emulator::start();
    let has_arc = fs::create_dir_all("/var/opt/azcmagent/tokens").is_ok();
    for (host, path, version, selectors) in HOSTS.iter().filter(|(host, ..)| has_arc || *host != "arc") {
        let (serve, sidecar) = serve(&emulator, host);
        let base = json!({ "api-version": version, "resource": format!("api://{ORDERS}") });
        let ids = [ASSIGNED.0, ASSIGNED.1, RESOURCE];
        let named = selectors.iter().zip(ids).enumerate().filter_map(|(way, (selector, id))| {
            let mut parameters = base.clone();
            parameters[(*selector)?] = json!(id);
            Some((format!("by-{way}"), ASSIGNED, parameters))
        });
        for (api, identity, parameters) in [("own".to_owned(), OWN, base.clone())].into_iter().chain(named) {
            let asked = assert_token(&emulator, sidecar, &api, identity);
            // Azure Arc challenges first; the second token comes from the cache; the authority is not asked.
            let statuses: Vec<_> = asked.iter().map(|request| request["status"].as_u64().unwrap()).collect();
            assert_eq!(statuses, if *host == "arc" { vec![401, 200] } else { vec![200] }, "{host} {api}");
            let right = |request: &Value| request["path"] == *path && request["parameters"] == parameters;
            assert!(asked.iter().all(right), "{host} {api}: {asked:?}");
        }
        serve.stop();
    }
}

#[test]
fn a_host_that_cannot_name_identities_is_not_asked_for_one() {
    let emulator = Emulator::start();
    let cases = [("servicefabric", "by-0"), ("cloudshell", "by-0"), ("azureml", "by-1"), ("azureml", "by-2")];
    for (host, api) in cases {
        let (serve, sidecar) = serve(&emulator, host);
        let before = emulator.requests().len();
        let reply = ask(sidecar, api);
        assert!((400..=500).contains(&reply.status), "{host} {api}: {}", reply.text());
        assert_eq!(emulator.requests().len(), before, "{host} {api}");
        serve.stop();
    }
}

#[test]
fn a_host_that_is_being_updated_is_asked_again_and_one_that_refuses_is_not() {
    let emulator = Emulator::start();
    let fault = |status: u16, times: u8| {
        let fault = json!({ "path": "/hosts/", "status": status, "times": times }).to_string();
        assert_eq!(request(emulator.address, "POST", "/sidekey/faults", &[], fault.as_bytes()).status, 201);
    };
    let (serve, sidecar) = serve(&emulator, "appservice");
    fault(403, 1);
    ask(sidecar, "own").problem(401);
    fault(503, 1);
    let asked = assert_token(&emulator, sidecar, "own", OWN);
    let statuses: Vec<_> = asked.iter().map(|request| request["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [503, 200]);
    let log = serve.stop();
    assert!(log.contains("App Service") && log.contains("403"), "{log}");
}
