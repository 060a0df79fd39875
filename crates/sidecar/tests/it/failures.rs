//! Every kind of failure as the caller sees it, whole, in both modes.

use http::Method;
use serde_json::{Value, json};

use crate::{
    authority::refusal,
    setup::{Reply, Setup},
};

const HEADER: &str = "/AuthorizationHeaderUnauthenticated/App";
const CALL: &str = "/DownstreamApiUnauthenticated/App";

/// A sidecar of each mode.
async fn both(settings: &[(&str, &str)]) -> [(&'static str, Setup); 2] {
    let upstream = [settings, &[("Sidecar:Compatibility", "Upstream")]].concat();
    [("strict", Setup::new(settings).await), ("upstream", Setup::new(&upstream).await)]
}

/// The whole reply without what differs from run to run.
fn masked(setup: &Setup, reply: &Reply) -> String {
    reply.whole().replace(&setup.authority.origin, "http://authority").replace(&setup.api.origin, "http://api")
}

/// One snapshot per mode.
async fn compare(name: &str, settings: &[(&str, &str)], answers: &[(u16, Value)], path: &str) {
    for (mode, setup) in both(settings).await {
        setup.authority.answer(answers.iter().cloned());
        insta::assert_snapshot!(format!("{name} {mode}"), masked(&setup, &setup.get(path).await));
    }
}

#[tokio::test]
async fn entra_refuses() {
    let wrong_secret = refusal("invalid_client", 7_000_215, None);
    compare("wrong secret", &[], &[(401, wrong_secret)], HEADER).await;
}

#[tokio::test]
async fn entra_wants_the_user_to_interact() {
    let claims = r#"{"access_token":{"capolids":{"essential":true,"values":["c1"]}}}"#;
    for (mode, setup) in both(&[]).await {
        setup.authority.answer([(400, refusal("interaction_required", 50_076, Some(claims)))]);
        let token = setup.authority.user_token(json!({}));
        let reply = setup.get_with("/AuthorizationHeader/User", &token).await;
        insta::assert_snapshot!(format!("interaction required {mode}"), masked(&setup, &reply));
    }
}

#[tokio::test]
async fn entra_is_down() {
    let down = (503, refusal("temporarily_unavailable", 90_033, None));
    compare("entra answers 503", &[], &[down.clone(), down], HEADER).await;
}

#[tokio::test]
async fn there_is_no_user() {
    compare("no user", &[], &[], "/AuthorizationHeaderUnauthenticated/User").await;
}

#[tokio::test]
async fn the_api_is_not_configured() {
    compare("unknown api", &[], &[], "/AuthorizationHeaderUnauthenticated/Other").await;
}

#[tokio::test]
async fn the_api_has_no_scopes() {
    let settings = [("DownstreamApis:Bare:BaseUrl", "https://bare.example")];
    compare("no scopes", &settings, &[], "/DownstreamApiUnauthenticated/Bare").await;
}

#[tokio::test]
async fn the_api_has_no_base_url() {
    let settings = [
        ("DownstreamApis:Nowhere:Scopes", "api://orders/.default"),
        ("DownstreamApis:Nowhere:RequestAppToken", "true"),
    ];
    compare("no base url", &settings, &[], "/DownstreamApiUnauthenticated/Nowhere").await;
}

#[tokio::test]
async fn the_scope_is_not_an_apps() {
    let settings = [("DownstreamApis:App:Scopes", "api://orders/Orders.Read")];
    compare("scope without default", &settings, &[], HEADER).await;
}

#[tokio::test]
async fn the_downstream_api_hangs() {
    let settings = [("Sidecar:Limits:DownstreamTimeout", "00:00:01"), ("DownstreamApis:App:RelativePath", "hang")];
    compare("downstream hangs", &settings, &[], CALL).await;
}

#[tokio::test]
async fn the_downstream_api_answers_too_much() {
    let settings = [("Sidecar:Limits:MaxDownstreamResponseBytes", "1000"), ("DownstreamApis:App:RelativePath", "big")];
    compare("downstream too large", &settings, &[], CALL).await;
}

#[tokio::test]
async fn the_downstream_api_is_not_there() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let base = format!("http://{free}/");
    compare("downstream unreachable", &[("DownstreamApis:App:BaseUrl", &base)], &[], CALL).await;
}

#[tokio::test]
async fn agent_parameters_break_a_rule() {
    let setup = Setup::new(&[("Sidecar:AllowOverrides:GetAuthorizationHeaderUnauthenticated", "true")]).await;
    let id = "11112222-bbbb-3333-cccc-4444dddd5555";
    let table = [
        ("AgentUsername=bob".to_owned(), "AgentUsername or AgentUserId require AgentIdentity"),
        (
            format!("AgentIdentity={id}&AgentUsername=bob&AgentUserId={id}"),
            "AgentUsername and AgentUserId are mutually exclusive",
        ),
        (format!("AgentIdentity={id}&AgentUserId=bob"), "AgentUserId must be a valid GUID"),
        (
            format!("AgentIdentity={id}&AgentUserId={id}"),
            "An agent user needs a user token: RequestAppToken must not be set",
        ),
    ];
    for (query, detail) in table {
        let reply = setup.get(&format!("{HEADER}?{query}")).await;
        assert_eq!((reply.status, reply.json()["detail"].as_str()), (400, Some(detail)), "{query}");
    }
    assert!(setup.authority.requests().is_empty());
}

#[tokio::test]
async fn an_outage_does_not_take_cached_tokens_away() {
    let setup = Setup::new(&[]).await;
    let first = setup.get(HEADER).await;
    let down = (503, refusal("temporarily_unavailable", 90_033, None));
    setup.authority.answer(vec![down; 4]);
    assert_eq!(setup.send(Method::GET, HEADER, &[], "").await.text(), first.text());
}
