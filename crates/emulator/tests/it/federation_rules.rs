//! Federated credentials beyond the plain case: managed identities' tokens, identities with credentials of their own, expressions,
//! propagation.

use serde_json::{Value, json};
use sidekey_emulator::Emulator;
use sidekey_jose::Algorithm::RS256;

use crate::{
    federation::OtherIssuer,
    keys::Identity,
    support::{API, CONTOSO, FABRIKAM, Fixture, NOW, ORIGIN, Reply, WEB, WEB_SECRET, secret_form},
};

const IDENTITY: &str = "99990000-3333-bbbb-cccc-ddddeeeeffff";
const PRINCIPAL: &str = "eeeeeeee-4444-5555-6666-ffffffffffff";
const REPORTS: &str = "0000aaaa-4444-cccc-dddd-eeeeffff0000";
const EXCHANGE: &str = "api://AzureADTokenExchange";
const JWT: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The default directory, whose orders-web has these federated credentials.
fn with_credentials(credentials: &str) -> String {
    let credentials = format!("kind: applicationAndBlueprint\n    federatedCredentials: [{credentials}]\n");
    Emulator::DEFAULT_DIRECTORY.replacen("kind: applicationAndBlueprint\n", &credentials, 1)
}

fn credential(issuer: &str, subject: &str, audience: &str) -> String {
    format!("{{name: fic, issuer: '{issuer}', subject: '{subject}', audience: '{audience}'}}")
}

fn own_issuer(tenant: &str) -> String {
    format!("{ORIGIN}/{tenant}/v2.0")
}

/// A managed identity's token from IMDS.
async fn identity_token(fixture: &Fixture, client_id: &str, resource: &str) -> String {
    let url = format!("{}/metadata/identity/oauth2/token?api-version=2018-02-01", fixture.url);
    let query = [("resource", resource), ("client_id", client_id)];
    let reply = fixture.http.get(url).query(&query).header("Metadata", "true").send().await.unwrap();
    Reply::read(reply).await.text("access_token")
}

async fn present(fixture: &Fixture, client: &str, assertion: &str) -> Reply {
    let scope = format!("api://{API}/.default");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client),
        ("client_assertion_type", JWT),
        ("client_assertion", assertion),
        ("scope", &scope),
    ];
    fixture.token(CONTOSO, &form).await
}

#[tokio::test]
async fn a_user_assigned_identitys_token_is_an_applications_credential() {
    let fixture = Fixture::with(&with_credentials(&credential(&own_issuer(CONTOSO), PRINCIPAL, EXCHANGE))).await;
    let token = identity_token(&fixture, IDENTITY, EXCHANGE).await;
    let reply = present(&fixture, WEB, &token).await;
    assert_eq!(reply.status, 200, "{}", reply.raw);
    let claims = fixture.claims(&reply.text("access_token")).await;
    assert_eq!((&claims["azp"], &claims["azpacr"]), (&json!(WEB), &json!("2")));
    assert_eq!(claims["xms_mirid"], Value::Null);
    let refusal = async |token: &str| present(&fixture, WEB, token).await.refusal();
    let invalid = |code: u64| (400, "invalid_request".to_owned(), code);
    let other = identity_token(&fixture, REPORTS, EXCHANGE).await;
    assert_eq!(refusal(&other).await, (401, "invalid_client".into(), 700_213), "another identity");
    let api = identity_token(&fixture, IDENTITY, &format!("api://{API}")).await;
    assert_eq!(refusal(&api).await, invalid(700_227), "for another resource");
    let system = identity_token(&fixture, "77778888-1111-9999-aaaa-bbbbccccdddd", EXCHANGE).await;
    assert_eq!(refusal(&system).await, invalid(700_226), "a machine's own identity");
    let app = fixture.token(CONTOSO, &secret_form(WEB_SECRET, &format!("{EXCHANGE}/.default"))).await;
    assert_eq!(refusal(&app.text("access_token")).await, invalid(700_226), "an application");
    let user = fixture.user_token().await;
    assert_eq!(refusal(&user).await, (401, "invalid_client".into(), 700_229), "a user");
    let vault = identity_token(&fixture, IDENTITY, "https://vault.azure.net").await;
    assert_eq!(refusal(&vault).await, (401, "invalid_client".into(), 700_211), "the old issuer");
    let stranger = Identity::new("stranger");
    let mut claims = fixture.claims(&token).await;
    let forged = stranger.sign(RS256, json!({ "kid": "x" }), &claims);
    assert_eq!(refusal(&forged).await, (401, "invalid_client".into(), 700_027), "forged");
    claims["xms_mirid"] = Value::Null;
    assert_eq!(refusal(&stranger.sign(RS256, json!({}), &claims)).await, invalid(700_226));
    fixture.advance(25 * 3600);
    assert_eq!(refusal(&token).await, (401, "invalid_client".into(), 700_024), "expired");
}

#[tokio::test]
async fn entras_tokens_are_refused_where_entra_refuses_them() {
    let credentials = |issuer: &str, audience: &str| with_credentials(&credential(issuer, PRINCIPAL, audience));
    let wrong_audience = Fixture::with(&credentials(&own_issuer(CONTOSO), "api://other")).await;
    let token = identity_token(&wrong_audience, IDENTITY, EXCHANGE).await;
    assert_eq!(present(&wrong_audience, WEB, &token).await.refusal(), (401, "invalid_client".into(), 7_002_121));
    let fic = credential(&own_issuer(CONTOSO), PRINCIPAL, EXCHANGE);
    let credentialed = format!("name: reports-identity\n    federatedCredentials: [{fic}]\n");
    let identity = Emulator::DEFAULT_DIRECTORY.replacen("name: reports-identity\n", &credentialed, 1);
    let on_identity = Fixture::with(&identity).await;
    let token = identity_token(&on_identity, IDENTITY, EXCHANGE).await;
    assert_eq!(present(&on_identity, REPORTS, &token).await.refusal(), (400, "invalid_request".into(), 700_236));
    let elsewhere = credentials(&own_issuer(FABRIKAM), EXCHANGE).replacen(
        "name: reports-identity\n",
        "name: reports-identity\n    tenant: fabrikam.onmicrosoft.com\n",
        1,
    );
    let elsewhere = Fixture::with(&elsewhere).await;
    let token = identity_token(&elsewhere, REPORTS, EXCHANGE).await;
    assert_eq!(present(&elsewhere, WEB, &token).await.refusal(), (400, "invalid_request".into(), 700_236));
    let old = Fixture::with(&credentials(&format!("https://sts.windows.net/{CONTOSO}/"), EXCHANGE)).await;
    let token = identity_token(&old, IDENTITY, "https://vault.azure.net").await;
    assert_eq!(present(&old, WEB, &token).await.refusal(), (400, "invalid_request".into(), 700_222));
}

#[tokio::test]
async fn a_user_assigned_identity_has_federated_credentials_of_its_own() {
    let identity = Identity::new("issuer");
    let issuer = OtherIssuer::named(&identity, "127.0.0.1").await;
    let fic = credential(&issuer.url, "pod", EXCHANGE);
    let directory = Emulator::DEFAULT_DIRECTORY.replacen(
        "name: orders-identity\n",
        &format!("name: orders-identity\n    federatedCredentials: [{fic}]\n"),
        1,
    );
    let fixture = Fixture::with(&directory).await;
    let claims = json!({ "iss": issuer.url, "sub": "pod", "aud": EXCHANGE, "exp": NOW + 600 });
    let assertion = identity.sign(RS256, json!({ "kid": "key-1" }), &claims);
    let reply = present(&fixture, IDENTITY, &assertion).await;
    assert_eq!(reply.body["expires_in"], 86_400, "{}", reply.raw);
    let claims = fixture.claims(&reply.text("access_token")).await;
    assert_eq!((&claims["azp"], &claims["oid"]), (&json!(IDENTITY), &json!(PRINCIPAL)));
    assert!(claims["xms_mirid"].as_str().unwrap().ends_with("/orders-identity"));
    assert_eq!(claims["roles"], json!(["Orders.Read.All"]));
    assert_eq!(present(&fixture, REPORTS, &assertion).await.refusal().2, 70_025);
    let password = [("grant_type", "password"), ("client_id", IDENTITY)];
    assert_eq!(fixture.token(CONTOSO, &password).await.refusal().2, 70_003);
}

#[tokio::test]
async fn an_expression_fits_many_subjects() {
    let identity = Identity::new("gitlab");
    let issuer = OtherIssuer::named(&identity, "gitlab.localhost").await;
    let port = issuer.url.rsplit(':').next().unwrap().parse().unwrap();
    let client = reqwest::Client::builder()
        .resolve("gitlab.localhost", ([127, 0, 0, 1], port).into())
        .no_proxy()
        .build()
        .unwrap();
    let expression = "\"claims['sub'] matches 'project_path:contoso/*:ref_type:branch:ref:main'\"";
    let url = &issuer.url;
    let flexible = format!(
        "{{name: fic, issuer: '{url}', audience: '{EXCHANGE}', claimsMatchingExpression: {{value: {expression}, languageVersion: 1}}}}"
    );
    let fixture = Fixture::asking_with(&with_credentials(&flexible), client).await;
    let sign = |subject: &str, audience: &str| {
        let claims = json!({ "iss": url, "sub": subject, "aud": audience, "exp": NOW + 600 });
        identity.sign(RS256, json!({ "kid": "key-1" }), &claims)
    };
    let good = sign("project_path:contoso/shop:ref_type:branch:ref:main", EXCHANGE);
    let reply = present(&fixture, WEB, &good).await;
    assert_eq!(reply.status, 200, "{}", reply.raw);
    let branch = sign("project_path:contoso/shop:ref_type:branch:ref:dev", EXCHANGE);
    assert_eq!(present(&fixture, WEB, &branch).await.refusal(), (401, "invalid_client".into(), 7_002_131));
    let audience = sign("project_path:contoso/shop:ref_type:branch:ref:main", "api://other");
    assert_eq!(present(&fixture, WEB, &audience).await.refusal().2, 7_002_121);
}

#[tokio::test]
async fn a_new_credential_is_not_known_at_once() {
    let identity = Identity::new("issuer");
    let issuer = OtherIssuer::named(&identity, "127.0.0.1").await;
    let fic = credential(&issuer.url, "pod", EXCHANGE).replace('}', ", propagation: 30s}");
    let fixture = Fixture::with(&with_credentials(&fic)).await;
    let claims = json!({ "iss": issuer.url, "sub": "pod", "aud": EXCHANGE, "exp": NOW + 600 });
    let assertion = identity.sign(RS256, json!({ "kid": "key-1" }), &claims);
    let early = present(&fixture, WEB, &assertion).await;
    assert_eq!(early.refusal(), (400, "invalid_request".into(), 70_021));
    assert!(early.text("error_description").contains("Assertion Subject: 'pod'"));
    fixture.advance(29);
    assert_eq!(present(&fixture, WEB, &assertion).await.status, 400);
    fixture.advance(1);
    assert_eq!(present(&fixture, WEB, &assertion).await.status, 200);
}
