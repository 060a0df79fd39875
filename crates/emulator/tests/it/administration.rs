//! `/sidekey/…`: faults, the request log, revocation; the state folder; https.

use std::sync::Arc;

use serde_json::{Value, json};
use sidekey_emulator::{Emulator, Options, Scheme};
use sidekey_host::{
    Shutdown, SystemClock,
    listen::{self, Address, Endpoint, Limits, Listener, Protocols},
    shutdown::DRAIN,
};

use crate::support::{API, CONTOSO, Fixture, ORIGIN, Reply, SHELL, WEB, WEB_SECRET, client, secret_form};

async fn app_token(fixture: &Fixture) -> Reply {
    let scope = format!("api://{API}/.default");
    fixture.token(CONTOSO, &secret_form(WEB_SECRET, &scope)).await
}

#[tokio::test]
async fn a_scripted_status_comes_as_often_as_it_was_asked_for() {
    let fixture = Fixture::start().await;
    let fault = json!({ "path": "/token", "grant": "client_credentials", "times": 2, "status": 429, "retryAfter": 7 });
    assert_eq!(fixture.post_json("/sidekey/faults", fault).await.status, 201);
    assert_eq!(fixture.get(&format!("/{CONTOSO}/discovery/keys")).await.status, 200);
    for _ in 0..2 {
        let reply = app_token(&fixture).await;
        assert_eq!(reply.refusal(), (429, "temporarily_unavailable".into(), 90_055));
        assert_eq!(reply.header("retry-after"), Some("7"));
    }
    assert_eq!(app_token(&fixture).await.status, 200);
    assert_eq!(fixture.get("/sidekey/faults").await.body, json!([]));
}

#[tokio::test]
async fn a_scripted_code_carries_its_claims_challenge() {
    let fixture = Fixture::start().await;
    let challenge = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    let fault = json!({ "client": WEB, "code": 50076, "claims": challenge });
    fixture.post_json("/sidekey/faults", fault).await;
    let reply = app_token(&fixture).await;
    assert_eq!(reply.refusal(), (400, "interaction_required".into(), 50_076));
    assert_eq!(reply.text("claims"), challenge);
}

#[tokio::test]
async fn an_instance_can_be_made_unknown() {
    let fixture = Fixture::start().await;
    fixture.post_json("/sidekey/faults", json!({ "path": "/discovery/instance", "code": 50049 })).await;
    let path = "/common/discovery/instance?authorization_endpoint=https://localhost/common/oauth2/v2.0/authorize";
    assert_eq!(fixture.get(path).await.refusal(), (400, "invalid_instance".into(), 50_049));
    assert_eq!(fixture.get(path).await.status, 200);
}

#[tokio::test]
async fn good_replies_can_be_spoilt() {
    let fixture = Fixture::start().await;
    fixture.post_json("/sidekey/faults", json!({ "tokenType": "mac", "omitExpiresIn": true })).await;
    let spoilt = app_token(&fixture).await;
    assert_eq!((spoilt.status, spoilt.text("token_type")), (200, "mac".into()));
    assert_eq!(spoilt.body["expires_in"], Value::Null);
    fixture.post_json("/sidekey/faults", json!({ "truncateBody": true })).await;
    let scope = format!("api://{API}/.default");
    let url = format!("{}/{CONTOSO}/oauth2/v2.0/token", fixture.url);
    let broken = fixture.http.post(url).form(&secret_form(WEB_SECRET, &scope)).send().await.unwrap();
    assert!(broken.content_length().is_some_and(|length| length > 500));
    assert!(broken.bytes().await.is_err());
}

#[tokio::test]
async fn faults_come_from_the_directory_too_and_can_be_cleared() {
    let yaml = format!("{}\nfaults:\n  - {{status: 503, times: 9}}\n", Emulator::DEFAULT_DIRECTORY);
    let fixture = Fixture::with(&yaml).await;
    assert_eq!(app_token(&fixture).await.refusal(), (503, "temporarily_unavailable".into(), 90_033));
    let deleted = fixture.http.delete(format!("{}/sidekey/faults", fixture.url)).send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    assert_eq!(app_token(&fixture).await.status, 200);
    let bad = fixture.post_json("/sidekey/faults", json!({ "stauts": 503 })).await;
    assert_eq!(bad.status, 400);
    assert!(bad.text("detail").contains("`stauts`"));
}

#[tokio::test]
async fn the_log_tells_what_was_sent_without_what_could_be_replayed() {
    let fixture = Fixture::start().await;
    let token = app_token(&fixture).await.text("access_token");
    fixture.user_token().await;
    let log = fixture.get("/sidekey/requests").await;
    let entries = log.body.as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0]["path"], format!("/{CONTOSO}/oauth2/v2.0/token"));
    assert_eq!(entries[0]["parameters"]["grant_type"], "client_credentials");
    assert_eq!((&entries[0]["status"], &entries[1]["parameters"]["client_id"]), (&json!(200), &json!(SHELL)));
    for secret in [WEB_SECRET, crate::support::PASSWORD, &token] {
        assert!(!log.raw.contains(secret));
    }
}

#[tokio::test]
async fn a_test_users_token_is_one_request_away_and_refusals_say_why() {
    let fixture = Fixture::start().await;
    let token = fixture.get("/sidekey/token?user=alice").await;
    assert_eq!(fixture.claims(&token.raw).await["scp"], "access_as_user");
    let unknown = fixture.get("/sidekey/token?user=eve").await;
    assert_eq!(unknown.status, 404);
    let refused = fixture.get(&format!("/sidekey/token?user=alice&scope=api://{API}/Orders.Read")).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text("detail").starts_with("AADSTS65001: "), "{}", refused.raw);
}

#[tokio::test]
async fn pages_of_other_sites_cannot_administer() {
    let fixture = Fixture::start().await;
    let request =
        |origin: &str| fixture.http.delete(format!("{}/sidekey/faults", fixture.url)).header("origin", origin);
    assert_eq!(request("https://evil.example").send().await.unwrap().status(), 403);
    assert_eq!(request("null").send().await.unwrap().status(), 403);
    assert_eq!(request(&fixture.url).send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn the_start_page_lists_the_directory_and_hides_secrets() {
    let fixture = Fixture::start().await;
    let page = fixture.get("/").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    for text in ["Contoso", "alice@contoso.onmicrosoft.com", "orders-web", SHELL, "curl http://127.0.0.1:"] {
        assert!(page.raw.contains(text), "{text}");
    }
    assert!(!page.raw.contains(WEB_SECRET) && !page.raw.contains(crate::support::PASSWORD));
    assert_eq!(fixture.get("/sidekey/health").await.body["status"], "Healthy");
}

#[tokio::test]
async fn keys_and_authority_survive_in_the_state_folder() {
    sidekey_host::tls::install_crypto_provider();
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let options = Options { state_folder: Some(folder.path().join("state")), ..Options::default() };
        Emulator::new(Emulator::DEFAULT_DIRECTORY, options, Arc::new(SystemClock))
    };
    let http = client();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let emulator = start().unwrap();
        let url = crate::support::serve(emulator.router(ORIGIN)).await;
        let keys = Reply::read(http.get(format!("{url}/common/discovery/keys")).send().await.unwrap()).await;
        seen.push((keys.body["keys"][0]["kid"].clone(), emulator.ca_pem().unwrap()));
    }
    assert_eq!(seen[0], seen[1]);
    std::fs::write(folder.path().join("state/signing-keys.json"), "{").unwrap();
    let error = start().err().unwrap().to_string();
    assert!(error.contains("signing-keys.json` is damaged") && error.contains("delete it"), "{error}");
}

#[tokio::test]
async fn https_works_with_the_authority_and_metadata_follows_it() {
    sidekey_host::tls::install_crypto_provider();
    let emulator = Emulator::new(Emulator::DEFAULT_DIRECTORY, Options::default(), Arc::new(SystemClock)).unwrap();
    let tls = Some(Arc::new(arc_swap::ArcSwap::new(emulator.tls().unwrap())));
    let endpoint = Endpoint { address: Address::Localhost(0), tls, protocols: Protocols::Http1AndHttp2 };
    let listener = Listener::bind(&endpoint).await.unwrap();
    let (url, port) = (listener.url(), listener.port().unwrap());
    let app = emulator.router_for(&url, Scheme::Https);
    let shutdown = Shutdown::new();
    let server = tokio::spawn(listen::serve(vec![listener], Arc::new(app), Limits::default(), shutdown.clone(), DRAIN));
    let authority = reqwest::Certificate::from_pem(emulator.ca_pem().unwrap().as_bytes()).unwrap();
    let names = [
        "localhost",
        "login.microsoftonline.com",
        "login.windows.net",
        "myvault.vault.localhost",
        "myvault.vault.azure.net",
    ];
    for name in names {
        let http = reqwest::Client::builder()
            .tls_certs_only([authority.clone()])
            .no_proxy()
            .resolve(name, ([127, 0, 0, 1], port).into())
            .build()
            .unwrap();
        let metadata = http.get(format!("https://{name}:{port}/common/v2.0/.well-known/openid-configuration"));
        let reply = metadata.send().await.unwrap();
        assert_eq!(reply.version(), axum::http::Version::HTTP_2);
        let body: Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap();
        if name.contains(".vault.") {
            assert_eq!(body["error"]["code"], "VaultNotFound");
            continue;
        }
        assert_eq!(body["token_endpoint"], format!("https://{name}:{port}/common/oauth2/v2.0/token"));
        assert_eq!(body["issuer"], format!("{url}/{{tenantid}}/v2.0"));
    }
    shutdown.trigger();
    server.await.unwrap();
}

#[tokio::test]
async fn the_scheme_is_guessed_from_the_port_where_it_is_not_told() {
    let fixture = Fixture::start().await;
    let cases = [
        ("localhost:5443", "https://localhost:5443"),
        ("localhost:5080", "http://localhost:5080"),
        ("login.microsoftonline.com", "https://login.microsoftonline.com"),
        ("user@localhost", ORIGIN),
    ];
    for (host, expected) in cases {
        let request = fixture.http.get(format!("{}/common/.well-known/openid-configuration", fixture.url));
        let reply = Reply::read(request.header("host", host).send().await.unwrap()).await;
        assert_eq!(reply.text("token_endpoint"), format!("{expected}/common/oauth2/token"), "{host}");
    }
}
