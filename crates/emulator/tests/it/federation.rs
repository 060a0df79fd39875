//! Client authentication by another issuer's assertion.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Json, Router, routing::get};
use serde_json::{Value, json};
use sidekey_jose::Algorithm::{PS256, RS256};

use crate::{
    keys::Identity,
    support::{CONTOSO, Fixture, NOW, ORIGIN, Reply, serve},
};

const CLIENT: &str = "33334444-dddd-5555-eeee-6666ffff7777";
const SUBJECT: &str = "system:serviceaccount:shop:orders";
const AUDIENCE: &str = "api://AzureADTokenExchange";

/// An issuer whose key can be changed, and which counts how often its keys were asked for.
pub(crate) struct OtherIssuer {
    pub(crate) url: String,
    keys: Arc<Mutex<Value>>,
    asked: Arc<AtomicUsize>,
}

impl OtherIssuer {
    async fn start(identity: &Identity) -> Self {
        Self::named(identity, "127.0.0.1").await
    }

    /// One that goes by a name, which the client has to resolve.
    pub(crate) async fn named(identity: &Identity, host: &str) -> Self {
        let (keys, asked) = (Arc::new(Mutex::new(identity.jwks("key-1"))), Arc::new(AtomicUsize::new(0)));
        let url = Arc::new(Mutex::new(String::new()));
        let (own_keys, own_asked, own_url) = (Arc::clone(&keys), Arc::clone(&asked), Arc::clone(&url));
        let metadata = move || {
            let url = own_url.lock().unwrap().clone();
            async move { Json(json!({ "issuer": url, "jwks_uri": format!("{url}/keys") })) }
        };
        let jwks = move || {
            own_asked.fetch_add(1, Ordering::SeqCst);
            let keys = own_keys.lock().unwrap().clone();
            async move { Json(keys) }
        };
        let router = Router::new().route("/.well-known/openid-configuration", get(metadata)).route("/keys", get(jwks));
        let address = serve(router).await.replace("127.0.0.1", host);
        url.lock().unwrap().clone_from(&address);
        Self { url: address, keys, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn directory(issuer: &str) -> String {
    format!(
        "tenants:\n  - {{id: {CONTOSO}, displayName: Contoso}}\napps:\n  \
         - {{clientId: 44445555-eeee-6666-ffff-7777aaaa8888, name: api, multiTenant: true, identifierUris: ['api://api'], tokenVersion: 2}}\n  \
         - {{clientId: 55556666-ffff-7777-aaaa-8888bbbb9999, name: bare, multiTenant: true, secrets: [{{value: s}}]}}\n  \
         - clientId: {CLIENT}\n    name: daemon\n    multiTenant: true\n    federatedCredentials:\n      \
         - {{name: shop, issuer: '{issuer}', subject: '{SUBJECT}', audience: '{AUDIENCE}'}}\n      \
         - {{name: down, issuer: 'http://127.0.0.1:1', subject: '{SUBJECT}', audience: '{AUDIENCE}'}}\n      \
         - {{name: liar, issuer: '{issuer}/', subject: '{SUBJECT}', audience: '{AUDIENCE}'}}\n      \
         - {{name: entra, issuer: '{ORIGIN}/{CONTOSO}/v2.0', subject: '{SUBJECT}', audience: '{AUDIENCE}'}}\n"
    )
}

fn claims(issuer: &str) -> Value {
    json!({ "iss": issuer, "sub": SUBJECT, "aud": [AUDIENCE], "iat": NOW, "exp": NOW + 3600 })
}

async fn present(fixture: &Fixture, client: &str, assertion: &str) -> Reply {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
        ("scope", "api://api/.default"),
    ];
    fixture.token(CONTOSO, &form).await
}

#[tokio::test]
async fn a_projected_token_is_a_credential_even_with_a_newline_at_its_end() {
    let identity = Identity::new("issuer");
    let issuer = OtherIssuer::start(&identity).await;
    let fixture = Fixture::with(&directory(&issuer.url)).await;
    let token = identity.sign(RS256, json!({ "kid": "key-1" }), &claims(&issuer.url));
    for assertion in [token.clone(), format!("{token}\n")] {
        let reply = present(&fixture, CLIENT, &assertion).await;
        assert_eq!(reply.status, 200, "{}", reply.raw);
        assert_eq!(fixture.claims(&reply.text("access_token")).await["azpacr"], "2");
    }
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn the_most_specific_code_appears() {
    let (identity, other) = (Identity::new("issuer"), Identity::new("other"));
    let issuer = OtherIssuer::start(&identity).await;
    let fixture = Fixture::with(&directory(&issuer.url)).await;
    let header = json!({ "kid": "key-1" });
    let changed = |changes: Value| {
        let mut claims = claims(&issuer.url);
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        identity.sign(RS256, header.clone(), &claims)
    };
    let cases = [
        (changed(json!({ "iss": "https://issuer.example" })), 401, "invalid_client", 700_211),
        (changed(json!({ "iss": issuer.url.to_uppercase() })), 401, "invalid_client", 700_211),
        (changed(json!({ "aud": "api://azureadtokenexchange" })), 401, "invalid_client", 700_212),
        (changed(json!({ "sub": "system:serviceaccount:shop:Orders" })), 401, "invalid_client", 700_213),
        (changed(json!({ "iss": "http://127.0.0.1:1" })), 400, "invalid_request", 90_061),
        (changed(json!({ "iss": format!("{}/", issuer.url) })), 400, "invalid_request", 90_061),
        (changed(json!({ "iss": format!("{ORIGIN}/{CONTOSO}/v2.0") })), 400, "invalid_request", 700_222),
        (changed(json!({ "exp": NOW - 301 })), 401, "invalid_client", 700_024),
        (changed(json!({ "exp": null })), 400, "invalid_request", 50_027),
        (changed(json!({ "sub": 5 })), 400, "invalid_request", 50_027),
        (other.sign(RS256, header.clone(), &claims(&issuer.url)), 401, "invalid_client", 700_027),
        (identity.sign(RS256, json!({ "kid": "key-9" }), &claims(&issuer.url)), 401, "invalid_client", 700_027),
        (identity.sign(PS256, header.clone(), &claims(&issuer.url)), 400, "invalid_request", 50_027),
    ];
    for (assertion, status, error, code) in cases {
        let reply = present(&fixture, CLIENT, &assertion).await;
        assert_eq!(reply.refusal(), (status, error.to_owned(), code), "{}", reply.raw);
    }
    let bare = present(&fixture, "55556666-ffff-7777-aaaa-8888bbbb9999", &changed(json!({}))).await;
    assert_eq!(bare.refusal(), (401, "invalid_client".into(), 70_025));
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_again_but_not_all_the_time() {
    let (first, second) = (Identity::new("first"), Identity::new("second"));
    let issuer = OtherIssuer::start(&first).await;
    let fixture = Fixture::with(&directory(&issuer.url)).await;
    let old = first.sign(RS256, json!({ "kid": "key-1" }), &claims(&issuer.url));
    let new = second.sign(RS256, json!({ "kid": "key-2" }), &claims(&issuer.url));
    assert_eq!(present(&fixture, CLIENT, &old).await.status, 200);
    *issuer.keys.lock().unwrap() = second.jwks("key-2");
    assert_eq!(present(&fixture, CLIENT, &new).await.refusal().2, 700_027);
    assert_eq!(issuer.asked(), 1, "a flood of unknown keys does not become a flood of requests");
    fixture.advance(30);
    assert_eq!(present(&fixture, CLIENT, &new).await.status, 200);
    assert_eq!(present(&fixture, CLIENT, &old).await.refusal().2, 700_027, "the old key is gone");
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn the_emulators_own_tokens_are_no_credentials() {
    let identity = Identity::new("issuer");
    let fixture = Fixture::with(&directory(&OtherIssuer::start(&identity).await.url)).await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "55556666-ffff-7777-aaaa-8888bbbb9999"),
        ("client_secret", "s"),
        ("scope", "api://api/.default"),
    ];
    let own = fixture.token(CONTOSO, &form).await.text("access_token");
    let refusal = present(&fixture, CLIENT, &own).await.refusal();
    assert_eq!(refusal, (400, "invalid_request".into(), 700_222));
}
