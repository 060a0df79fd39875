//! Signed HTTP requests on `/Validate`.

use http::Method;
use serde_json::{Value, json};
use sidekey_host::{Clock, SystemClock};
use sidekey_jose::{
    Algorithm, SigningKey,
    shr::{BoundClaim, NewShr, ShrRequest},
};

use crate::setup::{Reply, Setup};

const URL: &str = "https://orders.contoso.com/orders/1";

/// An app's token that is bound to a key.
fn bound_token(setup: &Setup, key: &SigningKey, changes: Value) -> String {
    let mut claims = json!({"scp": null, "idtyp": "app", "roles": ["Orders.Process"],
        "cnf": {"kid": key.public_jwk().thumbprint().unwrap()}});
    let Value::Object(changes) = changes else { unreachable!() };
    claims.as_object_mut().unwrap().extend(changes);
    setup.authority.user_token(claims)
}

fn shr(key: &SigningKey, token: &str, nonce: &str) -> String {
    let request = ShrRequest { method: "GET", url: URL, headers: None, body: None };
    let now = SystemClock.now().0;
    let shr = NewShr { access_token: token, request, cover: &BoundClaim::USUAL, nonce, now };
    shr.sign(key, Algorithm::ES256).unwrap()
}

async fn validate(setup: &Setup, shr: &str, request: &[(&str, &str)]) -> Reply {
    let authorization = format!("PoP {shr}");
    let headers = [&[("authorization", authorization.as_str())], request].concat();
    setup.send(Method::GET, "/Validate", &headers, "").await
}

#[tokio::test]
async fn a_signed_request_is_answered_with_the_token_within_and_only_once() {
    let setup = Setup::new(&[("AzureAd:Scopes", "access_as_user")]).await;
    let key = SigningKey::generate_p256().unwrap();
    let token = bound_token(&setup, &key, json!({}));
    let request = [("original-method", "GET"), ("original-uri", URL)];
    let signed = shr(&key, &token, "1");
    let reply = validate(&setup, &signed, &request).await;
    assert_eq!(reply.status, 200, "{:?}", reply.headers);
    let body = reply.json();
    assert_eq!((&body["protocol"], &body["token"]), (&json!("PoP"), &json!(token)));
    assert_eq!(body["claims"]["roles"], json!(["Orders.Process"]));
    let again = validate(&setup, &signed, &request).await;
    insta::assert_snapshot!("replayed", again.whole());
    assert!(again.body.is_empty());
}

/// A name, a signed request, the headers beside it, and the reason.
type Case<'a> = (&'a str, String, &'a [(&'a str, &'a str)], &'a str);

#[tokio::test]
async fn what_is_wrong_with_a_signed_request_is_said_in_the_second_challenge() {
    let setup = Setup::new(&[]).await;
    let (key, thief) = (SigningKey::generate_p256().unwrap(), SigningKey::generate_p256().unwrap());
    let token = bound_token(&setup, &key, json!({}));
    let good = [("original-method", "GET"), ("original-uri", URL)];
    let user = bound_token(&setup, &key, json!({"scp": "access_as_user", "idtyp": "user"}));
    let expired = bound_token(&setup, &key, json!({"exp": 1_700_000_000, "nbf": 0}));
    let cases: [Case<'_>; 9] = [
        (
            "other method",
            shr(&key, &token, "1"),
            &[("original-method", "PUT"), good[1]],
            "`GET`, but the request has `PUT`",
        ),
        (
            "other path",
            shr(&key, &token, "1"),
            &[good[0], ("original-uri", "https://orders.contoso.com/x")],
            "the claim `p`",
        ),
        ("relative", shr(&key, &token, "1"), &[good[0], ("original-uri", "/orders/1")], "not an absolute"),
        ("no method", shr(&key, &token, "1"), &good[1..], "`original-method` must be there once"),
        ("two urls", shr(&key, &token, "1"), &[good[0], good[1], good[1]], "`original-uri` must be there once"),
        ("thief", shr(&thief, &token, "1"), &good, "the access token is bound to the key"),
        ("user", shr(&key, &user, "1"), &good, "only an app's own tokens"),
        ("expired", shr(&key, &expired, "1"), &good, "The token expired at"),
        ("plain token", token.clone(), &good, "the claim `at` is missing"),
    ];
    for (name, signed, request, reason) in cases {
        let reply = validate(&setup, &signed, request).await;
        let challenges: Vec<_> =
            reply.headers.get_all("www-authenticate").iter().map(|value| value.to_str().unwrap()).collect();
        let [pop, bearer] = challenges[..] else { panic!("{name}: {challenges:?}") };
        assert_eq!((reply.status, reply.body.len(), pop), (401, 0, "PoP error=\"invalid_token\""), "{name}");
        assert!(bearer.starts_with("Bearer error=\"invalid_token\"") && bearer.contains(reason), "{name}: {bearer}");
    }
}

#[tokio::test]
async fn proof_of_possession_is_for_one_route() {
    let setup = Setup::new(&[]).await;
    let key = SigningKey::generate_p256().unwrap();
    let signed = shr(&key, &bound_token(&setup, &key, json!({})), "1");
    let headers = [("authorization", &*format!("PoP {signed}")), ("original-method", "GET"), ("original-uri", URL)];
    for path in ["/AuthorizationHeader/App", "/DownstreamApi/App"] {
        let reply = setup.send(Method::GET, path, &headers, "").await;
        assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some("Bearer")), "{path}");
    }
}

#[tokio::test]
async fn a_proxy_may_ask_about_a_signed_request_where_it_is_known_what_the_request_was() {
    let own = [("Sidecar:ForwardAuth:Enabled", "true"), ("Sidecar:ForwardAuth:ClaimHeaders", "roles")];
    let proxy = [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "orders.contoso.com"),
        ("x-forwarded-uri", "/orders/1"),
    ];
    // What a client would say that signed one request and makes another.
    let client = [("original-method", "GET"), ("original-uri", URL)];
    let key = SigningKey::generate_p256().unwrap();
    for (source, headers, status) in [
        ("ForwardedHeaders", proxy.as_slice(), 200),
        ("ForwardedHeaders", &client, 401),
        ("OriginalHeaders", &client, 200),
        ("OriginalHeaders", &proxy, 401),
        ("RequestLine", &[("host", "orders.contoso.com")], 200),
        ("RequestLine", &client, 401),
        ("None", &client, 401),
    ] {
        let setup = Setup::new(&[own.as_slice(), &[("Sidecar:ForwardAuth:OriginalRequest", source)]].concat()).await;
        let authorization = format!("PoP {}", shr(&key, &bound_token(&setup, &key, json!({})), "1"));
        let headers = [headers, &[("authorization", authorization.as_str())]].concat();
        let reply = setup.send(Method::GET, "/ForwardAuth/orders/1", &headers, "").await;
        assert_eq!(reply.status, status, "{source}: {:?}", reply.headers);
        assert_eq!(reply.header("x-claim-roles").is_some(), status == 200, "{source}");
    }
}

#[tokio::test]
async fn a_bound_token_without_its_proof_passes_nowhere() {
    let key = SigningKey::generate_p256().unwrap();
    for mode in ["Strict", "Upstream"] {
        let setup = Setup::new(&[("Sidecar:Compatibility", mode), ("Sidecar:ForwardAuth:Enabled", "true")]).await;
        let app = bound_token(&setup, &key, json!({}));
        let user = bound_token(&setup, &key, json!({"scp": "access_as_user", "idtyp": "user", "roles": null}));
        for path in ["/Validate", "/ForwardAuth", "/AuthorizationHeader/User", "/DownstreamApi/User"] {
            for token in [&app, &user] {
                let reply = setup.get_with(path, token).await;
                assert_eq!((reply.status, reply.body.len()), (401, 0), "{mode} {path}");
                assert!(reply.header("x-sidekey-reason").unwrap().contains("bound to a key (`cnf`)"), "{mode} {path}");
            }
        }
        assert!(setup.authority.requests().is_empty(), "{mode}");
    }
}

#[tokio::test]
async fn roles_hold_for_apps_that_prove_possession() {
    let setup = Setup::new(&[("AzureAd:Scopes", "access_as_user"), ("AzureAd:Roles", "Orders.Read")]).await;
    let key = SigningKey::generate_p256().unwrap();
    let request = [("original-method", "GET"), ("original-uri", URL)];
    let poor = shr(&key, &bound_token(&setup, &key, json!({})), "1");
    assert_eq!(validate(&setup, &poor, &request).await.status, 403);
    let rich = shr(&key, &bound_token(&setup, &key, json!({"roles": ["Orders.Read"]})), "1");
    assert_eq!(validate(&setup, &rich, &request).await.status, 200);
}
