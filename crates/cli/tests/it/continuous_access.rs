//! Claims challenges end to end: a revoked user (`sidekey dev` and its sample API), and a second factor that Entra wants.

use std::net::SocketAddr;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use sidekey_emulator::Emulator as Directory;
use tempfile::TempDir;

use crate::{
    client::{Reply, get, request},
    process::{Process, Settings},
    stage::{ALICE, Emulator, ORDERS_APIS, ORDERS_WEB, TENANT, claims, claims_of, secret_of},
};

/// `sidekey dev`: where its parts are.
struct Dev {
    process: Process,
    sidecar: SocketAddr,
    emulator: SocketAddr,
    sample: SocketAddr,
    /// The sidecar's token of the user.
    alice: String,
}

impl Dev {
    fn start() -> Self {
        let ports = ["--sidecar-port", "--emulator-port", "--emulator-https-port", "--downstream-port"];
        let free = ports.iter().flat_map(|port| [*port, "0"]);
        let arguments: Vec<_> = ["dev", "--json"].into_iter().chain(free).collect();
        let process = Process::start(&arguments, &[], TempDir::new().unwrap());
        let document: Value = process.wait_for(|line| serde_json::from_str(line).ok());
        let address = |name: &str| {
            let port = document[name].as_str().unwrap().trim_end_matches('/').rsplit(':').next().unwrap();
            SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()))
        };
        let emulator = address("emulator");
        let alice = get(emulator, "/sidekey/token?user=alice").text().trim().to_owned();
        Self { sidecar: address("sidecar"), sample: address("downstream"), process, emulator, alice }
    }

    /// What the sample API answers to a sidecar's call in the user's name: status and body.
    #[track_caller]
    fn call(&self, sidecar: SocketAddr) -> (u64, Value) {
        let reply = request(sidecar, "POST", "/DownstreamApi/orders", &[("Authorization", &bearer(&self.alice))], b"");
        assert_eq!(reply.status, 200, "{}", reply.text());
        let result = reply.json();
        let content = serde_json::from_str(result["content"].as_str().unwrap()).unwrap();
        (result["statusCode"].as_u64().unwrap(), content)
    }

    /// The token that the sidecar has for the user.
    fn token(&self) -> String {
        let reply = as_user(self.sidecar, &self.alice, "orders");
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["authorizationHeader"].as_str().unwrap().trim_start_matches("Bearer ").to_owned()
    }

    /// The claims that were demanded of each token for a user so far.
    fn exchanges(&self) -> Vec<Value> {
        let requests = get(self.emulator, "/sidekey/requests").json();
        let of_user = |request: &&Value| request["parameters"]["requested_token_use"] == "on_behalf_of";
        let claims = requests.as_array().unwrap().iter().filter(of_user).map(|request| {
            let claims = request["parameters"]["claims"].as_str().unwrap_or("null");
            serde_json::from_str(claims).unwrap_or_else(|error| panic!("{error}: {claims}"))
        });
        claims.collect()
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn as_user(sidecar: SocketAddr, user: &str, target: &str) -> Reply {
    let target = format!("/AuthorizationHeader/{target}");
    request(sidecar, "GET", &target, &[("Authorization", &bearer(user))], b"")
}

/// The claims in the challenge of a reply.
#[track_caller]
fn demanded(reply: &Reply) -> Value {
    assert_eq!(reply.status, 401, "{}", reply.text());
    let challenge = reply.header("www-authenticate");
    let claims = challenge.strip_prefix("Bearer error=\"insufficient_claims\", claims=\"");
    let claims = claims.unwrap_or_else(|| panic!("{challenge}")).trim_end_matches('"');
    serde_json::from_slice(&BASE64_STANDARD.decode(claims).unwrap()).unwrap()
}

#[test]
fn a_revoked_users_token_is_replaced_on_the_apis_challenge() {
    let dev = Dev::start();
    let capable = json!({ "values": ["cp1"] });
    assert_eq!(dev.call(dev.sidecar).0, 200);
    assert_eq!(dev.call(dev.sidecar).0, 200);
    let first = dev.token();
    assert_eq!(claims_of(&first)["xms_cc"], json!(["cp1"]));
    assert_eq!(dev.exchanges(), [json!({ "access_token": { "xms_cc": capable } })], "one for all three");
    let revoke = json!({ "user": "alice@contoso.onmicrosoft.com" }).to_string();
    assert_eq!(request(dev.emulator, "POST", "/sidekey/revoke", &[], revoke.as_bytes()).status, 200);
    let visit = |token: &str| request(dev.sample, "GET", "/orders", &[("Authorization", &bearer(token))], b"");
    let nbf = demanded(&visit(&first))["access_token"]["nbf"].clone();
    let revoked: u64 = nbf["value"].as_str().unwrap().parse().unwrap();
    assert_eq!(nbf, json!({ "essential": true, "value": revoked.to_string() }));
    let (status, body) = dev.call(dev.sidecar);
    assert_eq!((status, &body["caller"]["user"]), (200, &ALICE.into()), "{body}");
    let second = dev.token();
    assert!(second != first && claims_of(&second)["nbf"].as_u64() >= Some(revoked), "{}", claims_of(&second));
    assert_eq!(dev.call(dev.sidecar).0, 200);
    let answer = json!({ "access_token": { "nbf": nbf, "xms_cc": capable } });
    assert_eq!(dev.exchanges().split_off(1), [answer], "the new token took the old one's place");
    dev.process.stop();
}

#[test]
fn a_client_that_knows_no_challenges_hears_that_its_token_is_invalid() {
    let dev = Dev::start();
    let (authority, sample) = (format!("http://{}/", dev.emulator), format!("http://{}/", dev.sample));
    let own = [
        ("AzureAd__Instance", authority.as_str()),
        ("AzureAd__TenantId", TENANT),
        ("AzureAd__ClientId", ORDERS_WEB),
        ("DownstreamApis__orders__BaseUrl", &sample),
    ];
    let (serve, sidecar) = Process::serve(&[&own, &secret_of(ORDERS_WEB)[..], ORDERS_APIS].concat());
    assert_eq!(dev.call(sidecar).0, 200);
    let revoke = json!({ "user": "alice@contoso.onmicrosoft.com" }).to_string();
    assert_eq!(request(dev.emulator, "POST", "/sidekey/revoke", &[], revoke.as_bytes()).status, 200);
    let (status, body) = dev.call(sidecar);
    assert_eq!((status, &body["reason"]), (401, &"the user's access was revoked".into()), "{body}");
    assert_eq!(dev.exchanges(), [Value::Null], "nothing was asked anew");
    serve.stop();
    dev.process.stop();
}

#[test]
fn a_second_factor_is_demanded_of_the_caller_and_its_proof_is_carried_on() {
    let rule = "conditionalAccess:\n  - {resources: [orders-api], scopes: [Orders.Read]}\n";
    let emulator = Emulator::of(&format!("{}\n{rule}", Directory::DEFAULT_DIRECTORY));
    let capable: Settings<'_> = &[("AzureAd__ClientCapabilities__0", "cp1")];
    let (serve, sidecar) = emulator.serve(ORDERS_WEB, &[&secret_of(ORDERS_WEB), ORDERS_APIS, capable].concat());
    let refused = as_user(sidecar, &emulator.token("user=alice"), "orders");
    let context = json!({ "access_token": { "acrs": { "essential": true, "value": "c1" } } });
    assert_eq!(demanded(&refused), context);
    assert!(refused.problem(401).starts_with("AADSTS50076: "), "{}", refused.text());
    let problem = refused.json();
    assert_eq!((&problem["error"], &problem["errorCodes"]), (&"interaction_required".into(), &json!([50076])));
    let claims_text = problem["claims"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(claims_text).unwrap(), context);
    let query: String = url::form_urlencoded::byte_serialize(claims_text.as_bytes()).collect();
    let proved = emulator.token(&format!("user=alice&claims={query}"));
    let good = claims(&as_user(sidecar, &proved, "orders"));
    assert_eq!((&good["oid"], &good["acrs"]), (&ALICE.into(), &json!(["c1"])));
    let requests = emulator.requests();
    let exchanges = requests.iter().filter(|request| request["parameters"]["requested_token_use"] == "on_behalf_of");
    let outcomes: Vec<_> = exchanges.map(|request| (request["status"].as_u64(), request["code"].as_u64())).collect();
    assert_eq!(outcomes, [(Some(400), Some(50_076)), (Some(200), None)], "a refusal is not tried again");
    serve.stop();
}
