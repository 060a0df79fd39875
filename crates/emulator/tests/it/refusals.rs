//! The token endpoint's refusals, row by row, and the shape that all of them have.

use serde_json::Value;

use crate::support::{ALICE, API, CONTOSO, FABRIKAM, Fixture, NOW, PASSWORD, Reply, SHELL, WEB, WEB_SECRET};

/// A directory in which every row can be reached.
fn directory() -> String {
    format!(
        "tenants:
  - id: {CONTOSO}
    displayName: Contoso
    domains: [contoso.onmicrosoft.com]
    users:
      - {{upn: {ALICE}, oid: aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb, displayName: Alice, password: {PASSWORD}}}
      - {{upn: gone@contoso.onmicrosoft.com, oid: aaaaaaaa-0000-1111-2222-bbbbbbbbbbb2, displayName: Gone, password: p, disabled: true}}
      - {{upn: nopass@contoso.onmicrosoft.com, oid: aaaaaaaa-0000-1111-2222-bbbbbbbbbbb3, displayName: Key only}}
      - upn: bob@contoso.onmicrosoft.com
        oid: aaaaaaaa-0000-1111-2222-bbbbbbbbbbb4
        displayName: Bob
        password: p
        roleAssignments: [{{resource: closed, roles: [Closed.Use]}}]
  - {{id: {FABRIKAM}, displayName: Fabrikam, domains: [fabrikam.onmicrosoft.com]}}
apps:
  - clientId: {WEB}
    name: web
    tenants: [{CONTOSO}]
    secrets: [{{value: {WEB_SECRET}}}, {{value: old, expires: '2026-01-09T00:00:00Z'}}]
    consents: [{{resource: closed, scopes: [Use]}}]
  - {{clientId: {API}, name: api, tenants: [{CONTOSO}], identifierUris: ['api://api'], tokenVersion: 2, scopes: [Read, Write]}}
  - {{clientId: {SHELL}, name: shell, multiTenant: true, publicClient: true, consents: [{{resource: api, scopes: [Read]}}, {{resource: closed, scopes: [Use]}}]}}
  - {{clientId: {CLOSED}, name: closed, multiTenant: true, identifierUris: ['api://closed'], tokenVersion: 2, scopes: [Use], appRoles: [Closed.Use], assignmentRequired: true}}
  - {{clientId: {OFF}, name: off, tenants: [{CONTOSO}], disabled: true, secrets: [{{value: s}}]}}
  - {{clientId: {MULTI}, name: multi, tenants: [{CONTOSO}], multiTenant: true, secrets: [{{value: s}}]}}
"
    )
}

const CLOSED: &str = "66667777-aaaa-8888-bbbb-9999cccc0000";
const OFF: &str = "77778888-bbbb-9999-cccc-0000dddd1111";
const MULTI: &str = "88889999-cccc-0000-dddd-1111eeee2222";
const NOBODY: &str = "99990000-dddd-1111-eeee-2222ffff3333";

/// Tenant, body, and what it is answered with.
type Row<'a> = (&'a str, String, (u16, &'a str, u64));

async fn check(rows: Vec<Row<'_>>) {
    let fixture = Fixture::with(&directory()).await;
    for (tenant, body, (status, error, code)) in rows {
        let reply = post(&fixture, tenant, &body).await;
        assert_eq!(reply.refusal(), (status, error.to_owned(), code), "{tenant} {body}: {}", reply.raw);
        assert_refusal_shape(&reply, code);
    }
}

async fn post(fixture: &Fixture, tenant: &str, body: &str) -> Reply {
    let url = format!("{}/{tenant}/oauth2/v2.0/token", fixture.url);
    let request = fixture.http.post(url).header("content-type", "application/x-www-form-urlencoded");
    Reply::read(request.body(body.to_owned()).send().await.unwrap()).await
}

/// One line that a borrowed string can hold, and all the members that clients read.
fn assert_refusal_shape(reply: &Reply, code: u64) {
    let description = reply.text("error_description");
    assert!(description.starts_with(&format!("AADSTS{code}: ")), "{description}");
    let (trace, correlation, timestamp) =
        (reply.text("trace_id"), reply.text("correlation_id"), reply.text("timestamp"));
    let end = format!(" Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}");
    assert!(description.ends_with(&end), "{description}");
    assert!(!reply.raw.contains('\\'), "{}", reply.raw);
    assert_eq!(timestamp, "2026-01-09 02:02:12Z");
    assert_eq!(reply.text("error_uri"), format!("https://login.microsoftonline.com/error?code={code}"));
    assert_eq!(reply.header("x-ms-request-id"), Some(trace.as_str()));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
}

#[tokio::test]
async fn requests_that_cannot_be_read() {
    let client = format!("client_id={WEB}");
    check(vec![
        (CONTOSO, String::new(), (400, "invalid_request", 900_144)),
        (CONTOSO, client.clone(), (400, "invalid_request", 900_144)),
        (CONTOSO, "grant_type=client_credentials".into(), (400, "invalid_request", 900_144)),
        (CONTOSO, "grant_type=&client_id=".into(), (400, "invalid_request", 900_144)),
        (CONTOSO, format!("{client}&{client}"), (400, "invalid_request", 9_000_411)),
        (CONTOSO, format!("{client}&grant_type=magic"), (400, "unsupported_grant_type", 70_003)),
        (CONTOSO, format!("{client}&grant_type=magic%22%0A%5C"), (400, "unsupported_grant_type", 70_003)),
        ("no_tenant", format!("{client}&grant_type=magic"), (400, "invalid_request", 900_023)),
        (NOBODY, format!("{client}&grant_type=magic"), (400, "invalid_request", 90_002)),
        ("nobody.example", format!("{client}&grant_type=magic"), (400, "invalid_request", 90_002)),
        ("consumers", format!("{client}&grant_type=magic"), (400, "unsupported_grant_type", 70_003)),
    ])
    .await;
}

#[tokio::test]
async fn clients_that_are_not_there_or_do_not_prove_themselves() {
    let app =
        |id: &str, more: &str| format!("grant_type=client_credentials&scope=api://api/.default&client_id={id}{more}");
    let user = |id: &str, more: &str| {
        format!("grant_type=password&scope=api://api/Read&username={ALICE}&password=p&client_id={id}{more}")
    };
    check(vec![
        (CONTOSO, app(NOBODY, "&client_secret=s"), (400, "unauthorized_client", 700_016)),
        (CONTOSO, app("not an id", "&client_secret=s"), (400, "unauthorized_client", 700_016)),
        (FABRIKAM, app(WEB, "&client_secret=s"), (400, "unauthorized_client", 700_016)),
        (FABRIKAM, app(MULTI, "&client_secret=s"), (400, "unauthorized_client", 7_000_229)),
        (CONTOSO, app(OFF, "&client_secret=s"), (400, "unauthorized_client", 7_000_112)),
        ("common", app(WEB, &format!("&client_secret={WEB_SECRET}")), (400, "invalid_request", 50_194)),
        ("common", app(MULTI, "&client_secret=s"), (400, "invalid_request", 50_059)),
        ("consumers", app(MULTI, "&client_secret=s"), (400, "invalid_request", 9_001_023)),
        (CONTOSO, app(WEB, ""), (401, "invalid_client", 7_000_216)),
        (CONTOSO, user(WEB, ""), (401, "invalid_client", 7_000_218)),
        (CONTOSO, app(WEB, "&client_secret=wrong"), (401, "invalid_client", 7_000_215)),
        (CONTOSO, app(WEB, "&client_secret=old"), (401, "invalid_client", 7_000_222)),
        (CONTOSO, app(API, "&client_secret=any"), (401, "invalid_client", 7_000_215)),
        (CONTOSO, user(SHELL, "&client_secret=any"), (401, "invalid_client", 700_025)),
        (CONTOSO, app(WEB, &format!("&client_secret={WEB_SECRET}&client_assertion=x&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer")), (401, "invalid_client", 50_012)),
        (CONTOSO, app(WEB, "&client_assertion=x"), (400, "invalid_request", 900_144)),
        (CONTOSO, app(WEB, "&client_assertion=x&client_assertion_type=saml"), (400, "invalid_request", 9_002_313)),
    ])
    .await;
}

#[tokio::test]
async fn applications_that_ask_for_what_they_cannot_have() {
    let ask =
        |scope: &str| format!("grant_type=client_credentials&client_id={WEB}&client_secret={WEB_SECRET}&scope={scope}");
    check(vec![
        (CONTOSO, ask(""), (400, "invalid_request", 900_144)),
        (CONTOSO, ask("api://api/Read"), (400, "invalid_scope", 1_002_012)),
        (CONTOSO, ask("api://api"), (400, "invalid_scope", 1_002_012)),
        (CONTOSO, ask("%22quoted%22/.default"), (400, "invalid_scope", 70_011)),
        (CONTOSO, ask("api://api/.default+api://closed/.default"), (400, "invalid_scope", 700_022)),
        (CONTOSO, ask("api://nowhere/.default"), (400, "invalid_resource", 500_011)),
        (CONTOSO, ask("api://closed/.default"), (400, "invalid_grant", 501_051)),
        (CONTOSO, format!("{}&claims=%7B", ask("api://api/.default")), (400, "invalid_request", 9_000_410)),
    ])
    .await;
}

#[tokio::test]
async fn users_who_cannot_sign_in_or_have_not_consented() {
    let sign_in = |user: &str, password: &str, scope: &str| {
        format!("grant_type=password&client_id={SHELL}&username={user}&password={password}&scope={scope}")
    };
    let read = "api://api/Read";
    check(vec![
        (CONTOSO, sign_in(ALICE, "", read), (400, "invalid_request", 900_144)),
        (CONTOSO, sign_in(ALICE, "wrong", read), (400, "invalid_grant", 50_126)),
        (CONTOSO, sign_in("nopass@contoso.onmicrosoft.com", "p", read), (400, "invalid_grant", 50_126)),
        (CONTOSO, sign_in("eve@contoso.onmicrosoft.com", "p", read), (400, "invalid_grant", 50_034)),
        (FABRIKAM, sign_in(ALICE, PASSWORD, read), (400, "invalid_grant", 50_034)),
        (CONTOSO, sign_in("gone@contoso.onmicrosoft.com", "p", read), (400, "invalid_grant", 50_057)),
        ("common", sign_in(ALICE, PASSWORD, read), (400, "invalid_request", 9_001_023)),
        ("organizations", sign_in("eve@elsewhere.example", "p", read), (400, "invalid_request", 50_059)),
        (CONTOSO, sign_in(ALICE, PASSWORD, ""), (400, "invalid_request", 900_144)),
        (CONTOSO, sign_in(ALICE, PASSWORD, "api://api/Fly"), (400, "invalid_scope", 70_011)),
        (CONTOSO, sign_in(ALICE, PASSWORD, "api://api/Read+api://closed/Use"), (400, "invalid_scope", 700_022)),
        (CONTOSO, sign_in(ALICE, PASSWORD, "api://api/Write"), (400, "invalid_grant", 65_001)),
        (CONTOSO, sign_in(ALICE, PASSWORD, "openid"), (400, "invalid_resource", 500_011)),
        (CONTOSO, sign_in(ALICE, PASSWORD, "api://closed/Use"), (400, "invalid_grant", 50_105)),
    ])
    .await;
    let fixture = Fixture::with(&directory()).await;
    let good = post(&fixture, "organizations", &sign_in("bob@contoso.onmicrosoft.com", "p", "api://closed/Use")).await;
    assert_eq!(fixture.claims(&good.text("access_token")).await["roles"], serde_json::json!(["Closed.Use"]));
}

#[tokio::test]
async fn grants_that_lack_their_parts() {
    let web = |rest: &str| format!("client_id={WEB}&client_secret={WEB_SECRET}&{rest}");
    let obo = "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer";
    check(vec![
        (CONTOSO, web(obo), (400, "invalid_request", 900_144)),
        (CONTOSO, web(&format!("{obo}&assertion=x")), (400, "invalid_request", 900_144)),
        (CONTOSO, web(&format!("{obo}&assertion=x&requested_token_use=other")), (400, "invalid_request", 9_002_313)),
        (
            CONTOSO,
            web(&format!("{obo}&assertion=x&requested_token_use=on_behalf_of")),
            (400, "invalid_request", 50_027),
        ),
        (CONTOSO, web("grant_type=refresh_token"), (400, "invalid_request", 900_144)),
        (CONTOSO, web("grant_type=refresh_token&refresh_token=x"), (400, "invalid_grant", 70_000)),
        (CONTOSO, web("grant_type=authorization_code&redirect_uri=x"), (400, "invalid_request", 900_144)),
        (CONTOSO, web("grant_type=authorization_code&code=x"), (400, "invalid_request", 900_144)),
        (CONTOSO, web("grant_type=authorization_code&code=x&redirect_uri=x"), (400, "invalid_grant", 70_000)),
    ])
    .await;
}

#[tokio::test]
async fn only_posted_forms_are_token_requests() {
    let fixture = Fixture::with(&directory()).await;
    let path = format!("/{CONTOSO}/oauth2/v2.0/token");
    let get = fixture.get(&path).await;
    assert_eq!(get.refusal(), (405, "invalid_request".into(), 900_561));
    assert_eq!(get.header("allow"), Some("POST"));
    let json = fixture.post_json(&path, serde_json::json!({ "grant_type": "password" })).await;
    assert_eq!(json.refusal(), (400, "invalid_request".into(), 900_144));
    let huge = post(&fixture, CONTOSO, &"a".repeat((1 << 20) + 1)).await;
    assert_eq!(huge.refusal(), (413, "invalid_request".into(), 9_002_313));
}

#[tokio::test]
async fn the_correlation_id_is_the_clients_own() {
    let fixture = Fixture::with(&directory()).await;
    let id = "5ad39f6f-e0d5-4a6e-9f0e-6b8d4c1f2a3b";
    let url = format!("{}/{CONTOSO}/oauth2/v2.0/token", fixture.url);
    let by_header = fixture.http.post(&url).header("client-request-id", id).header("return-client-request-id", "true");
    let by_header = Reply::read(by_header.send().await.unwrap()).await;
    assert_eq!((by_header.text("correlation_id"), by_header.header("client-request-id")), (id.into(), Some(id)));
    let by_query = Reply::read(fixture.http.post(format!("{url}?client-request-id={id}")).send().await.unwrap()).await;
    assert_eq!((by_query.text("correlation_id"), by_query.header("client-request-id")), (id.into(), None));
    let not_an_id = fixture.http.post(&url).header("client-request-id", "a b");
    let not_an_id = Reply::read(not_an_id.send().await.unwrap()).await;
    assert_eq!(not_an_id.text("correlation_id").len(), 36);
}

#[tokio::test]
async fn the_v1_endpoint_takes_a_resource_and_answers_with_texts() {
    let fixture = Fixture::with(&directory()).await;
    let url = format!("{}/{CONTOSO}/oauth2/token", fixture.url);
    let form = |resource: &'static str| {
        [
            ("grant_type", "client_credentials"),
            ("client_id", WEB),
            ("client_secret", WEB_SECRET),
            ("resource", resource),
        ]
    };
    let reply = Reply::read(fixture.http.post(&url).form(&form("api://api")).send().await.unwrap()).await;
    let lifetime: u64 = reply.text("expires_in").parse().unwrap();
    assert_eq!(reply.text("expires_on"), (NOW + lifetime).to_string());
    assert_eq!(reply.text("resource"), "api://api");
    assert_eq!(fixture.claims(&reply.text("access_token")).await["ver"], "2.0");
    let without = Reply::read(fixture.http.post(&url).form(&form("")).send().await.unwrap()).await;
    assert_eq!(without.refusal(), (400, "invalid_request".into(), 900_144));
    assert_eq!(without.body["suberror"], Value::Null);
}
