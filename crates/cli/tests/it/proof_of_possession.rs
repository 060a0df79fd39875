//! Tokens that the emulator binds to a key, and signed requests that another sidecar takes once.

use std::{fs, net::SocketAddr};

use serde_json::{Value, json};
use sidekey_jose::{SigningKey, base64url};

use crate::{
    client::{Reply, get, request},
    process::{Process, Settings},
};

/// An emulator and a sidecar whose one API is itself.
struct Stage {
    _emulator: Process,
    _serve: Process,
    sidecar: SocketAddr,
}

impl Stage {
    fn new(more: Settings<'_>) -> Self {
        let (emulator, origin) = Process::emulator();
        let base = [
            ("AzureAd__Instance", origin.as_str()),
            ("AzureAd__TenantId", "aaaabbbb-0000-cccc-1111-dddd2222eeee"),
            ("AzureAd__ClientId", ORDERS_WEB),
            ("AzureAd__ClientCredentials__0__SourceType", "ClientSecret"),
            ("AzureAd__ClientCredentials__0__ClientSecret", "orders-web-development-secret"),
            ("DownstreamApis__own__BaseUrl", "https://orders.contoso.com/v1"),
            ("DownstreamApis__own__Scopes__0", "api://00001111-aaaa-2222-bbbb-3333cccc4444/.default"),
            ("DownstreamApis__own__RequestAppToken", "true"),
            ("Sidecar__AllowOverrides__GetAuthorizationHeaderUnauthenticated", "true"),
        ];
        let settings: Vec<_> = base.iter().chain(more).copied().collect();
        let (serve, sidecar) = Process::serve(&settings);
        Self { _emulator: emulator, _serve: serve, sidecar }
    }

    fn header(&self, query: &str) -> String {
        let reply = get(self.sidecar, &format!("/AuthorizationHeaderUnauthenticated/own{query}"));
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["authorizationHeader"].as_str().unwrap().to_owned()
    }

    fn validate(&self, authorization: &str, method: &str, uri: &str) -> Reply {
        let headers = [("Authorization", authorization), ("original-method", method), ("original-uri", uri)];
        request(self.sidecar, "GET", "/Validate", &headers, b"")
    }
}

fn claims(token: &str) -> Value {
    serde_json::from_slice(&base64url::decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[test]
fn a_token_is_bound_to_the_key_that_the_caller_names() {
    let stage = Stage::new(&[]);
    let jwk = SigningKey::generate_p256().unwrap().public_jwk();
    let key = base64url::encode(json!({ "kty": jwk.kty, "crv": jwk.crv, "x": jwk.x, "y": jwk.y }).to_string());
    let header = stage.header(&format!("?optionsOverride.AcquireTokenOptions.PopPublicKey={key}"));
    let token = header.strip_prefix("PoP ").unwrap_or_else(|| panic!("{header}"));
    assert_eq!(claims(token)["cnf"], json!({ "kid": jwk.thumbprint().unwrap() }));
    assert!(stage.header("").starts_with("Bearer "));
}

#[test]
fn a_signed_request_is_taken_once_and_for_what_it_was_signed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pop.pem");
    let pair = rcgen::KeyPair::generate().unwrap();
    fs::write(&path, pair.serialize_pem()).unwrap();
    let key = ("DownstreamApis__own__AcquireTokenOptions__PopPrivateKeyPath", path.to_str().unwrap());
    let stage = Stage::new(&[key]);
    let header = stage.header("?optionsOverride.RelativePath=orders/7&optionsOverride.HttpMethod=DELETE");
    let url = "https://orders.contoso.com/v1/orders/7";
    let other = stage.validate(&header, "GET", url);
    assert_eq!(other.status, 401, "{}", other.text());
    let good = stage.validate(&header, "DELETE", url);
    assert_eq!(good.status, 200, "{} {}", good.text(), good.header("www-authenticate"));
    let found = good.json();
    assert_eq!((&found["protocol"], &found["claims"]["azp"]), (&"PoP".into(), &ORDERS_WEB.into()));
    assert!(found["claims"]["cnf"]["kid"].is_string(), "{found}");
    assert_eq!(stage.validate(&header, "DELETE", url).status, 401, "it was good once");
    let token = header.trim_start_matches("PoP ");
    let bare = claims(token)["at"].as_str().unwrap().to_owned();
    assert_eq!(stage.validate(&format!("PoP {bare}"), "DELETE", url).status, 401, "nobody else has the key");
}

const ORDERS_WEB: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
