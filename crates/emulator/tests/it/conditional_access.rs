//! Claims challenges: Conditional Access at the token endpoint, revocation and authentication contexts at a resource.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sidekey_emulator::Emulator;

use crate::support::{ALICE, API, CONTOSO, Fixture, NOW, PASSWORD, Reply, SHELL, WEB, WEB_SECRET, password_form};

const CONTEXT: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
const CP1: &str = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;

fn with_rules(rules: &str) -> String {
    format!("{}\nconditionalAccess:\n{rules}", Emulator::DEFAULT_DIRECTORY)
}

async fn user_token(fixture: &Fixture, claims: Option<&str>) -> Reply {
    let scope = format!("api://{WEB}/access_as_user offline_access");
    let mut form = password_form(ALICE, PASSWORD, &scope).to_vec();
    form.extend(claims.map(|claims| ("claims", claims)));
    fixture.token(CONTOSO, &form).await
}

async fn on_behalf_of(fixture: &Fixture, assertion: &str, claims: Option<&str>) -> Reply {
    let scope = format!("api://{API}/.default");
    let mut form = vec![
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("client_id", WEB),
        ("client_secret", WEB_SECRET),
        ("requested_token_use", "on_behalf_of"),
        ("assertion", assertion),
        ("scope", &scope),
    ];
    form.extend(claims.map(|claims| ("claims", claims)));
    fixture.token(CONTOSO, &form).await
}

#[tokio::test]
async fn a_second_factor_is_demanded_with_claims_and_its_proof_is_carried_on() {
    let fixture = Fixture::with(&with_rules("  - {resources: [orders-api], scopes: [Orders.Read]}\n")).await;
    let plain = user_token(&fixture, None).await.text("access_token");
    let refused = on_behalf_of(&fixture, &plain, None).await;
    assert_eq!(refused.refusal(), (400, "interaction_required".into(), 50_076));
    assert_eq!(refused.text("claims"), CONTEXT);
    assert!(refused.text("error_description").contains("multi-factor authentication to access 'orders-api'"));
    let with_claims = on_behalf_of(&fixture, &plain, Some(CONTEXT)).await;
    assert_eq!(with_claims.status, 200, "{}", with_claims.raw);
    let proved = user_token(&fixture, Some(&refused.text("claims"))).await;
    assert_eq!(fixture.claims(&proved.text("access_token")).await["acrs"], json!(["c1"]));
    let reply = on_behalf_of(&fixture, &proved.text("access_token"), None).await;
    assert_eq!(fixture.claims(&reply.text("access_token")).await["acrs"], json!(["c1"]));
    let refresh = [("grant_type", "refresh_token"), ("client_id", SHELL)];
    let token = proved.text("refresh_token");
    let refreshed = fixture.token(CONTOSO, &[&refresh[..], &[("refresh_token", &token)]].concat()).await;
    assert_eq!(fixture.claims(&refreshed.text("access_token")).await["acrs"], json!(["c1"]));
    let query: String = url::form_urlencoded::byte_serialize(CONTEXT.as_bytes()).collect();
    let short = fixture.get(&format!("/sidekey/token?user=alice&claims={query}")).await.raw;
    assert_eq!(fixture.claims(&short).await["acrs"], json!(["c1"]));
}

#[tokio::test]
async fn rules_are_for_users_resources_and_scopes_and_a_block_is_a_block() {
    let rules = "  - {users: [alice@contoso.onmicrosoft.com], resources: [orders-web], code: 53003}\n  \
        - {users: [bob@contoso.onmicrosoft.com], code: 50079, context: c7}\n  \
        - {scopes: [Orders.Write], code: 50158}\n";
    let fixture = Fixture::with(&with_rules(rules)).await;
    assert_eq!(user_token(&fixture, Some(CONTEXT)).await.refusal().2, 53_003);
    let ask = async |user: &str, scope: &str| fixture.token(CONTOSO, &password_form(user, PASSWORD, scope)).await;
    let scope = format!("api://{WEB}/access_as_user");
    let bob = ask("bob@contoso.onmicrosoft.com", &scope).await;
    assert_eq!(bob.refusal().2, 50_079);
    assert_eq!(bob.text("claims"), CONTEXT.replace("c1", "c7"));
    assert_eq!(ask(ALICE, "openid").await.status, 200);
}

/// The claims of the resource's challenge.
fn challenge(reply: &Reply) -> Value {
    assert_eq!(reply.status, 401, "{}", reply.raw);
    let header = reply.header("www-authenticate").unwrap();
    assert!(header.starts_with("Bearer ") && header.contains("error=\"insufficient_claims\""), "{header}");
    let (_, claims) = header.split_once("claims=\"").unwrap();
    serde_json::from_slice(&STANDARD.decode(claims.trim_end_matches('"')).unwrap()).unwrap()
}

async fn visit(fixture: &Fixture, path: &str, token: &str) -> Reply {
    Reply::read(fixture.http.get(format!("{}{path}", fixture.url)).bearer_auth(token).send().await.unwrap()).await
}

fn evaluating() -> String {
    Emulator::DEFAULT_DIRECTORY.replacen("name: orders-web\n", "name: orders-web\n    optionalClaims: [xms_cc]\n", 1)
}

#[tokio::test]
async fn a_revoked_users_token_is_refused_until_a_newer_one_comes() {
    let fixture = Fixture::with(&evaluating()).await;
    let (capable, plain) = (user_token(&fixture, Some(CP1)).await, user_token(&fixture, None).await);
    let (capable, plain) = (capable.text("access_token"), plain.text("access_token"));
    assert_eq!(visit(&fixture, "/sidekey/resource", &capable).await.status, 200);
    fixture.advance(60);
    assert_eq!(fixture.post_json("/sidekey/revoke", json!({ "user": ALICE })).await.status, 200);
    let demand = challenge(&visit(&fixture, "/sidekey/resource", &capable).await);
    let expected = json!({ "access_token": { "nbf": { "essential": true, "value": (NOW + 60).to_string() } } });
    assert_eq!(demand, expected);
    let header = visit(&fixture, "/sidekey/resource", &plain).await;
    assert!(header.header("www-authenticate").unwrap().contains("error=\"invalid_token\""), "it would not understand");
    fixture.advance(1);
    let mut claims = demand;
    claims["access_token"]["xms_cc"] = json!({ "values": ["cp1"] });
    let fresh = user_token(&fixture, Some(&claims.to_string())).await.text("access_token");
    assert_eq!(fixture.claims(&fresh).await["nbf"], NOW + 60);
    assert_eq!(visit(&fixture, "/sidekey/resource", &fresh).await.status, 200);
}

#[tokio::test]
async fn a_resource_can_demand_an_authentication_context() {
    let fixture = Fixture::with(&evaluating()).await;
    let both = r#"{"access_token":{"xms_cc":{"values":["cp1"]},"acrs":{"essential":true,"value":"c1"}}}"#;
    let (capable, plain) = (user_token(&fixture, Some(CP1)).await, user_token(&fixture, None).await);
    let path = "/sidekey/resource?acrs=c1";
    let demand = challenge(&visit(&fixture, path, &capable.text("access_token")).await);
    assert_eq!(demand, serde_json::from_str::<Value>(CONTEXT).unwrap());
    assert_eq!(visit(&fixture, path, &plain.text("access_token")).await.status, 403);
    let proved = user_token(&fixture, Some(both)).await.text("access_token");
    let reply = visit(&fixture, path, &proved).await;
    assert_eq!((reply.status, &reply.body["acrs"]), (200, &json!(["c1"])));
    assert_eq!(visit(&fixture, path, "no.jwt.here").await.status, 401);
    assert_eq!(fixture.get(path).await.status, 401);
    fixture.advance(30 * 3600);
    assert_eq!(visit(&fixture, path, &proved).await.status, 401);
}
