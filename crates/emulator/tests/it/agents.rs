//! Agent identities: exchange tokens, tokens of the agent, on behalf of a user, and for the agent's user account.

use serde_json::{Value, json};
use sidekey_emulator::Emulator;
use sidekey_jose::base64url;

use crate::support::{
    ALICE, ALICE_OID, API, CONTOSO, FABRIKAM, Fixture, PASSWORD, Reply, WEB, WEB_SECRET, password_form,
};

const BLUEPRINT: &str = "33334444-dddd-5555-eeee-6666ffff7777";
const SECRET: &str = "orders-agents-development-secret";
const COURIER: &str = "44445555-eeee-6666-ffff-777788889999";
const BUYER: &str = "55556666-ffff-7777-8888-99990000aaaa";
const DEV_AGENT: &str = "66667777-0000-8888-9999-aaaabbbbcccc";
const COURIER_USER: &str = "courier@contoso.onmicrosoft.com";
const COURIER_USER_OID: &str = "cccccccc-2222-3333-4444-dddddddddddd";
const EXCHANGE: &str = "api://AzureADTokenExchange/.default";
const FMI_EXCHANGE: &str = "api://AzureFMITokenExchange/.default";
const NODE: &str = "urn:microsoft:identity:fmi";
const EXCHANGE_ID: &str = "fb60f99c-7a34-4190-8149-302f77469936";
const JWT: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const OBO: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The blueprint asks for itself.
async fn blueprint(fixture: &Fixture, more: &[(&str, &str)]) -> Reply {
    let form = [("grant_type", "client_credentials"), ("client_id", BLUEPRINT), ("client_secret", SECRET)];
    fixture.token(CONTOSO, &[&form, more].concat()).await
}

/// The blueprint's exchange token for an agent.
async fn exchange_token(fixture: &Fixture, agent: &str) -> String {
    blueprint(fixture, &[("scope", EXCHANGE), ("fmi_path", agent)]).await.text("access_token")
}

/// An agent with an exchange token as its credential.
async fn agent(fixture: &Fixture, agent: &str, assertion: &str, more: &[(&str, &str)]) -> Reply {
    let form = [("client_id", agent), ("client_assertion_type", JWT), ("client_assertion", assertion)];
    fixture.token(CONTOSO, &[&form, more].concat()).await
}

async fn app_token(fixture: &Fixture, id: &str, assertion: &str, scope: &str) -> Reply {
    agent(fixture, id, assertion, &[("grant_type", "client_credentials"), ("scope", scope)]).await
}

/// The agent's own exchange token.
async fn agent_token(fixture: &Fixture, id: &str) -> String {
    let assertion = exchange_token(fixture, id).await;
    app_token(fixture, id, &assertion, EXCHANGE).await.text("access_token")
}

/// A facet claim as a list.
fn facets(claim: &Value) -> Vec<u32> {
    claim.as_str().unwrap_or_default().split(' ').filter_map(|facet| facet.parse().ok()).collect()
}

fn api_scope() -> String {
    format!("api://{API}/.default")
}

#[tokio::test]
async fn a_blueprint_gets_an_exchange_token_with_a_path() {
    let fixture = Fixture::start().await;
    let reply = blueprint(&fixture, &[("scope", EXCHANGE), ("fmi_path", &COURIER.to_uppercase())]).await;
    assert_eq!(reply.status, 200, "{}", reply.raw);
    let claims = fixture.claims(&reply.text("access_token")).await;
    assert_eq!(claims["aud"], EXCHANGE_ID);
    assert_eq!(claims["iss"], format!("https://localhost:5443/{CONTOSO}/v2.0"));
    assert_eq!((&claims["azp"], &claims["azpacr"], &claims["idtyp"]), (&json!(BLUEPRINT), &json!("1"), &json!("app")));
    // The tenant's and the blueprint's ids as .NET lays them out, in base64url; the agent's id in lower case.
    let subject = format!("/eid1/c/pub/t/u7uqqgAAzMwREd3dIiLu7g/a/REQzM93dVVXu7mZm__93dw/{COURIER}");
    assert_eq!(claims["sub"], subject);
    assert_ne!(claims["oid"], claims["sub"]);
    assert_eq!((facets(&claims["xms_act_fct"]), facets(&claims["xms_sub_fct"])), (vec![9, 1], vec![1, 9]));
    assert_eq!((&claims["xms_idrel"], &claims["xms_par_app_azp"]), (&json!("14 7"), &Value::Null));
}

#[tokio::test]
async fn a_blueprint_gets_no_tokens_for_resources_and_paths_only_for_exchange() {
    let fixture = Fixture::start().await;
    let refusal = async |more: &[(&str, &str)]| blueprint(&fixture, more).await.refusal();
    let own = api_scope();
    assert_eq!(refusal(&[("scope", &own)]).await, (400, "unauthorized_client".into(), 82_001));
    assert_eq!(refusal(&[("scope", &own), ("fmi_path", COURIER)]).await.2, 82_001);
    for path in ["/x", "x/", "a b", "a\"b", "ä"] {
        assert_eq!(refusal(&[("scope", EXCHANGE), ("fmi_path", path)]).await.2, 9_002_313, "{path}");
    }
    let web = [("grant_type", "client_credentials"), ("client_id", WEB), ("client_secret", WEB_SECRET)];
    let both = fixture.token(CONTOSO, &[&web[..], &[("scope", own.as_str())]].concat()).await;
    assert_eq!(both.status, 200, "an application that is also a blueprint has tokens of its own: {}", both.raw);
    let with_path =
        fixture.token(CONTOSO, &[&web[..], &[("scope", own.as_str()), ("fmi_path", COURIER)]].concat()).await;
    assert_eq!(with_path.refusal().2, 9_002_313);
    let password = [("grant_type", "password"), ("client_id", BLUEPRINT), ("client_secret", SECRET)];
    assert_eq!(fixture.token(CONTOSO, &password).await.refusal(), (400, "unsupported_grant_type".into(), 70_003));
}

#[tokio::test]
async fn the_generic_exchange_resource_takes_any_path() {
    let fixture = Fixture::start().await;
    let more = [("scope", "api://AzureFMITokenExchange/.default"), ("fmi_path", "SomeFmiPath/FmiCredentialPath")];
    let reply = blueprint(&fixture, &more).await;
    let claims = fixture.claims(&reply.text("access_token")).await;
    assert_eq!(claims["aud"], "a9dd8a2a-df54-4ae0-84f9-38c8d57e5265");
    assert!(claims["sub"].as_str().unwrap().ends_with("/SomeFmiPath/FmiCredentialPath"));
    let refused = app_token(&fixture, COURIER, &reply.text("access_token"), &api_scope()).await;
    assert_eq!(refused.refusal().2, 700_212, "it vouches for no agent");
}

#[tokio::test]
async fn a_part_of_an_application_vouches_for_its_own_parts() {
    let fixture = Fixture::start().await;
    let first = blueprint(&fixture, &[("scope", FMI_EXCHANGE), ("fmi_path", "SomeFmiPath/FmiCredentialPath")]).await;
    let first = first.text("access_token");
    let path = |path| [("grant_type", "client_credentials"), ("scope", FMI_EXCHANGE), ("fmi_path", path)];
    let reply = agent(&fixture, NODE, &first, &path("SomeFmiPath/Path")).await;
    assert_eq!(reply.status, 200, "{}", reply.raw);
    let claims = fixture.claims(&reply.text("access_token")).await;
    assert_eq!(claims["aud"], "a9dd8a2a-df54-4ae0-84f9-38c8d57e5265");
    let subject = "/eid1/c/pub/t/u7uqqgAAzMwREd3dIiLu7g/a/REQzM93dVVXu7mZm__93dw/SomeFmiPath/Path";
    assert_eq!((&claims["sub"], &claims["azpacr"]), (&json!(subject), &json!("2")));
    // And so on: what came of it is a credential too.
    let third = agent(&fixture, NODE, &reply.text("access_token"), &path("Leaf")).await;
    assert_eq!(third.status, 200, "{}", third.raw);
}

#[tokio::test]
async fn a_node_gets_nothing_but_credentials_and_only_for_its_own() {
    let fixture = Fixture::start().await;
    let own = blueprint(&fixture, &[("scope", FMI_EXCHANGE), ("fmi_path", "team")]).await.text("access_token");
    let without_path = blueprint(&fixture, &[("scope", FMI_EXCHANGE)]).await.text("access_token");
    let for_agent = exchange_token(&fixture, COURIER).await;
    let app = [("grant_type", "client_credentials"), ("fmi_path", "child")];
    let (scope, resource) = ([("scope", FMI_EXCHANGE)], api_scope());
    let cases = [
        ("a token without path is nobody's", &without_path, [&app[..], &scope].concat(), 700_213),
        ("a token for an agent", &for_agent, [&app[..], &scope].concat(), 700_212),
        ("a resource", &own, [&app[..], &[("scope", resource.as_str())]].concat(), 9_002_313),
        ("the agents' exchange", &own, [&app[..], &[("scope", EXCHANGE)]].concat(), 9_002_313),
        ("no path", &own, [&app[..1], &scope].concat(), 900_144),
        ("another grant", &own, [&[("grant_type", OBO)], &scope[..]].concat(), 70_003),
    ];
    for (what, credential, form, code) in cases {
        assert_eq!(agent(&fixture, NODE, credential, &form).await.refusal().2, code, "{what}");
    }
    let form = [("client_id", NODE), ("client_assertion_type", JWT), ("client_assertion", own.as_str())];
    let elsewhere = fixture.token(FABRIKAM, &[&form[..], &app, &scope].concat()).await;
    assert_eq!(elsewhere.refusal().2, 700_211, "a credential is good in its own tenant");
    let secret = [("client_id", NODE), ("client_secret", SECRET)];
    assert_eq!(fixture.token(CONTOSO, &[&secret[..], &app, &scope].concat()).await.refusal().2, 7_000_216);
}

#[tokio::test]
async fn an_agent_gets_a_token_of_its_own() {
    let fixture = Fixture::start().await;
    let assertion = exchange_token(&fixture, COURIER).await;
    let reply = app_token(&fixture, COURIER, &assertion, &api_scope()).await;
    assert_eq!(reply.status, 200, "{}", reply.raw);
    let claims = fixture.claims(&reply.text("access_token")).await;
    assert_eq!((&claims["azp"], &claims["azpacr"], &claims["aud"]), (&json!(COURIER), &json!("2"), &json!(API)));
    assert_eq!((&claims["oid"], &claims["sub"]), (&json!(COURIER), &json!(COURIER)));
    assert_eq!(claims["roles"], json!(["Orders.Read.All"]));
    assert_eq!(claims["xms_act_fct"], Value::Null, "custom APIs do not see that it is an agent");
    let graph = app_token(&fixture, COURIER, &assertion, "https://graph.microsoft.com/.default").await;
    let claims = fixture.claims(&graph.text("access_token")).await;
    assert_eq!(
        (&claims["appid"], &claims["appidacr"], &claims["idtyp"]),
        (&json!(COURIER), &json!("2"), &json!("app"))
    );
    assert!(facets(&claims["xms_act_fct"]).contains(&11) && facets(&claims["xms_sub_fct"]).contains(&11));
    assert!(facets(&claims["xms_idrel"]).contains(&7));
    assert_eq!(claims["xms_par_app_azp"], BLUEPRINT);
    let buyer = app_token(&fixture, BUYER, &exchange_token(&fixture, BUYER).await, &api_scope()).await;
    assert_eq!(fixture.claims(&buyer.text("access_token")).await["roles"], Value::Null);
}

#[tokio::test]
async fn a_custom_api_can_ask_for_the_claims_of_agents() {
    let directory =
        Emulator::DEFAULT_DIRECTORY.replacen("name: orders-api\n", "name: orders-api\n    agentClaims: true\n", 1);
    let fixture = Fixture::with(&directory).await;
    let reply = app_token(&fixture, COURIER, &exchange_token(&fixture, COURIER).await, &api_scope()).await;
    let claims = fixture.claims(&reply.text("access_token")).await;
    assert!(facets(&claims["xms_act_fct"]).contains(&11));
    assert_eq!((&claims["xms_par_app_azp"], &claims["idtyp"]), (&json!(BLUEPRINT), &json!("app")));
}

#[tokio::test]
async fn only_the_parents_unexpired_token_for_this_very_agent_counts() {
    let fixture = Fixture::start().await;
    let own = exchange_token(&fixture, COURIER).await;
    let refusal = async |id: &str, token: &str| app_token(&fixture, id, token, &api_scope()).await.refusal();
    let invalid = |code: u64| (401, "invalid_client".to_owned(), code);
    assert_eq!(refusal(BUYER, &own).await, invalid(700_213), "another agent's");
    assert_eq!(
        refusal(DEV_AGENT, &exchange_token(&fixture, DEV_AGENT).await).await,
        invalid(700_213),
        "not the parent"
    );
    let without_path = blueprint(&fixture, &[("scope", EXCHANGE)]).await.text("access_token");
    assert_eq!(refusal(COURIER, &without_path).await, invalid(700_213), "no path");
    let itself = agent_token(&fixture, COURIER).await;
    assert_eq!(refusal(COURIER, &itself).await, invalid(700_213), "its own");
    let user = fixture.user_token().await;
    assert_eq!(refusal(COURIER, &user).await, invalid(700_212), "for another resource");
    let (signed, signature) = own.rsplit_once('.').unwrap();
    let mut signature = base64url::decode(signature).unwrap();
    signature[9] ^= 1;
    let forged = format!("{signed}.{}", base64url::encode(&signature));
    assert_eq!(refusal(COURIER, &forged).await, invalid(700_027), "forged");
    assert_eq!(refusal(COURIER, "no.jwt.here").await.2, 50_027);
    fixture.advance(2 * 3600);
    assert_eq!(refusal(COURIER, &own).await, invalid(700_024), "expired");
    let form = [("grant_type", "client_credentials"), ("client_id", COURIER), ("scope", &api_scope())];
    assert_eq!(fixture.token(CONTOSO, &form).await.refusal().2, 7_000_216, "no credential");
    let secret = [&form[..], &[("client_secret", SECRET)]].concat();
    assert_eq!(fixture.token(CONTOSO, &secret).await.refusal().2, 7_000_215, "agents have no secrets");
    assert_eq!(fixture.token(FABRIKAM, &secret).await.refusal().2, 700_016, "not in this tenant");
}

#[tokio::test]
async fn an_exchange_token_of_another_tenant_has_the_wrong_issuer() {
    let directory = Emulator::DEFAULT_DIRECTORY
        .replacen(
            "kind: blueprint\n    tenants: [contoso.onmicrosoft.com]",
            "kind: blueprint\n    multiTenant: true",
            1,
        )
        .replace("blueprint: orders-agents\n", "blueprint: orders-agents\n    tenant: contoso.onmicrosoft.com\n");
    let fixture = Fixture::with(&directory).await;
    let form = [("grant_type", "client_credentials"), ("client_id", BLUEPRINT), ("client_secret", SECRET)];
    let form = [&form[..], &[("scope", EXCHANGE), ("fmi_path", COURIER)]].concat();
    let foreign = fixture.token(FABRIKAM, &form).await.text("access_token");
    assert_eq!(app_token(&fixture, COURIER, &foreign, &api_scope()).await.refusal().2, 700_211);
    let home = fixture.token(CONTOSO, &form).await.text("access_token");
    assert_eq!(app_token(&fixture, COURIER, &home, &api_scope()).await.status, 200);
}

#[tokio::test]
async fn an_agent_acts_on_behalf_of_a_user_of_its_blueprint() {
    let fixture = Fixture::start().await;
    let scope = format!("api://{BLUEPRINT}/access_agent");
    let user = fixture.token(CONTOSO, &password_form(ALICE, PASSWORD, &scope)).await.text("access_token");
    let assertion = exchange_token(&fixture, BUYER).await;
    let own = format!("{} openid profile offline_access", api_scope());
    let ask = async |user: &str| {
        let more = [("grant_type", OBO), ("assertion", user), ("requested_token_use", "on_behalf_of"), ("scope", &own)];
        agent(&fixture, BUYER, &assertion, &more).await
    };
    let reply = ask(&user).await;
    assert_eq!(reply.status, 200, "{}", reply.raw);
    let claims = fixture.claims(&reply.text("access_token")).await;
    assert_eq!(
        (&claims["azp"], &claims["oid"], &claims["scp"]),
        (&json!(BUYER), &json!(ALICE_OID), &json!("Orders.Read"))
    );
    let refresh_token = reply.text("refresh_token");
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.as_str()), ("scope", &own)];
    let refreshed = agent(&fixture, BUYER, &assertion, &refresh).await;
    assert_eq!(fixture.claims(&refreshed.text("access_token")).await["azp"], BUYER);
    let other = exchange_token(&fixture, COURIER).await;
    assert_eq!(agent(&fixture, COURIER, &other, &refresh).await.refusal().2, 70_000, "another agent's refresh token");
    let for_web = fixture.user_token().await;
    assert_eq!(ask(&for_web).await.refusal(), (400, "invalid_grant".into(), 500_131));
    let graph =
        [("grant_type", OBO), ("assertion", &user), ("requested_token_use", "on_behalf_of"), ("scope", "User.Read")];
    let reply = agent(&fixture, BUYER, &assertion, &graph).await;
    let claims = fixture.claims(&reply.text("access_token")).await;
    assert_eq!((&claims["idtyp"], &claims["xms_par_app_azp"]), (&json!("user"), &json!(BLUEPRINT)));
    assert!(!facets(&claims["xms_sub_fct"]).contains(&13));
}

#[tokio::test]
async fn an_agent_gets_tokens_for_its_user_account_in_every_spelling() {
    let fixture = Fixture::start().await;
    let (assertion, token) = (exchange_token(&fixture, COURIER).await, agent_token(&fixture, COURIER).await);
    let scope = format!("{} openid profile offline_access", api_scope());
    let fic = [("grant_type", "user_fic"), ("user_federated_identity_credential", &token), ("scope", &scope)];
    let legacy = [("grant_type", OBO), ("assertion", &token), ("scope", &scope)];
    let spellings = [
        [&fic[..], &[("username", COURIER_USER)]].concat(),
        [&fic[..], &[("user_id", COURIER_USER_OID)]].concat(),
        [&fic[..], &[("username", COURIER_USER), ("requested_token_use", "on_behalf_of")]].concat(),
        [&legacy[..], &[("username", COURIER_USER), ("requested_token_use", "on_behalf_of")]].concat(),
    ];
    for more in spellings {
        let reply = agent(&fixture, COURIER, &assertion, &[&more[..], &[("client_info", "1")]].concat()).await;
        assert_eq!(reply.status, 200, "{more:?}\n{}", reply.raw);
        let claims = fixture.claims(&reply.text("access_token")).await;
        assert_eq!((&claims["azp"], &claims["oid"]), (&json!(COURIER), &json!(COURIER_USER_OID)));
        assert_eq!((&claims["scp"], &claims["azpacr"]), (&json!("Orders.Read"), &json!("2")));
        assert_eq!(fixture.claims(&reply.text("id_token")).await["aud"], COURIER);
        assert!(reply.body["client_info"].is_string());
        let refresh_token = reply.text("refresh_token");
        let refresh =
            [("grant_type", "refresh_token"), ("refresh_token", refresh_token.as_str()), ("scope", "User.Read")];
        let refreshed = agent(&fixture, COURIER, &assertion, &refresh).await;
        let claims = fixture.claims(&refreshed.text("access_token")).await;
        assert!(facets(&claims["xms_sub_fct"]).contains(&13) && facets(&claims["xms_act_fct"]).contains(&11));
        assert!(facets(&claims["xms_idrel"]).contains(&1));
        assert_eq!((&claims["amr"], &claims["upn"]), (&Value::Null, &json!(COURIER_USER)));
    }
}

#[tokio::test]
async fn an_agents_exchange_token_names_it() {
    let fixture = Fixture::start().await;
    let claims = fixture.claims(&agent_token(&fixture, COURIER).await).await;
    assert_eq!(
        (&claims["aud"], &claims["sub"], &claims["oid"]),
        (&json!(EXCHANGE_ID), &json!(COURIER), &json!(COURIER))
    );
    assert_eq!((&claims["azpacr"], &claims["xms_par_app_azp"]), (&json!("2"), &json!(BLUEPRINT)));
    assert_eq!((facets(&claims["xms_act_fct"]), facets(&claims["xms_sub_fct"])), (vec![1, 9, 11], vec![11, 1, 9]));
    assert_eq!((&claims["xms_idrel"], &claims["idtyp"]), (&json!("7 12"), &json!("app")));
}

#[tokio::test]
async fn nobody_else_gets_tokens_for_an_agents_user() {
    let fixture = Fixture::start().await;
    let (assertion, token) = (exchange_token(&fixture, COURIER).await, agent_token(&fixture, COURIER).await);
    let scope = api_scope();
    let ask = async |id: &str, assertion: &str, token: &str, user: &[(&str, &str)]| {
        let form = [("grant_type", "user_fic"), ("user_federated_identity_credential", token), ("scope", &scope)];
        agent(&fixture, id, assertion, &[&form[..], user].concat()).await.refusal()
    };
    let by_name = [("username", COURIER_USER)];
    let invalid = |code: u64| (400, "invalid_grant".to_owned(), code);
    let buyer = (exchange_token(&fixture, BUYER).await, agent_token(&fixture, BUYER).await);
    assert_eq!(ask(COURIER, &assertion, &buyer.1, &by_name).await, invalid(700_213), "another agent's token");
    assert_eq!(ask(BUYER, &buyer.0, &buyer.1, &by_name).await, invalid(700_213), "another agent's user");
    assert_eq!(ask(COURIER, &assertion, &token, &[("username", ALICE)]).await, invalid(700_213), "a person");
    assert_eq!(ask(COURIER, &assertion, &assertion, &by_name).await, invalid(700_213), "the blueprint's token");
    assert_eq!(ask(COURIER, &assertion, &token, &[("username", "x@contoso.onmicrosoft.com")]).await, invalid(50_034));
    assert_eq!(ask(COURIER, &assertion, &token, &[("user_id", CONTOSO)]).await, invalid(50_034));
    assert_eq!(ask(COURIER, &assertion, &token, &[("user_id", "courier")]).await.2, 9_002_313);
    assert_eq!(ask(COURIER, &assertion, &token, &[]).await.2, 900_144);
    let both = [("username", COURIER_USER), ("user_id", COURIER_USER_OID)];
    assert_eq!(ask(COURIER, &assertion, &token, &both).await, (400, "invalid_request".into(), 9_002_313));
    let own = [("grant_type", "user_fic"), ("client_id", WEB), ("client_secret", WEB_SECRET)];
    assert_eq!(fixture.token(CONTOSO, &own).await.refusal().2, 70_003, "not an agent");
    let password = fixture.token(CONTOSO, &password_form(COURIER_USER, "", &scope)).await;
    assert_eq!(password.refusal().2, 900_144);
    let guess = fixture.token(CONTOSO, &password_form(COURIER_USER, "guess", &scope)).await;
    assert_eq!(guess.refusal().2, 50_126, "nobody signs in as an agent's user");
    fixture.advance(2 * 3600);
    let fresh = exchange_token(&fixture, COURIER).await;
    assert_eq!(ask(COURIER, &fresh, &token, &by_name).await, invalid(700_024), "expired");
}
