//! The two routes that call downstream APIs.

use http::Method;
use serde_json::{Value, json};

use crate::setup::{Reply, Setup};

const PATH: &str = "/DownstreamApiUnauthenticated/App";

/// What the API says that it was sent.
fn told(reply: &Reply) -> String {
    reply.json()["content"].as_str().unwrap_or_else(|| panic!("{}", reply.text())).to_owned()
}

async fn open() -> Setup {
    Setup::new(&[("Sidecar:AllowOverrides:CallDownstreamApiUnauthenticated", "true")]).await
}

#[tokio::test]
async fn a_call_hands_back_what_the_api_said() {
    let setup = open().await;
    let reply = setup.send(Method::POST, &format!("{PATH}?optionsOverride.RelativePath=headers"), &[], "").await;
    insta::assert_snapshot!("result", reply.whole().replace(&date(&reply), "<date>"));
    let upstream =
        Setup::new(&[("Sidecar:Compatibility", "Upstream"), ("DownstreamApis:App:RelativePath", "headers")]).await;
    insta::assert_snapshot!("result upstream", upstream.send(Method::POST, PATH, &[], "").await.whole());
    for (path, status, content) in [("missing", 404, json!("no such order")), ("empty", 204, Value::Null)] {
        let reply = setup.get(&format!("{PATH}?optionsOverride.RelativePath={path}")).await;
        let body = reply.json();
        assert_eq!((reply.status, &body["statusCode"], &body["content"]), (200, &json!(status), &content), "{path}");
    }
}

/// The date that the API's own reply had.
fn date(reply: &Reply) -> String {
    reply.json()["headers"]["Date"][0].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn verbs_bodies_and_headers_are_forwarded() {
    let setup = open().await;
    let content = ("content-type", "text/plain; charset=iso-8859-1");
    let own = [content, ("authorization", "Basic eA=="), ("cookie", "a=b"), ("x-custom", "1"), ("accept", "text/html")];
    let reply = setup.send(Method::PUT, PATH, &own, vec![0xe9, 0x00, 0x7f]).await;
    assert_eq!(reply.json()["contentEncoding"], "base64", "the echo is not UTF-8: nothing was re-encoded");
    let reply = setup.send(Method::POST, PATH, &own, "{}").await;
    insta::assert_snapshot!("forwarded", told(&reply));
    let dropped = told(&setup.send(Method::POST, PATH, &[], "{}").await);
    assert!(
        dropped.starts_with("POST ") && dropped.contains("content-length: 0") && dropped.ends_with("\n\n"),
        "{dropped}"
    );
    assert!(told(&setup.send(Method::POST, PATH, &[], "").await).starts_with("GET /v1/orders/\n"));
    for method in [Method::GET, Method::DELETE, Method::PATCH] {
        let reply = setup.send(method.clone(), PATH, &[content], "b").await;
        assert!(told(&reply).starts_with(&format!("{method} /v1/orders/\n")) && told(&reply).ends_with("\n\nb"));
    }
    let upstream = Setup::new(&[("Sidecar:Compatibility", "Upstream")]).await;
    assert!(told(&upstream.send(Method::POST, PATH, &[content], "b").await).starts_with("GET "));
}

#[tokio::test]
async fn overrides_shape_the_call() {
    let setup = open().await;
    let query = "optionsOverride.RelativePath=7%3Fx%3D1&optionsOverride.HttpMethod=patch&optionsOverride.AcceptHeader=text/csv\
                 &optionsOverride.CustomHeader.X-A=1&optionsOverride.ExtraHeaderParameters.Host=evil.example\
                 &optionsOverride.ExtraHeaderParameters.X-Forwarded-For=127.0.0.1\
                 &optionsOverride.ExtraQueryParameters.a%20b=c%26d&optionsOverride.BaseUrl=https://evil.example";
    let reply = setup.send(Method::POST, &format!("{PATH}?{query}"), &[], "").await;
    insta::assert_snapshot!("overridden", told(&reply));
}

#[tokio::test]
async fn no_path_leaves_the_base_url() {
    let setup = open().await;
    for path in ["..", "%252e%252e/x", "a/..%255cb", "//evil.example", "https://evil.example", "a%0d%0ab", "a%00"] {
        let reply = setup.get(&format!("{PATH}?optionsOverride.RelativePath={path}")).await;
        assert_eq!((reply.status, reply.header("content-type")), (400, Some("application/problem+json")), "{path}");
    }
    let split = setup.get(&format!("{PATH}?optionsOverride.CustomHeader.X=a%0d%0aHost:%20evil")).await;
    insta::assert_snapshot!("header with a line break", split.whole());
    assert!(setup.authority.requests().is_empty(), "no token is got for a call that is not made");
}

#[tokio::test]
async fn a_claims_challenge_is_answered_once() {
    let setup = open().await;
    let reply = setup.get(&format!("{PATH}?optionsOverride.RelativePath=challenge")).await;
    assert_eq!(told(&reply), "came with Bearer token-2");
    let requests = setup.authority.requests();
    let claims: Value = serde_json::from_str(&requests[1]["claims"]).unwrap();
    assert_eq!((requests.len(), claims), (2, json!({"access_token": {"nbf": {}}})));
    let again = setup.get("/AuthorizationHeaderUnauthenticated/App").await;
    assert_eq!(
        again.text(),
        r#"{"authorizationHeader":"Bearer token-2"}"#,
        "the revoked token is not handed out again"
    );
}

#[tokio::test]
async fn redirects_are_the_result_unless_they_are_allowed() {
    let path = ("DownstreamApis:App:RelativePath", "redirect");
    let setup = Setup::new(&[path]).await;
    let reply = setup.get(PATH).await.json();
    assert_eq!((&reply["statusCode"], &reply["headers"]["Location"]), (&json!(302), &json!(["echo"])));
    let following = Setup::new(&[path, ("Sidecar:AllowOutboundRedirects", "true")]).await;
    assert!(told(&following.get(PATH).await).starts_with("GET /v1/orders/echo\n"));
}

#[tokio::test]
async fn bodies_that_are_not_text_are_base64() {
    let setup = Setup::new(&[("DownstreamApis:App:RelativePath", "binary")]).await;
    let reply = setup.get(PATH).await.json();
    assert_eq!((&reply["content"], &reply["contentEncoding"]), (&json!("iVBORw=="), &json!("base64")));
}

#[tokio::test]
async fn request_bodies_have_a_limit() {
    let setup = Setup::new(&[("Sidecar:Limits:MaxRequestBodyBytes", "1000")]).await;
    let content = [("content-type", "text/plain")];
    assert_eq!(setup.send(Method::POST, PATH, &content, vec![b'x'; 1000]).await.status, 200);
    let reply = setup.send(Method::POST, PATH, &content, vec![b'x'; 1001]).await;
    assert_eq!((reply.status, reply.body.len(), reply.header("cache-control")), (413, 0, None));
}

#[tokio::test]
async fn calls_in_flight_share_one_budget_of_bytes() {
    let limits = [("Sidecar:Limits:MaxBufferedBytes", "65536"), ("DownstreamApis:App:RelativePath", "wait")];
    let mut setup = Setup::new(&limits).await;
    let content = [("content-type", "text/plain")];
    let (client, url) = (setup.client.clone(), format!("{}{PATH}", setup.url));
    let first = tokio::spawn(async move {
        let request = client.post(url).header("content-type", "text/plain").body(vec![b'x'; 60_000]);
        request.send().await.unwrap().text().await.unwrap()
    });
    setup.api.waiting.recv().await.unwrap();
    let second = setup.send(Method::POST, PATH, &content, vec![b'x'; 60_000]).await;
    insta::assert_snapshot!("overloaded", second.whole());
    setup.api.gate.add_permits(2);
    assert!(first.await.unwrap().contains("waited"));
    let third = setup.send(Method::POST, PATH, &content, vec![b'x'; 60_000]).await;
    assert_eq!(third.status, 200, "what was taken was given back");
}
