//! The two routes that give authorization headers.

use serde_json::json;

use crate::setup::Setup;

#[tokio::test]
async fn an_app_token_is_fetched_once_and_then_cached() {
    let setup = Setup::new(&[]).await;
    let first = setup.get("/AuthorizationHeaderUnauthenticated/App").await;
    insta::assert_snapshot!("header", first.whole());
    assert_eq!(setup.get("/authorizationheaderunauthenticated/APP/").await.text(), first.text());
    let requests = setup.authority.requests();
    let form = requests.first().unwrap();
    assert_eq!(
        (requests.len(), &*form["grant_type"], &*form["scope"]),
        (1, "client_credentials", "api://orders/.default")
    );
}

#[tokio::test]
async fn a_users_token_is_exchanged_on_behalf_of_the_user() {
    let setup = Setup::new(&[]).await;
    let token = setup.authority.user_token(json!({}));
    for path in ["/AuthorizationHeader/User", "/AuthorizationHeaderUnauthenticated/User"] {
        assert_eq!(setup.get_with(path, &token).await.text(), r#"{"authorizationHeader":"Bearer token-1"}"#, "{path}");
    }
    let requests = setup.authority.requests();
    assert_eq!((requests.len(), &*requests[0]["assertion"]), (1, token.as_str()));
    assert!(requests[0]["scope"].contains("api://orders/Orders.Read"));
    let other = setup.authority.user_token(json!({"oid": "bbbbbbbb-1111-2222-3333-cccccccccccc"}));
    assert_eq!(
        setup.get_with("/AuthorizationHeader/User", &other).await.text(),
        r#"{"authorizationHeader":"Bearer token-2"}"#
    );
}

#[tokio::test]
async fn overrides_reach_the_token_request() {
    let setup = Setup::new(&[]).await;
    let token = setup.authority.user_token(json!({}));
    let path =
        "/AuthorizationHeader/Anything?OptionsOverride.scopes=api://x/.default&optionsOverride.requestapptoken=TRUE";
    assert_eq!(setup.get_with(path, &token).await.status, 200);
    let form = setup.authority.requests().pop().unwrap();
    assert_eq!((&*form["grant_type"], &*form["scope"]), ("client_credentials", "api://x/.default"));
    let forced = format!("{path}&optionsOverride.AcquireTokenOptions.ForceRefresh=true");
    assert_eq!(setup.get_with(&forced, &token).await.text(), r#"{"authorizationHeader":"Bearer token-2"}"#);
    assert_eq!(setup.get_with(path, &token).await.text(), r#"{"authorizationHeader":"Bearer token-2"}"#);
}

#[tokio::test]
async fn gated_overrides_change_nothing() {
    let setup = Setup::new(&[]).await;
    let path = "/AuthorizationHeaderUnauthenticated/App?optionsOverride.Scopes=api://x/.default";
    assert_eq!(setup.get(path).await.status, 200);
    assert_eq!(setup.authority.requests()[0]["scope"], "api://orders/.default");
    let open = Setup::new(&[("Sidecar:AllowOverrides:GetAuthorizationHeaderUnauthenticated", "true")]).await;
    assert_eq!(open.get(path).await.status, 200);
    assert_eq!(open.authority.requests()[0]["scope"], "api://x/.default");
}

#[tokio::test]
async fn agent_parameters_on_a_gated_route_are_refused_or_dropped() {
    let path = "/AuthorizationHeaderUnauthenticated/App?AgentIdentity=11112222-bbbb-3333-cccc-4444dddd5555";
    let setup = Setup::new(&[]).await;
    insta::assert_snapshot!("agent gated", setup.get(path).await.whole());
    assert!(setup.authority.requests().is_empty());
    let upstream = Setup::new(&[("Sidecar:Compatibility", "Upstream")]).await;
    assert_eq!(upstream.get(path).await.status, 200);
}
