//! Good answers of the token endpoint.

use serde_json::{Value, json};

use crate::support::{
    ALICE, ALICE_OID, API, CONTOSO, Fixture, NOW, ORIGIN, PASSWORD, SHELL, WEB, WEB_SECRET, password_form, secret_form,
};

#[tokio::test]
async fn an_application_gets_a_v2_token_with_its_roles() {
    let fixture = Fixture::start().await;
    let scope = format!("api://{API}/.default");
    let reply = fixture.token(CONTOSO, &secret_form(WEB_SECRET, &scope)).await;
    assert_eq!(reply.status, 200, "{}", reply.raw);
    assert_eq!(reply.body["token_type"], "Bearer");
    let lifetime = reply.body["expires_in"].as_u64().unwrap();
    assert!((3600..=5400).contains(&lifetime));
    assert_eq!(reply.body["ext_expires_in"], lifetime);
    for absent in ["scope", "refresh_token", "id_token", "refresh_in"] {
        assert_eq!(reply.body[absent], Value::Null, "{absent}");
    }
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let claims = fixture.claims(&reply.text("access_token")).await;
    assert_eq!(claims["iss"], format!("{ORIGIN}/{CONTOSO}/v2.0"));
    assert_eq!(claims["aud"], API);
    assert_eq!(claims["roles"], json!(["Orders.Read.All"]));
    assert_eq!((&claims["azp"], &claims["azpacr"]), (&json!(WEB), &json!("1")));
    assert_eq!((&claims["tid"], &claims["ver"]), (&json!(CONTOSO), &json!("2.0")));
    assert_eq!(claims["oid"], claims["sub"]);
    assert_eq!((&claims["nbf"], &claims["exp"]), (&json!(NOW - 300), &json!(NOW + lifetime)));
    assert_eq!((&claims["scp"], &claims["idtyp"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn the_resource_decides_the_tokens_version() {
    let fixture = Fixture::start().await;
    for scope in ["https://graph.microsoft.com/.default", "https://graph.microsoft.com//.default"] {
        let reply = fixture.token("contoso.onmicrosoft.com", &secret_form(WEB_SECRET, scope)).await;
        let claims = fixture.claims(&reply.text("access_token")).await;
        assert_eq!(claims["iss"], format!("https://sts.windows.net/{CONTOSO}/"));
        assert_eq!(claims["aud"], scope.trim_end_matches(".default").strip_suffix('/').unwrap());
        assert_eq!((&claims["appid"], &claims["appidacr"]), (&json!(WEB), &json!("1")));
        assert_eq!((&claims["ver"], &claims["idtyp"]), (&json!("1.0"), &json!("app")));
    }
}

#[tokio::test]
async fn clients_that_handle_challenges_get_tokens_that_live_long_from_resources_that_send_them() {
    let yaml = sidekey_emulator::Emulator::DEFAULT_DIRECTORY.replace(
        "name: orders-api\n    optionalClaims: [xms_cc]",
        "name: orders-api\n    optionalClaims: [xms_cc, idtyp]",
    );
    let fixture = Fixture::with(&yaml).await;
    let scope = format!("api://{API}/.default");
    let ask = async |claims: &str| {
        let mut form = secret_form(WEB_SECRET, &scope).to_vec();
        form.push(("claims", claims));
        fixture.token(CONTOSO, &form).await
    };
    let reply = ask(r#"{"access_token":{"xms_cc":{"values":["CP1"]},"acrs":{"essential":true,"value":"c1"}}}"#).await;
    let lifetime = reply.body["expires_in"].as_u64().unwrap();
    assert!((20 * 3600..=28 * 3600).contains(&lifetime), "{lifetime}");
    assert_eq!(reply.body["refresh_in"], lifetime / 2);
    let claims = fixture.claims(&reply.text("access_token")).await;
    assert_eq!((&claims["xms_cc"], &claims["acrs"]), (&json!(["CP1"]), &json!(["c1"])));
    assert_eq!(claims["idtyp"], "app");
    let reply = ask("{}").await;
    assert!(reply.body["expires_in"].as_u64().unwrap() <= 5400);
    assert_eq!(fixture.claims(&reply.text("access_token")).await["xms_cc"], Value::Null);
}

#[tokio::test]
async fn lifetimes_are_the_same_for_the_same_seed_and_not_all_alike() {
    let draw = async || {
        let fixture = Fixture::start().await;
        let scope = format!("api://{API}/.default");
        let mut lifetimes = Vec::new();
        for _ in 0..4 {
            lifetimes.push(fixture.token(CONTOSO, &secret_form(WEB_SECRET, &scope)).await.body["expires_in"].clone());
        }
        lifetimes
    };
    let first = draw().await;
    assert_eq!(first, draw().await);
    assert!(first.iter().any(|lifetime| *lifetime != first[0]));
}

#[tokio::test]
async fn http_basic_is_as_good_as_the_form() {
    let fixture = Fixture::start().await;
    let url = format!("{}/{CONTOSO}/OAuth2/v2.0/Token/", fixture.url);
    let form = [("grant_type", "client_credentials".to_owned()), ("scope", format!("api://{API}/.default"))];
    let request = fixture.http.post(url).basic_auth(WEB, Some(WEB_SECRET)).form(&form);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_password_gets_a_users_token() {
    let fixture = Fixture::start().await;
    let scope = format!("api://{WEB}/access_as_user openid profile offline_access");
    let mut form = password_form(ALICE, PASSWORD, &scope).to_vec();
    form.push(("client_info", "1"));
    let reply = fixture.token(CONTOSO, &form).await;
    assert_eq!(reply.status, 200, "{}", reply.raw);
    assert_eq!(reply.text("scope"), format!("openid profile api://{WEB}/access_as_user"));
    let claims = fixture.claims(&reply.text("access_token")).await;
    assert_eq!((&claims["aud"], &claims["scp"]), (&json!(WEB), &json!("access_as_user")));
    assert_eq!((&claims["oid"], &claims["preferred_username"]), (&json!(ALICE_OID), &json!(ALICE)));
    assert_eq!((&claims["azp"], &claims["azpacr"]), (&json!(SHELL), &json!("0")));
    assert_ne!(claims["sub"], claims["oid"]);
    let id_token = fixture.claims(&reply.text("id_token")).await;
    assert_eq!((&id_token["aud"], &id_token["name"]), (&json!(SHELL), &json!("Alice")));
    let info = sidekey_jose::base64url::decode(reply.text("client_info")).unwrap();
    let info: Value = serde_json::from_slice(&info).unwrap();
    assert_eq!(info, json!({ "uid": ALICE_OID, "utid": CONTOSO }));
}
