//! Flows of more than one request: on behalf of, refresh, authorization code, key rotation.

use serde_json::{Value, json};
use sidekey_jose::base64url;

use crate::support::{
    ALICE, ALICE_OID, API, CONTOSO, FABRIKAM, Fixture, PASSWORD, Reply, SHELL, WEB, WEB_SECRET, password_form,
    secret_form, serve,
};

/// An on-behalf-of form of orders-web.
fn obo_form<'a>(assertion: &'a str, scope: &'a str) -> [(&'a str, &'a str); 6] {
    [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("client_id", WEB),
        ("client_secret", WEB_SECRET),
        ("requested_token_use", "on_behalf_of"),
        ("assertion", assertion),
        ("scope", scope),
    ]
}

fn refresh_form<'a>(client: &'a str, token: &'a str) -> [(&'a str, &'a str); 3] {
    [("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)]
}

#[tokio::test]
async fn a_middle_tier_gets_a_token_on_behalf_of_its_user() {
    let fixture = Fixture::start().await;
    let user_token = fixture.user_token().await;
    let scope = format!("api://{API}/.default offline_access openid profile");
    let reply = fixture.token(CONTOSO, &obo_form(&user_token, &scope)).await;
    assert_eq!(reply.status, 200, "{}", reply.raw);
    assert_eq!(reply.text("scope"), format!("openid profile api://{API}/Orders.Read api://{API}/.default"));
    let claims = fixture.claims(&reply.text("access_token")).await;
    assert_eq!((&claims["aud"], &claims["scp"]), (&json!(API), &json!("Orders.Read")));
    assert_eq!((&claims["oid"], &claims["azp"], &claims["azpacr"]), (&json!(ALICE_OID), &json!(WEB), &json!("1")));
    let refresh_token = reply.text("refresh_token");
    let mut form = refresh_form(WEB, &refresh_token).to_vec();
    form.push(("client_secret", WEB_SECRET));
    let refreshed = fixture.token(CONTOSO, &form).await;
    let claims = fixture.claims(&refreshed.text("access_token")).await;
    assert_eq!((&claims["aud"], &claims["oid"]), (&json!(API), &json!(ALICE_OID)));
    let without = fixture.token(CONTOSO, &obo_form(&user_token, &format!("api://{API}/Orders.Read"))).await;
    assert_eq!(without.body["refresh_token"], Value::Null);
}

#[tokio::test]
async fn on_behalf_of_needs_a_good_user_token_for_the_caller() {
    let fixture = Fixture::start().await;
    let user_token = fixture.user_token().await;
    let scope = format!("api://{API}/Orders.Read");
    let refusal =
        async |assertion: &str, scope: &str| fixture.token(CONTOSO, &obo_form(assertion, scope)).await.refusal();
    let graph = fixture.token(CONTOSO, &password_form(ALICE, PASSWORD, "openid")).await.text("access_token");
    assert_eq!(refusal(&graph, &scope).await, (400, "invalid_grant".into(), 500_131));
    let own = format!("api://{WEB}/.default");
    let app_token = fixture.token(CONTOSO, &secret_form(WEB_SECRET, &own)).await.text("access_token");
    assert_eq!(refusal(&app_token, &scope).await, (400, "invalid_grant".into(), 7_000_114));
    let (signed, signature) = user_token.rsplit_once('.').unwrap();
    let mut signature = base64url::decode(signature).unwrap();
    signature[9] ^= 1;
    let forged = format!("{signed}.{}", base64url::encode(&signature));
    assert_eq!(refusal(&forged, &scope).await, (400, "invalid_grant".into(), 50_013));
    assert_eq!(refusal("no.jwt.here", &scope).await, (400, "invalid_request".into(), 50_027));
    let no_consent = fixture.token(CONTOSO, &obo_form(&user_token, &format!("api://{API}/Orders.Write"))).await;
    assert_eq!(no_consent.refusal(), (400, "invalid_grant".into(), 65_001));
    assert_eq!(no_consent.text("suberror"), "consent_required");
    fixture.advance(2 * 3600);
    assert_eq!(refusal(&user_token, &scope).await, (400, "invalid_grant".into(), 500_133));
}

#[tokio::test]
async fn a_token_of_another_issuer_or_tenant_is_not_traded_even_if_its_key_is_ours() {
    let mut fixture = Fixture::start().await;
    let (own, token) = (fixture.url.clone(), fixture.user_token().await);
    let scope = format!("api://{API}/Orders.Read");
    fixture.url = serve(fixture.emulator.router("https://login.other.example")).await;
    let elsewhere = fixture.token(CONTOSO, &obo_form(&token, &scope)).await;
    assert_eq!(elsewhere.refusal(), (400, "invalid_request".into(), 50_027));
    assert_eq!(fixture.token(FABRIKAM, &obo_form(&token, &scope)).await.refusal().2, 700_016);
    fixture.url = own;
    assert_eq!(fixture.token(CONTOSO, &obo_form(&token, &scope)).await.status, 200);
}

#[tokio::test]
async fn refresh_tokens_rotate_and_are_bound_to_client_and_user() {
    let fixture = Fixture::start().await;
    let scope = format!("api://{WEB}/access_as_user offline_access");
    let signed_in = fixture.token(CONTOSO, &password_form(ALICE, PASSWORD, &scope)).await;
    let first = signed_in.text("refresh_token");
    let reply = fixture.token(CONTOSO, &refresh_form(SHELL, &first)).await;
    assert_eq!(reply.status, 200, "{}", reply.raw);
    let claims = fixture.claims(&reply.text("access_token")).await;
    assert_eq!((&claims["scp"], &claims["oid"]), (&json!("access_as_user"), &json!(ALICE_OID)));
    let second = reply.text("refresh_token");
    assert_ne!(first, second);
    let mut other = refresh_form(WEB, &second).to_vec();
    other.push(("client_secret", WEB_SECRET));
    assert_eq!(fixture.token(CONTOSO, &other).await.refusal(), (400, "invalid_grant".into(), 70_000));
    assert_eq!(fixture.post_json("/sidekey/revoke", json!({ "user": ALICE })).await.body, json!({ "revoked": 2 }));
    assert_eq!(fixture.token(CONTOSO, &refresh_form(SHELL, &second)).await.refusal().2, 50_173);
    let again = fixture.token(CONTOSO, &password_form(ALICE, PASSWORD, &scope)).await.text("refresh_token");
    fixture.advance(90 * 24 * 3600 + 1);
    assert_eq!(fixture.token(CONTOSO, &refresh_form(SHELL, &again)).await.refusal().2, 700_082);
    assert_eq!(fixture.token(CONTOSO, &refresh_form(SHELL, "made up")).await.refusal().2, 70_000);
}

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT: &str = "http://localhost:8400/";

fn authorize_path(more: &[(&str, &str)]) -> String {
    let scope = format!("api://{WEB}/access_as_user openid");
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("client_id", SHELL).append_pair("response_type", "code").append_pair("scope", &scope);
    query.append_pair("redirect_uri", REDIRECT).append_pair("state", "s&1").append_pair("nonce", "n1");
    query.append_pair("code_challenge", CHALLENGE).append_pair("code_challenge_method", "S256");
    for (name, value) in more {
        query.append_pair(name, value);
    }
    format!("/{CONTOSO}/oauth2/v2.0/authorize?{}", query.finish())
}

/// Parameters of the redirect.
fn redirected(reply: &Reply) -> Vec<(String, String)> {
    let location: url::Url = reply.header("location").unwrap_or_else(|| panic!("{reply:?}")).parse().unwrap();
    assert!(location.as_str().starts_with(REDIRECT));
    let text = location.fragment().or(location.query()).unwrap_or_default();
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

fn find(parameters: &[(String, String)], name: &str) -> Option<String> {
    parameters.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
}

fn code_form<'a>(code: &'a str, verifier: &'a str, redirect_uri: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", SHELL),
        ("code", code),
        ("code_verifier", verifier),
        ("redirect_uri", redirect_uri),
    ]
}

#[tokio::test]
async fn signing_in_on_the_page_gives_a_code_that_works_once() {
    let fixture = Fixture::start().await;
    let path = authorize_path(&[]);
    let page = fixture.get(&path).await;
    assert!(page.status == 200 && page.raw.contains("name=\"password\"") && page.raw.contains(ALICE), "{}", page.raw);
    let submit = async |password: &str| {
        let form = [("username", ALICE), ("password", password)];
        Reply::read(fixture.http.post(format!("{}{path}", fixture.url)).form(&form).send().await.unwrap()).await
    };
    let wrong = submit("guess").await;
    assert!(wrong.status == 400 && wrong.raw.contains("AADSTS50126"), "{}", wrong.raw);
    let answer = redirected(&submit(PASSWORD).await);
    assert_eq!(find(&answer, "state").as_deref(), Some("s&1"));
    let code = find(&answer, "code").unwrap();
    let reply = fixture.token(CONTOSO, &code_form(&code, VERIFIER, REDIRECT)).await;
    assert_eq!(reply.status, 200, "{}", reply.raw);
    let claims = fixture.claims(&reply.text("access_token")).await;
    assert_eq!((&claims["aud"], &claims["oid"]), (&json!(WEB), &json!(ALICE_OID)));
    assert_eq!(fixture.claims(&reply.text("id_token")).await["nonce"], "n1");
    let again = fixture.token(CONTOSO, &code_form(&code, VERIFIER, REDIRECT)).await;
    assert_eq!(again.refusal(), (400, "invalid_grant".into(), 54_005));
}

#[tokio::test]
async fn a_script_gets_its_code_without_a_page_and_only_with_verifier_and_redirect_uri() {
    let fixture = Fixture::start().await;
    let code = async || {
        let path = authorize_path(&[("prompt", "none"), ("login_hint", ALICE), ("response_mode", "fragment")]);
        find(&redirected(&fixture.get(&path).await), "code").unwrap()
    };
    let refusal = async |code: &str, verifier: &str, uri: &str| {
        fixture.token(CONTOSO, &code_form(code, verifier, uri)).await.refusal()
    };
    assert_eq!(refusal(&code().await, "wrong", REDIRECT).await, (400, "invalid_grant".into(), 501_481));
    assert_eq!(refusal(&code().await, "", REDIRECT).await, (400, "invalid_grant".into(), 501_481));
    assert_eq!(refusal(&code().await, VERIFIER, "http://localhost:1/").await, (400, "invalid_grant".into(), 500_112));
    assert_eq!(refusal("made up", VERIFIER, REDIRECT).await, (400, "invalid_grant".into(), 70_000));
    let late = code().await;
    fixture.advance(601);
    assert_eq!(refusal(&late, VERIFIER, REDIRECT).await, (400, "invalid_grant".into(), 70_008));
}

#[tokio::test]
async fn authorization_errors_go_back_to_the_client_only_if_its_address_is_good() {
    let fixture = Fixture::start().await;
    let evil = fixture.get(&authorize_path(&[]).replace("localhost%3A8400", "evil.example")).await;
    assert!(evil.status == 400 && evil.raw.contains("AADSTS50011") && evil.header("location").is_none());
    let cases = [
        (authorize_path(&[("prompt", "none")]), "login_required"),
        (authorize_path(&[("prompt", "none"), ("login_hint", "eve@contoso.onmicrosoft.com")]), "access_denied"),
        (authorize_path(&[]).replace("response_type=code", "response_type=token"), "unsupported_response_type"),
        (authorize_path(&[]).replace("=S256", "=plain"), "invalid_request"),
        (
            authorize_path(&[("prompt", "none"), ("login_hint", ALICE)]).replace("access_as_user", "nothing"),
            "invalid_scope",
        ),
        (
            authorize_path(&[("prompt", "none"), ("login_hint", ALICE)])
                .replace(WEB, "https%3A%2F%2Fvault.azure.net")
                .replace("api%3A%2F%2Fhttps", "https")
                .replace("access_as_user", ".default"),
            "consent_required",
        ),
    ];
    for (path, error) in cases {
        let answer = redirected(&fixture.get(&path).await);
        assert_eq!(find(&answer, "error").as_deref(), Some(error), "{answer:?}");
        assert!(find(&answer, "error_description").is_some_and(|text| text.starts_with("AADSTS")));
        assert_eq!(find(&answer, "state").as_deref(), Some("s&1"));
    }
}

#[tokio::test]
async fn a_graph_token_tells_who_its_user_is_and_no_other_token_does() {
    let fixture = Fixture::start().await;
    let url = fixture.get("/common/v2.0/.well-known/openid-configuration").await.text("userinfo_endpoint");
    let ask = async |token: &str| Reply::read(fixture.http.get(&url).bearer_auth(token).send().await.unwrap()).await;
    let signed_in = fixture.token(CONTOSO, &password_form(ALICE, PASSWORD, "openid profile")).await;
    let info = ask(&signed_in.text("access_token")).await;
    assert_eq!((info.text("name"), info.text("email")), ("Alice".into(), ALICE.into()));
    assert_eq!(info.body["sub"], fixture.claims(&signed_in.text("id_token")).await["sub"]);
    let for_another = fixture.user_token().await;
    for bad in [for_another.as_str(), "no.jwt.here", ""] {
        let refused = ask(bad).await;
        assert_eq!((refused.status, refused.body["error"]["code"].clone()), (401, json!("InvalidAuthenticationToken")));
    }
    fixture.advance(2 * 3600);
    assert_eq!(ask(&signed_in.text("access_token")).await.status, 401);
}

#[tokio::test]
async fn keys_rotate_in_three_steps_and_old_tokens_live_until_the_last() {
    let fixture = Fixture::start().await;
    let kids = async || {
        let keys = fixture.get("/common/discovery/v2.0/keys").await.body["keys"].clone();
        keys.as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let old = kids().await;
    let user_token = fixture.user_token().await;
    let rotate = async || fixture.post_json("/sidekey/keys/rotate", json!({})).await;
    let published = rotate().await;
    assert_eq!((published.text("step"), published.text("signing")), ("published".into(), old[0].clone()));
    let both = kids().await;
    assert_eq!(both.len(), 2);
    let signing = rotate().await;
    assert_eq!((signing.text("step"), signing.text("signing")), ("signing".into(), both[1].clone()));
    fixture.claims(&fixture.user_token().await).await;
    let scope = format!("api://{API}/Orders.Read");
    assert_eq!(fixture.token(CONTOSO, &obo_form(&user_token, &scope)).await.status, 200);
    assert_eq!(rotate().await.text("step"), "dropped");
    assert_eq!(kids().await, [both[1].clone()]);
    assert_eq!(fixture.token(CONTOSO, &obo_form(&user_token, &scope)).await.refusal().2, 50_013);
}
