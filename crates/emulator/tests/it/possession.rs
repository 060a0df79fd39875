//! Proof of possession: tokens that are bound to a key.

use serde_json::{Value, json};
use sidekey_jose::base64url;

use crate::{
    keys::Identity,
    support::{API, CONTOSO, Fixture, Reply, WEB_SECRET, secret_form},
};

async fn ask(fixture: &Fixture, more: &[(&str, &str)]) -> Reply {
    let scope = format!("api://{API}/.default");
    fixture.token(CONTOSO, &[&secret_form(WEB_SECRET, &scope)[..], more].concat()).await
}

#[tokio::test]
async fn a_token_is_bound_to_the_key_that_was_named() {
    let fixture = Fixture::start().await;
    let kid = json!({ "kid": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" });
    let encoded = base64url::encode(kid.to_string());
    let reply = ask(&fixture, &[("token_type", "pop"), ("req_cnf", &encoded)]).await;
    assert_eq!((reply.status, reply.text("token_type")), (200, "pop".to_owned()), "{}", reply.raw);
    assert_eq!(fixture.claims(&reply.text("access_token")).await["cnf"], kid);
    let jwk = json!(Identity::new("client").key.public_jwk());
    let encoded = base64url::encode(jwk.to_string());
    let reply = ask(&fixture, &[("token_type", "pop"), ("req_cnf", &encoded)]).await;
    assert_eq!(fixture.claims(&reply.text("access_token")).await["cnf"], json!({ "jwk": jwk }));
    let bearer = ask(&fixture, &[]).await;
    assert_eq!(bearer.text("token_type"), "Bearer");
    assert_eq!(fixture.claims(&bearer.text("access_token")).await["cnf"], Value::Null);
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_refused() {
    let fixture = Fixture::start().await;
    let pem = base64url::encode("-----BEGIN PUBLIC KEY-----");
    let invalid = |code: u64| (400, "invalid_request".to_owned(), code);
    assert_eq!(ask(&fixture, &[("token_type", "pop"), ("req_cnf", &pem)]).await.refusal(), invalid(9_002_313));
    assert_eq!(ask(&fixture, &[("token_type", "pop")]).await.refusal(), invalid(900_144));
    assert_eq!(ask(&fixture, &[("token_type", "mtls_pop")]).await.refusal(), invalid(9_002_313));
}
