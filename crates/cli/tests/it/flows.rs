//! Each flow to the last parameter: what the authority is asked for it, whose token comes out, and what is refused.

use serde_json::{Value, json};

use crate::{
    client::Reply,
    process::Settings,
    stage::{ALICE, BLUEPRINT, COURIER, ORDERS, ORDERS_APIS, ORDERS_WEB, Stage, assert_claims, claims, shown},
};

const ACCOUNT: &str = "cccccccc-2222-3333-4444-dddddddddddd";
const JWT: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const ON_BEHALF_OF: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const SESSION: &str = "optionsOverride.AcquireTokenOptions.LongRunningWebApiSessionKey=workflow-7";

fn stage(client: &str, more: Settings<'_>) -> Stage {
    Stage::new(client, &[ORDERS_APIS, more].concat())
}

/// Parameters of the token requests that a call makes. Tokens that only the sidecar and the authority know are shown as `…`.
fn asked_by(stage: &Stage, call: impl FnOnce() -> Reply) -> (Reply, Vec<Value>) {
    let before = stage.emulator.requests().len();
    let reply = call();
    let requests = stage.emulator.requests().split_off(before).into_iter();
    let tokens = requests.filter(|request| request["path"].as_str().unwrap().ends_with("/oauth2/v2.0/token"));
    let hidden = ["client_assertion", "user_federated_identity_credential", "refresh_token"];
    let asked = tokens.map(|mut request| {
        let parameters = request["parameters"].as_object_mut().unwrap();
        for (name, value) in parameters.iter_mut().filter(|(name, _)| hidden.contains(&name.as_str())) {
            assert!(value.as_str().unwrap().starts_with("sha256:"), "{name}: {value}");
            *value = json!("…");
        }
        request["parameters"].take()
    });
    (reply, asked.collect())
}

/// One object out of several.
fn all(parts: &[Value]) -> Value {
    json!(parts.iter().flat_map(|part| part.as_object().unwrap().clone()).collect::<serde_json::Map<_, _>>())
}

fn secret(client: &str, value: &str) -> Value {
    json!({ "client_id": client, "client_secret": shown(value) })
}

/// A request for a token of the orders API for a user.
fn for_user() -> Value {
    json!({ "client_info": "1", "scope": format!("api://{ORDERS}/Orders.Read offline_access openid profile") })
}

#[test]
fn an_application_asks_for_itself_and_for_its_users() {
    let stage = stage(ORDERS_WEB, &[]);
    let web = || secret(ORDERS_WEB, "orders-web-development-secret");
    let app =
        json!({ "client_info": "2", "grant_type": "client_credentials", "scope": format!("api://{ORDERS}/.default") });
    let (reply, asked) = asked_by(&stage, || stage.anonymous("all-orders"));
    assert_claims(&claims(&reply), &[("azp", ORDERS_WEB.into()), ("azpacr", "1".into()), ("scp", Value::Null)]);
    assert_eq!(asked, [all(&[web(), app])]);
    let alice = stage.emulator.token("user=alice");
    let exchange =
        json!({ "assertion": shown(&alice), "grant_type": ON_BEHALF_OF, "requested_token_use": "on_behalf_of" });
    let exchange = all(&[web(), for_user(), exchange]);
    let of_alice =
        [("azp", ORDERS_WEB.into()), ("oid", ALICE.into()), ("scp", "Orders.Read".into()), ("aud", ORDERS.into())];
    let (reply, asked) = asked_by(&stage, || stage.as_user(&alice, "orders"));
    assert_claims(&claims(&reply), &of_alice);
    assert_eq!(asked, std::slice::from_ref(&exchange));
    let (reply, asked) = asked_by(&stage, || stage.as_user(&alice, &format!("orders?{SESSION}")));
    assert_claims(&claims(&reply), &of_alice);
    assert_eq!(asked, [exchange], "a session is another entry of the cache");
    let anew = format!("orders?{SESSION}&optionsOverride.AcquireTokenOptions.ForceRefresh=true");
    let (reply, asked) = asked_by(&stage, || stage.anonymous(&anew));
    assert_claims(&claims(&reply), &of_alice);
    assert_eq!(asked, [all(&[web(), for_user(), json!({ "grant_type": "refresh_token", "refresh_token": "…" })])]);
    stage.serve.stop();
}

#[test]
fn what_the_application_may_not_have_is_refused_in_entras_words() {
    let apis: Settings<'_> = &[
        ("DownstreamApis__nobody__Scopes__0", "api://99999999-bbbb-3333-cccc-4444dddd5555/.default"),
        ("DownstreamApis__nobody__RequestAppToken", "true"),
        ("DownstreamApis__write__Scopes__0", "api://11112222-bbbb-3333-cccc-4444dddd5555/Orders.Write"),
        ("DownstreamApis__two__Scopes__0", "api://11112222-bbbb-3333-cccc-4444dddd5555/Orders.Read"),
        ("DownstreamApis__two__Scopes__1", "https://graph.microsoft.com/User.Read"),
    ];
    let stage = stage(ORDERS_WEB, apis);
    let alice = stage.emulator.token("user=alice");
    let agents = stage.emulator.token(&format!("user=alice&scope=api://{BLUEPRINT}/access_agent"));
    let cases: [(Reply, &str); 3] = [
        (stage.anonymous("nobody"), "AADSTS500011: "),
        (stage.as_user(&alice, "write"), "AADSTS65001: "),
        (stage.as_user(&alice, "two"), "AADSTS700022: "),
    ];
    for (reply, words) in cases {
        let detail = reply.problem(401);
        assert!(detail.starts_with(words), "{words}: {detail}");
        assert!(reply.json()["correlationId"].is_string(), "{}", reply.text());
    }
    // A token for another application never leaves the sidecar.
    let (reply, asked) = asked_by(&stage, || stage.as_user(&agents, "orders"));
    assert_eq!((reply.status, asked), (401, vec![]), "{}", reply.text());
    stage.serve.stop();
}

#[test]
fn an_agents_ways_have_their_legs() {
    let stage = stage(BLUEPRINT, &[]);
    let exchange = json!({ "client_info": "2", "grant_type": "client_credentials", "scope": "api://AzureADTokenExchange/.default" });
    let vouched = json!({ "client_assertion": "…", "client_assertion_type": JWT, "client_id": COURIER });
    let blueprint =
        all(&[secret(BLUEPRINT, "orders-agents-development-secret"), exchange.clone(), json!({ "fmi_path": COURIER })]);
    let own =
        json!({ "client_info": "2", "grant_type": "client_credentials", "scope": format!("api://{ORDERS}/.default") });
    let (reply, asked) = asked_by(&stage, || stage.anonymous(&format!("all-orders?AgentIdentity={COURIER}")));
    assert_claims(&claims(&reply), &[("azp", COURIER.into()), ("oid", COURIER.into())]);
    assert_eq!(asked, [blueprint, all(&[vouched.clone(), own])]);
    let alice = stage.emulator.token(&format!("user=alice&scope=api://{BLUEPRINT}/access_agent"));
    let grant =
        json!({ "assertion": shown(&alice), "grant_type": ON_BEHALF_OF, "requested_token_use": "on_behalf_of" });
    let (reply, asked) = asked_by(&stage, || stage.as_user(&alice, &format!("orders?AgentIdentity={COURIER}")));
    assert_claims(&claims(&reply), &[("azp", COURIER.into()), ("oid", ALICE.into())]);
    assert_eq!(asked, [all(&[vouched.clone(), for_user(), grant])]);
    let account = |name: &str, value: &str| {
        let grant = json!({ "grant_type": "user_fic", "user_federated_identity_credential": "…", name: value });
        all(&[vouched.clone(), for_user(), grant])
    };
    let by_name = format!("orders?AgentIdentity={COURIER}&AgentUsername=courier%40contoso.onmicrosoft.com");
    let (reply, asked) = asked_by(&stage, || stage.anonymous(&by_name));
    assert_claims(&claims(&reply), &[("azp", COURIER.into()), ("oid", ACCOUNT.into())]);
    assert_eq!(asked, [all(&[vouched.clone(), exchange]), account("username", "courier@contoso.onmicrosoft.com")]);
    let (reply, asked) =
        asked_by(&stage, || stage.anonymous(&format!("orders?AgentIdentity={COURIER}&AgentUserId={ACCOUNT}")));
    assert_claims(&claims(&reply), &[("azp", COURIER.into()), ("oid", ACCOUNT.into())]);
    assert_eq!(asked, [account("user_id", ACCOUNT)]);
    stage.serve.stop();
}
