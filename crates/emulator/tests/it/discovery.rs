//! Metadata, key sets, instance discovery, user realms.

use serde_json::{Value, json};

use crate::support::{CONTOSO, FABRIKAM, Fixture, ORIGIN};

#[tokio::test]
async fn metadata_has_the_canonical_issuer_and_the_endpoints_that_were_asked() {
    let fixture = Fixture::start().await;
    let url = &fixture.url;
    for tenant in [CONTOSO, "contoso.onmicrosoft.com", "CONTOSO.onmicrosoft.com"] {
        let reply = fixture.get(&format!("/{tenant}/v2.0/.well-known/openid-configuration")).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.body["issuer"], format!("{ORIGIN}/{CONTOSO}/v2.0"));
        assert_eq!(reply.body["token_endpoint"], format!("{url}/{CONTOSO}/oauth2/v2.0/token"));
        assert_eq!(reply.body["authorization_endpoint"], format!("{url}/{CONTOSO}/oauth2/v2.0/authorize"));
        assert_eq!(reply.body["jwks_uri"], format!("{url}/{CONTOSO}/discovery/v2.0/keys"));
        assert_eq!(reply.body["id_token_signing_alg_values_supported"], json!(["RS256"]));
        assert_eq!(reply.body["cloud_instance_name"], "microsoftonline.com");
    }
}

#[tokio::test]
async fn v1_metadata_and_aliases_have_their_own_issuers() {
    let fixture = Fixture::start().await;
    let cases = [
        (format!("/{FABRIKAM}/.well-known/openid-configuration"), format!("https://sts.windows.net/{FABRIKAM}/")),
        ("/common/.well-known/openid-configuration".to_owned(), "https://sts.windows.net/{tenantid}/".to_owned()),
        ("/common/v2.0/.well-known/openid-configuration".to_owned(), format!("{ORIGIN}/{{tenantid}}/v2.0")),
        (
            "/consumers/v2.0/.well-known/openid-configuration".to_owned(),
            format!("{ORIGIN}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"),
        ),
        ("/Organizations/V2.0/.Well-Known/OpenID-Configuration/".to_owned(), format!("{ORIGIN}/{{tenantid}}/v2.0")),
    ];
    for (path, issuer) in cases {
        assert_eq!(fixture.get(&path).await.body["issuer"], issuer, "{path}");
    }
}

#[tokio::test]
async fn unknown_tenants_have_no_metadata() {
    let fixture = Fixture::start().await;
    let metadata = |tenant: &str| format!("/{tenant}/v2.0/.well-known/openid-configuration");
    let unknown = fixture.get(&metadata("00000000-0000-0000-0000-000000000001")).await;
    assert_eq!(unknown.refusal(), (400, "invalid_tenant".to_owned(), 90002));
    let malformed = fixture.get(&metadata("no_tenant")).await;
    assert_eq!(malformed.refusal(), (400, "invalid_request".to_owned(), 900_023));
    assert_eq!(fixture.get("/nowhere").await.status, 404);
}

#[tokio::test]
async fn key_sets_have_entras_shape() {
    let fixture = Fixture::start().await;
    let v2 = fixture.get(&format!("/{CONTOSO}/discovery/v2.0/keys")).await.body["keys"][0].clone();
    let v1 = fixture.get("/common/discovery/keys").await.body["keys"][0].clone();
    for member in ["kid", "x5t", "n"] {
        assert!(v2[member].is_string(), "{member}");
        assert_eq!(v1[member], v2[member]);
    }
    assert_eq!((&v2["kty"], &v2["use"], &v2["e"]), (&json!("RSA"), &json!("sig"), &json!("AQAB")));
    assert_eq!(v2["x5c"].as_array().map(Vec::len), Some(1));
    assert_eq!(v2["issuer"], format!("{ORIGIN}/{{tenantid}}/v2.0"));
    assert_eq!(v1["issuer"], Value::Null);
}

#[tokio::test]
async fn instance_discovery_knows_microsofts_hosts_and_itself() {
    let fixture = Fixture::start().await;
    let discover = |endpoint: &str| {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("api-version", "1.1")
            .append_pair("authorization_endpoint", endpoint)
            .finish();
        format!("/common/discovery/instance?{query}")
    };
    let own = fixture.get(&discover("https://localhost/contoso.onmicrosoft.com/oauth2/v2.0/authorize")).await;
    let expected = format!("{}/contoso.onmicrosoft.com/v2.0/.well-known/openid-configuration", fixture.url);
    assert_eq!(own.body["tenant_discovery_endpoint"], expected);
    let rows = own.body["metadata"].as_array().unwrap();
    let authority = fixture.url.trim_start_matches("http://");
    assert!(rows.iter().any(|row| row["preferred_network"] == authority), "{rows:?}");
    assert!(rows.iter().any(|row| row["preferred_cache"] == "login.windows.net"));
    let public = fixture.get(&discover("https://login.microsoftonline.com/common/oauth2/authorize")).await;
    let expected = format!("{}/common/.well-known/openid-configuration", fixture.url);
    assert_eq!(public.body["tenant_discovery_endpoint"], expected);
    let unknown = fixture.get(&discover("https://login.evil.example/common/oauth2/v2.0/authorize")).await;
    assert_eq!(unknown.refusal(), (400, "invalid_instance".to_owned(), 50049));
    let none = fixture.get("/common/discovery/instance").await;
    assert_eq!(none.refusal(), (400, "invalid_request".to_owned(), 900_144));
}

#[tokio::test]
async fn query_keys_may_be_percent_encoded() {
    let fixture = Fixture::start().await;
    let endpoint = "authorization%5Fendpoint=https%3A%2F%2Flocalhost%2Fcommon%2Foauth2%2Fv2.0%2Fauthorize";
    let reply = fixture.get(&format!("/common/discovery/instance/?api%2Dversion=1.1&{endpoint}")).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn users_of_known_domains_are_managed() {
    let fixture = Fixture::start().await;
    let realm = fixture.get("/common/userrealm/alice@contoso.onmicrosoft.com?api-version=1.0").await;
    assert_eq!(
        (realm.text("account_type"), realm.text("domain_name")),
        ("Managed".into(), "contoso.onmicrosoft.com".into())
    );
    let realm = fixture.get("/common/userrealm/alice@elsewhere.example").await;
    assert_eq!(realm.text("account_type"), "Unknown");
}
