//! `/Validate`, and what happens to tokens on the other routes.

use serde_json::json;

use crate::setup::Setup;

#[tokio::test]
async fn a_good_token_is_shown_with_its_claims_as_they_are() {
    let setup = Setup::new(&[]).await;
    let token = setup
        .authority
        .user_token(json!({"name": "Ünal \"X\" <a&b>", "amr": ["pwd", "mfa"], "big": 12_345_678_901_234_567_890_u64}));
    let reply = setup.get_with("/Validate?AgentIdentity=x&optionsOverride.Scopes=y", &token).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
    let expected = format!(r#"{{"protocol":"Bearer","token":"{token}","claims":{{"#);
    assert!(reply.text().starts_with(&expected), "{}", reply.text());
    assert!(
        reply.text().contains("\"name\":\"Ünal \\\"X\\\" <a&b>\"") && reply.text().contains("12345678901234567890")
    );
    assert_eq!(reply.json()["claims"]["amr"], json!(["pwd", "mfa"]));
}

#[tokio::test]
async fn refused_tokens_get_the_challenge_and_nothing_else() {
    let setup = Setup::new(&[]).await;
    insta::assert_snapshot!("no token", setup.get("/Validate").await.whole());
    let table = [
        ("expired", json!({"exp": 1_700_000_000, "nbf": 1_600_000_000})),
        ("foreign audience", json!({"aud": "api://other"})),
        ("foreign issuer", json!({"iss": "https://evil.example/"})),
        ("no expiration", json!({"exp": null})),
    ];
    for (name, changes) in table {
        let token = setup.authority.user_token(changes);
        let reply = setup.get_with("/Validate", &token).await.whole();
        insta::assert_snapshot!(name, reply.replace(&setup.authority.origin, "<authority>"));
    }
    let good = setup.authority.user_token(json!({}));
    let (head, _) = good.rsplit_once('.').unwrap();
    for token in ["x", "a.b.c", &format!("{head}.AAAA")] {
        let reply = setup.get_with("/Validate", token).await;
        assert_eq!((reply.status, reply.body.len()), (401, 0), "{token}");
        assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer error=\"invalid_token\""), "{token}");
    }
    let twice = [("authorization", &*format!("Bearer {good}")), ("authorization", &*format!("Bearer {good}"))];
    assert_eq!(setup.send(http::Method::GET, "/Validate", &twice, "").await.status, 401, "two tokens are none");
}

#[tokio::test]
async fn strict_enforces_scopes_everywhere_as_a_set() {
    let setup = Setup::new(&[("AzureAd:Scopes", "Orders.Read access_as_user")]).await;
    let good = setup.authority.user_token(json!({}));
    let poor = setup.authority.user_token(json!({"scp": "other"}));
    for path in
        ["/Validate", "/AuthorizationHeader/User", "/AuthorizationHeaderUnauthenticated/User", "/DownstreamApi/User"]
    {
        assert_eq!(setup.get_with(path, &good).await.status, 200, "{path}");
        assert_eq!(setup.get_with(path, &poor).await.status, 403, "{path}");
    }
    insta::assert_snapshot!("missing scope", setup.get_with("/Validate", &poor).await.whole());
    let app = setup.authority.user_token(json!({"scp": null, "roles": ["Orders.Process"], "sub": "app", "oid": "app"}));
    assert_eq!(setup.get_with("/Validate", &app).await.status, 403);
    let with_roles = Setup::new(&[("AzureAd:Scopes:0", "access_as_user"), ("AzureAd:Roles", "Orders.Process")]).await;
    let app =
        with_roles.authority.user_token(json!({"scp": null, "roles": ["Orders.Process"], "sub": "app", "oid": "app"}));
    assert_eq!(with_roles.get_with("/Validate", &app).await.status, 200);
}

#[tokio::test]
async fn upstream_takes_the_scopes_for_one_literal_and_asks_on_one_route() {
    let upstream = ("Sidecar:Compatibility", "Upstream");
    let setup = Setup::new(&[upstream, ("AzureAd:Scopes", "access_as_user")]).await;
    let poor = setup.authority.user_token(json!({"scp": "other"}));
    assert_eq!(setup.get_with("/Validate", &setup.authority.user_token(json!({}))).await.status, 200);
    insta::assert_snapshot!("missing scope upstream", setup.get_with("/Validate", &poor).await.whole());
    assert_eq!(setup.get_with("/AuthorizationHeader/User", &poor).await.status, 200);
    let two = Setup::new(&[upstream, ("AzureAd:Scopes", "access_as_user other")]).await;
    assert_eq!(two.get_with("/Validate", &two.authority.user_token(json!({}))).await.status, 403);
    let list = Setup::new(&[upstream, ("AzureAd:Scopes:0", "nobody.has.this")]).await;
    assert_eq!(list.get_with("/Validate", &list.authority.user_token(json!({}))).await.status, 200);
}

#[tokio::test]
async fn a_token_on_an_anonymous_route_is_judged_unless_upstream() {
    let path = "/AuthorizationHeaderUnauthenticated/App";
    let setup = Setup::new(&[]).await;
    assert_eq!(setup.get(path).await.status, 200);
    assert_eq!(setup.get_with(path, "nonsense").await.status, 401);
    let basic = [("authorization", "Basic YTpi")];
    assert_eq!(setup.send(http::Method::GET, path, &basic, "").await.status, 200, "another scheme is no token");
    let upstream = Setup::new(&[("Sidecar:Compatibility", "Upstream")]).await;
    assert_eq!(upstream.get_with(path, "nonsense").await.status, 200);
    assert_eq!(upstream.get_with("/AuthorizationHeader/App", "nonsense").await.status, 401);
}

#[tokio::test]
async fn without_its_authority_the_sidecar_starts_and_says_what_is_missing() {
    // Port 9 is "discard", on which nothing listens here.
    let setup = Setup::new(&[("AzureAd:Instance", "http://127.0.0.1:9/")]).await;
    for probe in ["/healthz", "/readyz"] {
        assert_eq!(setup.get(probe).await.status, 200, "{probe}");
    }
    let iss = format!("http://127.0.0.1:9/{}/v2.0", crate::authority::TENANT);
    let reply = setup.get_with("/Validate", &setup.authority.user_token(json!({ "iss": iss }))).await;
    assert_eq!(reply.status, 401);
    assert!(reply.header("www-authenticate").unwrap().contains("The signature key was not found"));
    let reply = setup.get("/AuthorizationHeaderUnauthenticated/App").await;
    assert_eq!((reply.status, reply.header("retry-after").is_some()), (503, true), "{}", reply.text());
}
