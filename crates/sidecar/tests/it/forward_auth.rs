//! Requests in the shapes in which reverse proxies ask.

use http::Method;
use serde_json::json;

use crate::setup::Setup;

const ON: (&str, &str) = ("Sidecar:ForwardAuth:Enabled", "true");

async fn setup(settings: &[(&str, &str)]) -> Setup {
    let claims = ("Sidecar:ForwardAuth:ClaimHeaders", "X-User-Id=oid X-User-Name=name roles scp");
    Setup::new(&[&[ON, claims], settings].concat()).await
}

/// A proxy, and the method, path and headers with which it asks.
type Shape = (&'static str, Method, &'static str, Vec<(&'static str, &'static str)>);

/// What each proxy sends about a request for `PUT https://shop.example/orders/1?x=y` of a web page.
fn shapes() -> Vec<Shape> {
    let page = [("host", "shop.example"), ("origin", "https://other.example"), ("sec-fetch-site", "cross-site")];
    let with = |own: &[(&'static str, &'static str)]| [&page[..], own].concat();
    vec![
        (
            "nginx",
            Method::GET,
            "/ForwardAuth",
            with(&[("x-original-uri", "/orders/1?x=y"), ("x-original-method", "PUT")]),
        ),
        (
            "traefik",
            Method::GET,
            "/ForwardAuth",
            with(&[
                ("x-forwarded-for", "203.0.113.7"),
                ("x-forwarded-host", "shop.example"),
                ("x-forwarded-method", "PUT"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-uri", "/orders/1?x=y"),
            ]),
        ),
        (
            "envoy",
            Method::PUT,
            "/ForwardAuth/orders/1?x=y",
            with(&[("x-envoy-internal", "true"), ("x-envoy-expected-rq-timeout-ms", "200"), ("content-length", "0")]),
        ),
    ]
}

#[tokio::test]
async fn every_proxy_is_told_who_makes_the_request() {
    let setup = setup(&[]).await;
    let token = setup.authority.user_token(json!({"name": "Ünal, \"X\"\r\nX-Admin: 1", "groups": ["a"]}));
    for (proxy, method, path, mut headers) in shapes() {
        let authorization = format!("Bearer {token}");
        // What the client makes up about itself.
        headers.extend([("authorization", &*authorization), ("x-user-id", "admin"), ("x-claim-roles", "Admin")]);
        let reply = setup.send(method, path, &headers, "").await;
        assert_eq!((reply.status, reply.body.len()), (200, 0), "{proxy}");
        assert_eq!(reply.header("x-user-id"), Some("aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb"), "{proxy}");
        assert_eq!(reply.header("x-user-name"), Some("%C3%9Cnal, \"X\"%0D%0AX-Admin: 1"), "{proxy}");
        assert_eq!(reply.header("x-claim-scp"), Some("access_as_user"), "{proxy}");
        assert_eq!(
            reply.header("x-claim-roles"),
            Some(""),
            "{proxy}: one that is not there replaces what a client says"
        );
        assert!(
            reply.header("x-admin").is_none() && reply.header("x-claim-groups").is_none(),
            "{proxy}: only the listed"
        );
        assert_eq!(reply.header("cache-control"), Some("no-cache, no-store, must-revalidate"));
    }
}

#[tokio::test]
async fn who_may_not_pass_gets_the_challenge_or_is_forbidden() {
    let setup = setup(&[("AzureAd:Scopes", "access_as_user")]).await;
    let expired = format!("Bearer {}", setup.authority.user_token(json!({"exp": 1_700_000_000, "nbf": 0})));
    let poor = format!("Bearer {}", setup.authority.user_token(json!({"scp": "other"})));
    for (proxy, method, path, headers) in shapes() {
        let ask = async |authorization: Option<&str>| {
            let own: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
            setup.send(method.clone(), path, &[headers.as_slice(), &own].concat(), "").await
        };
        let reply = ask(None).await;
        assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some("Bearer")), "{proxy}");
        assert_eq!(ask(Some("PoP x")).await.status, 401, "{proxy}");
        let reply = ask(Some(&expired)).await;
        let challenge = reply.header("www-authenticate").unwrap();
        assert!(reply.status == 401 && challenge.contains("The token expired at"), "{proxy}: {challenge}");
        let reply = ask(Some(&poor)).await;
        assert_eq!((reply.status, reply.header("x-user-id")), (403, None), "{proxy}");
    }
}

#[tokio::test]
async fn proxies_are_judged_as_every_caller_but_for_names_that_are_not_theirs() {
    let setup = setup(&[("Sidecar:AllowedUids:0", "4000000000"), ("Sidecar:ForwardAuth:Path", "/auth")]).await;
    let foreign = "Host: evil.example\r\nOrigin: https://evil.example\r\nConnection: close\r\n\r\n";
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nX-Forwarded-For: 127.0.0.1\r\n{foreign}");
    assert_eq!(setup.by_unix_socket(&request("/auth")).await, "HTTP/1.1 403 Forbidden");
    let foreign = [("host", "evil.example"), ("origin", "https://evil.example")];
    let token = format!("Bearer {}", setup.authority.user_token(json!({})));
    let authorized = [&foreign[..], &[("authorization", &*token)]].concat();
    assert_eq!(setup.send(Method::GET, "/auth", &authorized, "").await.status, 200);
    // Nothing else comes in with another's name by way of this path.
    for path in ["/Validate", "/auth%2f../Validate", "/authx", "/x/auth", "/aut"] {
        assert_eq!(setup.send(Method::GET, path, &authorized, "").await.status, 400, "{path}");
    }
    for path in ["/auth/Validate", "/auth/%2e%2e%2fValidate", "/auth/AuthorizationHeaderUnauthenticated/App"] {
        let reply = setup.send(Method::GET, path, &authorized, "").await;
        assert_eq!((reply.status, reply.body.len()), (200, 0), "{path} is one more path that a proxy asks about");
    }
    assert!(setup.authority.requests().is_empty(), "and no token was got");
}

#[tokio::test]
async fn the_path_is_off_unless_switched_on_and_asks_for_the_caller_key() {
    let off = Setup::new(&[]).await;
    assert_eq!(off.get("/ForwardAuth").await.status, 404);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "0123456789abcdef").unwrap();
    let setup = setup(&[("Sidecar:CallerKeyPath", path.to_str().unwrap())]).await;
    let token = setup.authority.user_token(json!({}));
    assert_eq!(setup.get_with("/ForwardAuth", &token).await.status, 403);
    let authorization = format!("Bearer {token}");
    let headers = [("x-sidekey-caller-key", "0123456789abcdef"), ("authorization", &*authorization)];
    assert_eq!(setup.send(Method::GET, "/ForwardAuth", &headers, "").await.status, 200);
}

#[tokio::test]
async fn a_claim_that_is_too_long_for_a_header_is_left_empty() {
    let setup = setup(&[("Sidecar:ForwardAuth:ClaimHeaders", "groups oid")]).await;
    let token = setup.authority.user_token(json!({"groups": vec!["g".repeat(36); 300]}));
    let reply = setup.get_with("/ForwardAuth", &token).await;
    assert_eq!((reply.status, reply.header("x-claim-groups")), (200, Some("")));
    assert!(reply.header("x-claim-oid").is_some_and(|oid| !oid.is_empty()));
}
