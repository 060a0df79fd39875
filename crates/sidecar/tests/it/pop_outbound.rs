//! Proof of possession: tokens bound to the caller's key, and requests signed with a key of ours.

use std::{fs, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::{Value, json};
use sidekey_host::{Clock, SystemClock};
use sidekey_jose::{
    SigningKey, base64url,
    shr::{BoundClaim, ShrRequest, ShrRules, UnverifiedShr},
};

use crate::setup::{Reply, Setup};

/// A folder with a private key.
struct Key {
    folder: tempfile::TempDir,
}

impl Key {
    fn new() -> Self {
        let key = Self { folder: tempfile::tempdir().unwrap() };
        key.replace();
        key
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("pop.pem")
    }

    /// Writes a new key.
    fn replace(&self) {
        let der = SigningKey::generate_p256().unwrap().to_pkcs8_der().unwrap();
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(&*der));
        fs::write(self.path(), pem).unwrap();
    }

    async fn setup(&self, more: &[(&str, &str)]) -> Setup {
        let path = self.path();
        let own = [("DownstreamApis:App:AcquireTokenOptions:PopPrivateKeyPath", path.to_str().unwrap())];
        Setup::new(&own.into_iter().chain(more.iter().copied()).collect::<Vec<_>>()).await
    }
}

/// The key that the last token was bound to.
fn confirmed(setup: &Setup) -> Value {
    let form = setup.authority.requests().pop().unwrap();
    assert_eq!(form["token_type"], "pop");
    serde_json::from_slice(&base64url::decode(&form["req_cnf"]).unwrap()).unwrap()
}

/// Checks a signed request as a resource would, and gives its token.
fn check(setup: &Setup, header: &str, request: &ShrRequest<'_>, required: &[BoundClaim]) -> String {
    let shr = UnverifiedShr::parse(header.strip_prefix("PoP ").unwrap()).unwrap();
    let token = shr.access_token().to_owned();
    let rules = ShrRules { required: required.to_vec(), ..ShrRules::default() };
    shr.verify(&confirmed(setup), request, &rules, SystemClock.now().0).unwrap();
    token
}

fn header(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["authorizationHeader"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_is_bound_to_the_key_that_the_caller_names() {
    let setup = Setup::new(&[]).await;
    let token = setup.authority.user_token(json!({}));
    let jwk = serde_json::to_string(&SigningKey::generate_p256().unwrap().public_jwk()).unwrap();
    let path = "/AuthorizationHeader/App?optionsOverride.AcquireTokenOptions.PopPublicKey=";
    let reply = setup.get_with(&format!("{path}{}", base64url::encode(&jwk)), &token).await;
    assert_eq!(header(&reply), "PoP token-1");
    let key: sidekey_jose::Jwk = serde_json::from_str(&jwk).unwrap();
    assert_eq!(confirmed(&setup), json!({ "kid": key.thumbprint().unwrap() }));
    let refused = setup.get_with(&format!("{path}s3cret"), &token).await;
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert_eq!(refused.status, 400);
    assert!(detail.contains("PopPublicKey` is neither a key nor base64") && !detail.contains("s3cret"), "{detail}");
    // A user's token is never bound, as with the original.
    let user =
        setup.get_with(&format!("/AuthorizationHeader/User{}{}", &path[24..], base64url::encode(&jwk)), &token).await;
    assert_eq!(header(&user), "Bearer token-2");
}

#[tokio::test]
async fn a_header_is_signed_for_the_call_that_it_is_for() {
    let key = Key::new();
    let setup = key.setup(&[("DownstreamApis:App:RelativePath", "7?expand=lines")]).await;
    let token = setup.authority.user_token(json!({}));
    let usual = |method, url| ShrRequest { method, url, headers: None, body: None };
    let required = [BoundClaim::Method, BoundClaim::Host, BoundClaim::Path, BoundClaim::Query];
    let url = format!("{}/v1/orders/7?expand=lines", setup.api.origin);
    let first = header(&setup.get("/AuthorizationHeaderUnauthenticated/App").await);
    assert_eq!(check(&setup, &first, &usual("GET", &url), &required), "token-1");
    let second = header(&setup.get("/AuthorizationHeaderUnauthenticated/App").await);
    assert_ne!(first, second, "each is good for one request");
    let path = "/AuthorizationHeader/App?optionsOverride.HttpMethod=patch&optionsOverride.RelativePath=8";
    let third = header(&setup.get_with(path, &token).await);
    let url = format!("{}/v1/orders/8", setup.api.origin);
    assert_eq!(check(&setup, &third, &usual("PATCH", &url), &required), "token-1");
    assert_eq!(setup.authority.requests().len(), 1);
}

#[tokio::test]
async fn a_call_is_signed_as_it_is_made() {
    let key = Key::new();
    let setup = key.setup(&[("DownstreamApis:App:ExtraHeaderParameters:X-Tenant", "a")]).await;
    let path = "/DownstreamApiUnauthenticated/App";
    let reply = setup.send(Method::POST, path, &[("content-type", "text/plain")], "a body").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let told = reply.json()["content"].as_str().unwrap().to_owned();
    let (head, body) = told.split_once("\n\n").unwrap();
    assert!(head.starts_with("POST /v1/orders/\n") && body == "a body", "{told}");
    let headers: Vec<_> = head.lines().skip(1).filter_map(|line| line.split_once(": ")).collect();
    let authorization = headers.iter().find(|(name, _)| *name == "authorization").unwrap().1;
    let url = format!("{}/v1/orders/", setup.api.origin);
    let request = ShrRequest { method: "POST", url: &url, headers: Some(&headers), body: Some(body.as_bytes()) };
    assert_eq!(check(&setup, authorization, &request, &BoundClaim::ALL), "token-1");
    for name in ["accept", "content-type", "x-tenant"] {
        let without: Vec<_> = headers.iter().copied().filter(|(own, _)| *own != name).collect();
        let shr = UnverifiedShr::parse(authorization.strip_prefix("PoP ").unwrap()).unwrap();
        let rules = ShrRules { required: BoundClaim::ALL.to_vec(), ..ShrRules::default() };
        let other = ShrRequest { headers: Some(&without), ..request };
        assert!(shr.verify(&confirmed(&setup), &other, &rules, SystemClock.now().0).is_err(), "{name} is signed");
    }
}

#[tokio::test]
async fn a_redirected_call_is_signed_anew() {
    let key = Key::new();
    let redirect = ("DownstreamApis:App:RelativePath", "redirect");
    let setup = key.setup(&[redirect, ("Sidecar:AllowOutboundRedirects", "true")]).await;
    let reply = setup.send(Method::GET, "/DownstreamApiUnauthenticated/App", &[], "").await;
    let told = reply.json()["content"].as_str().unwrap().to_owned();
    let authorization = told.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap();
    let url = format!("{}/v1/orders/echo", setup.api.origin);
    let request = ShrRequest { method: "GET", url: &url, headers: None, body: Some(b"") };
    check(&setup, authorization, &request, &[BoundClaim::Method, BoundClaim::Path, BoundClaim::Body]);
}

#[tokio::test]
async fn a_replaced_key_binds_new_tokens() {
    let key = Key::new();
    let setup = key.setup(&[]).await;
    let get = || setup.get("/AuthorizationHeaderUnauthenticated/App");
    header(&get().await);
    let first = confirmed(&setup);
    fs::write(key.path(), "not yet whole").unwrap();
    header(&get().await);
    assert_eq!(setup.authority.requests().len(), 1, "the old key stays");
    key.replace();
    header(&get().await);
    assert_ne!(confirmed(&setup), first);
}

#[tokio::test]
async fn a_call_that_cannot_be_bound_is_refused() {
    let key = Key::new();
    let path = key.path();
    let own = [("DownstreamApis:User:AcquireTokenOptions:PopPrivateKeyPath", path.to_str().unwrap())];
    let setup = Setup::new(&own).await;
    let token = setup.authority.user_token(json!({}));
    let reply = setup.get_with("/AuthorizationHeader/User", &token).await;
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("only an application's own token can be bound to a key"), "{}", reply.text());
    assert!(setup.authority.requests().is_empty());
}
