//! Tokens that the emulator binds to a key, and signed requests that another sidecar takes once.

use std::fs;

use serde_json::json;
use sidekey_jose::{SigningKey, base64url};

use crate::{
    client::{Reply, request},
    process::Settings,
    stage::{ORDERS_WEB, Stage, claims_of},
};

/// A sidecar whose one API is itself.
fn stage(more: Settings<'_>) -> Stage {
    let own = [
        ("DownstreamApis__own__BaseUrl", "https://orders.contoso.com/v1"),
        ("DownstreamApis__own__Scopes__0", "api://00001111-aaaa-2222-bbbb-3333cccc4444/.default"),
        ("DownstreamApis__own__RequestAppToken", "true"),
        ("Sidecar__AllowOverrides__GetAuthorizationHeaderUnauthenticated", "true"),
    ];
    Stage::new(ORDERS_WEB, &[&own, more].concat())
}

fn authorization(stage: &Stage, query: &str) -> String {
    let reply = stage.anonymous(&format!("own{query}"));
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["authorizationHeader"].as_str().unwrap().to_owned()
}

fn validate(stage: &Stage, authorization: &str, method: &str, uri: &str) -> Reply {
    let headers = [("Authorization", authorization), ("original-method", method), ("original-uri", uri)];
    request(stage.sidecar, "GET", "/Validate", &headers, b"")
}

#[test]
fn a_token_is_bound_to_the_key_that_the_caller_names() {
    let stage = stage(&[]);
    let jwk = SigningKey::generate_p256().unwrap().public_jwk();
    let key = base64url::encode(json!({ "kty": jwk.kty, "crv": jwk.crv, "x": jwk.x, "y": jwk.y }).to_string());
    let header = authorization(&stage, &format!("?optionsOverride.AcquireTokenOptions.PopPublicKey={key}"));
    let token = header.strip_prefix("PoP ").unwrap_or_else(|| panic!("{header}"));
    assert_eq!(claims_of(token)["cnf"], json!({ "kid": jwk.thumbprint().unwrap() }));
    assert!(authorization(&stage, "").starts_with("Bearer "));
}

#[test]
fn a_signed_request_is_taken_once_and_for_what_it_was_signed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pop.pem");
    let pair = rcgen::KeyPair::generate().unwrap();
    fs::write(&path, pair.serialize_pem()).unwrap();
    let key = ("DownstreamApis__own__AcquireTokenOptions__PopPrivateKeyPath", path.to_str().unwrap());
    let stage = stage(&[key]);
    let header = authorization(&stage, "?optionsOverride.RelativePath=orders/7&optionsOverride.HttpMethod=DELETE");
    let url = "https://orders.contoso.com/v1/orders/7";
    let other = validate(&stage, &header, "GET", url);
    assert_eq!(other.status, 401, "{}", other.text());
    let good = validate(&stage, &header, "DELETE", url);
    assert_eq!(good.status, 200, "{} {}", good.text(), good.header("www-authenticate"));
    let found = good.json();
    assert_eq!((&found["protocol"], &found["claims"]["azp"]), (&"PoP".into(), &ORDERS_WEB.into()));
    assert!(found["claims"]["cnf"]["kid"].is_string(), "{found}");
    assert_eq!(validate(&stage, &header, "DELETE", url).status, 401, "it was good once");
    let token = header.trim_start_matches("PoP ");
    let bare = claims_of(token)["at"].as_str().unwrap().to_owned();
    assert_eq!(validate(&stage, &format!("PoP {bare}"), "DELETE", url).status, 401, "nobody else has the key");
}
