//! Key Vault's door: hosts, challenge, tokens, roles, versions of the interface, faults.

use serde_json::json;
use sidekey_jose::Algorithm;

use crate::{
    keys::Identity,
    support::{CONTOSO, FABRIKAM, NOW, ORIGIN, Reply, WEB, secret_form},
    vault_support::{API_VERSION, VaultFixture, refusal},
};

const SECRET: &str = "/secrets/orders-database-password";

#[tokio::test]
async fn without_a_token_the_vault_tells_where_to_get_one_and_for_what() {
    let vault = VaultFixture::start().await;
    let reply = vault.send("GET", &format!("{}{SECRET}/?{API_VERSION}", vault.base()), None, None).await;
    assert_eq!(refusal(&reply), (401, "Unauthorized".into(), None));
    assert!(reply.raw.contains("AKV10000: Request is missing a Bearer or PoP token."));
    let challenge = format!("Bearer authorization=\"{ORIGIN}/{CONTOSO}\", resource=\"{}\"", vault.resource());
    assert_eq!(reply.header("www-authenticate"), Some(challenge.as_str()));

    let by_azure_name = format!("https://contoso-vault.vault.azure.net:{}{SECRET}?{API_VERSION}", vault.port);
    let reply = vault.send("GET", &by_azure_name, None, None).await;
    let challenge =
        format!("Bearer authorization=\"{ORIGIN}/{CONTOSO}\", resource=\"https://vault.azure.net:{}\"", vault.port);
    assert_eq!(reply.header("www-authenticate"), Some(challenge.as_str()));
}

#[tokio::test]
async fn a_token_for_the_challenges_resource_or_for_key_vault_opens_the_vault() {
    let vault = VaultFixture::start().await;
    for resource in [vault.resource(), "https://vault.azure.net".to_owned(), "https://vault.azure.net/".to_owned()] {
        let token = vault.token_for(&resource).await;
        let reply = vault.ask("GET", SECRET, &token, None).await;
        assert_eq!(reply.status, 200, "{resource} {}", reply.raw);
        assert_eq!(reply.text("value"), "orders-database-development-password");
        assert!(reply.text("id").starts_with(&format!("{}{SECRET}/", vault.base())));
        assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
        assert_eq!(reply.header("cache-control"), Some("no-cache"));
    }
    let claims = vault.fixture.claims(&vault.token_for(&vault.resource()).await).await;
    assert_eq!(claims["aud"], vault.resource());
    assert_eq!(claims["iss"], format!("https://sts.windows.net/{CONTOSO}/"));
}

#[tokio::test]
async fn every_spelling_of_a_path_leads_to_the_secret() {
    let vault = VaultFixture::start().await;
    let token = vault.token_for(&vault.resource()).await;
    let base = vault.base();
    let plain = format!("{}/sidekey/vault/contoso-vault", vault.fixture.url);
    for url in [
        format!("{base}{SECRET}/?api-version=7.0"),
        format!("{base}/SECRETS/Orders-Database-Password?api%2Dversion=2026-04-01"),
        format!("{base}//secrets/orders%2Ddatabase-password//?API-version=7.6"),
        format!("https://localhost:{}/sidekey/vault/contoso-vault{SECRET}/?{API_VERSION}", vault.port),
        format!("{plain}{SECRET}?{API_VERSION}"),
    ] {
        let reply = vault.send("GET", &url, Some(&token), None).await;
        assert_eq!(reply.status, 200, "{url} {}", reply.raw);
        let start =
            if url.contains("/sidekey/") { "/sidekey/vault/contoso-vault/secrets/" } else { ".vault.localhost:" };
        assert!(reply.text("id").contains(start), "{}", reply.raw);
    }
    let other = vault
        .send(
            "GET",
            &format!("https://nowhere.vault.localhost:{}/secrets?{API_VERSION}", vault.port),
            Some(&token),
            None,
        )
        .await;
    assert_eq!(refusal(&other), (404, "VaultNotFound".into(), None));
    assert!(other.raw.contains("`contoso-vault`"), "{}", other.raw);
}

#[tokio::test]
async fn tokens_that_are_not_for_this_vault_are_refused_with_the_challenge() {
    let vault = VaultFixture::start().await;
    let good = vault.token_for(&vault.resource()).await;
    let forged = {
        let (head, rest) = good.split_once('.').unwrap();
        let (payload, _) = rest.split_once('.').unwrap();
        format!("{head}.{payload}.{}", "A".repeat(342))
    };
    let stranger = Identity::new("stranger");
    let claims = json!({
        "aud": "https://vault.azure.net", "iss": format!("https://sts.windows.net/{CONTOSO}/"), "tid": CONTOSO,
        "oid": CONTOSO, "nbf": NOW, "exp": NOW + 600,
    });
    let strange = stranger.sign(Algorithm::RS256, json!({ "kid": stranger.sha1() }), &claims);
    let graph = vault.token_for("https://graph.microsoft.com").await;
    let cases = [
        (graph, "AKV10022: Invalid audience. Expected https://vault.azure.net, found: https://graph.microsoft.com."),
        (forged, "AKV10046: "),
        (strange, "AKV10046: "),
        ("noise".to_owned(), "The token is not a JWT"),
    ];
    for (token, message) in cases {
        let reply = vault.ask("GET", SECRET, &token, None).await;
        assert_eq!(refusal(&reply), (401, "Unauthorized".into(), None), "{message}");
        assert!(reply.body["error"]["message"].as_str().unwrap().starts_with(message), "{}", reply.raw);
        assert!(reply.header("www-authenticate").unwrap().contains(&vault.resource()));
    }
    vault.fixture.advance(90 * 60 + 301);
    let reply = vault.ask("GET", SECRET, &good, None).await;
    assert_eq!(refusal(&reply).0, 401);
    assert!(reply.raw.contains("TokenExpired"), "{}", reply.raw);
}

fn directory() -> String {
    format!(
        "tenants:\n  - {{id: {CONTOSO}, displayName: Contoso, domains: [contoso.onmicrosoft.com]}}\n  \
         - {{id: {FABRIKAM}, displayName: Fabrikam, domains: [fabrikam.onmicrosoft.com]}}\n\
         apps:\n  - {{clientId: {WEB}, name: web, multiTenant: true, secrets: [{{value: s}}]}}\n\
         vaults:\n  - name: contoso-vault\n    tenant: {CONTOSO}\n    propagation: 60s\n    \
         roleAssignments:\n      - {{principal: web, roles: [Key Vault Secrets User], scope: secrets/one}}\n      \
         - {{principal: web, roles: [Key Vault Reader]}}\n    \
         secrets:\n      - {{name: one, value: '1'}}\n      - {{name: two, value: '2'}}\n"
    )
}

async fn token(vault: &VaultFixture, tenant: &str) -> String {
    let scope = format!("{}/.default", vault.resource());
    vault.fixture.token(tenant, &secret_form("s", &scope)).await.text("access_token")
}

#[tokio::test]
async fn another_tenants_token_is_of_the_wrong_issuer() {
    let vault = VaultFixture::with(&directory()).await;
    let reply = vault.ask("GET", "/secrets/one", &token(&vault, FABRIKAM).await, None).await;
    assert_eq!(refusal(&reply).0, 401);
    let expected = format!(
        "AKV10032: Invalid issuer. Expected one of https://sts.windows.net/{CONTOSO}/, found https://sts.windows.net/{FABRIKAM}/."
    );
    assert!(reply.raw.contains(&expected), "{}", reply.raw);
}

#[tokio::test]
async fn roles_decide_once_they_have_spread_and_on_their_scope() {
    let vault = VaultFixture::with(&directory()).await;
    let token = token(&vault, CONTOSO).await;
    let denied = (403, "Forbidden".to_owned(), Some("ForbiddenByRbac".to_owned()));
    let early = vault.ask("GET", "/secrets/one", &token, None).await;
    assert_eq!(refusal(&early), denied);
    assert_eq!(early.header("www-authenticate"), None);
    vault.fixture.advance(60);
    assert_eq!(vault.ask("GET", "/secrets/one", &token, None).await.status, 200);
    let other = vault.ask("GET", "/secrets/two", &token, None).await;
    assert_eq!(refusal(&other), denied);
    let message = other.body["error"]["message"].as_str().unwrap();
    let claims = vault.fixture.claims(&token).await;
    let caller = format!("Caller: appid={WEB};oid={};iss=", claims["oid"].as_str().unwrap());
    assert!(message.contains(&caller), "{message}");
    assert!(message.contains("\r\nAction: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\n"), "{message}");
    assert!(message.contains("/vaults/contoso-vault/secrets/two'\r\n"), "{message}");
    // A reader sees that there is a secret, and neither its value nor how to change it.
    assert_eq!(vault.ask("GET", "/secrets", &token, None).await.body["value"].as_array().unwrap().len(), 2);
    let put = vault.ask("PUT", "/secrets/one", &token, Some(json!({ "value": "x" }))).await;
    assert_eq!(refusal(&put), denied);
    // What may not be read is not told to be absent either.
    assert_eq!(refusal(&vault.ask("GET", "/secrets/absent", &token, None).await), denied);
}

#[tokio::test]
async fn requests_that_a_vault_does_not_know_are_told_apart() {
    let vault = VaultFixture::start().await;
    let token = vault.token_for(&vault.resource()).await;
    let base = vault.base();
    let cases = [
        ("GET", format!("{base}{SECRET}"), 400, "BadParameter"),
        ("GET", format!("{base}{SECRET}?api-version=1.0"), 400, "BadParameter"),
        ("GET", format!("{base}/secrets/a_b?{API_VERSION}"), 400, "BadParameter"),
        ("GET", format!("{base}/?{API_VERSION}"), 404, "NotFound"),
        ("POST", format!("{base}{SECRET}?{API_VERSION}"), 405, "MethodNotAllowed"),
        ("GET", format!("{base}/secrets/absent?{API_VERSION}"), 404, "SecretNotFound"),
        ("GET", format!("{base}{SECRET}/{}?{API_VERSION}", "0".repeat(32)), 404, "SecretNotFound"),
        ("GET", format!("{base}/certificates/absent?{API_VERSION}"), 404, "CertificateNotFound"),
        ("GET", format!("{base}/keys/absent?{API_VERSION}"), 404, "KeyNotFound"),
    ];
    for (method, url, status, code) in cases {
        let reply = vault.send(method, &url, Some(&token), None).await;
        assert_eq!(refusal(&reply), (status, code.into(), None), "{method} {url}");
    }
    let big = json!({ "value": "x".repeat(1 << 20) });
    assert_eq!(vault.ask("PUT", SECRET, &token, Some(big)).await.status, 413);
}

#[tokio::test]
async fn scripted_faults_throttle_and_challenge_and_the_log_shows_what_came() {
    let vault = VaultFixture::start().await;
    let token = vault.token_for(&vault.resource()).await;
    let fixture = &vault.fixture;
    fixture.post_json("/sidekey/faults", json!({ "path": "/secrets/", "status": 429, "retryAfter": 7 })).await;
    let claims = r#"{"access_token":{"nbf":{"essential":true}}}"#;
    fixture.post_json("/sidekey/faults", json!({ "path": "/secrets/", "code": 50076, "claims": claims })).await;
    let throttled = vault.ask("GET", SECRET, &token, None).await;
    assert_eq!(refusal(&throttled), (429, "Throttled".into(), None));
    assert_eq!(throttled.header("retry-after"), Some("7"));
    let challenged = vault.ask("GET", SECRET, &token, None).await;
    assert_eq!(challenged.status, 401);
    let challenge = challenged.header("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"insufficient_claims\", claims=\"eyJ"), "{challenge}");
    assert_eq!(vault.ask("GET", SECRET, &token, None).await.status, 200);

    let log = fixture.get("/sidekey/requests").await;
    let of_vault: Vec<_> =
        log.body.as_array().unwrap().iter().filter(|entry| entry["path"].as_str().unwrap().contains("vault")).collect();
    let statuses: Vec<_> = of_vault.iter().map(|entry| entry["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [429, 401, 200]);
    assert_eq!(of_vault[2]["path"], "/sidekey/vault/contoso-vault/secrets/orders-database-password");
    assert!(!log.raw.contains("development-password"), "{}", log.raw);
}

#[tokio::test]
async fn a_managed_identity_reads_what_its_role_allows() {
    let vault = VaultFixture::start().await;
    let fixture = &vault.fixture;
    let token = async |client_id: &str| {
        let query = "api-version=2018-02-01&resource=https://vault.azure.net";
        let url = format!("{}/metadata/identity/oauth2/token?{query}&client_id={client_id}", fixture.url);
        let reply = fixture.http.get(url).header("Metadata", "true").send().await.unwrap();
        Reply::read(reply).await.text("access_token")
    };
    let orders = token("99990000-3333-bbbb-cccc-ddddeeeeffff").await;
    assert_eq!(vault.ask("GET", SECRET, &orders, None).await.status, 200);
    assert_eq!(vault.ask("GET", "/keys/orders-signing", &orders, None).await.status, 403);
    let reports = token("0000aaaa-4444-cccc-dddd-eeeeffff0000").await;
    let denied = vault.ask("GET", SECRET, &reports, None).await;
    assert_eq!(refusal(&denied), (403, "Forbidden".into(), Some("ForbiddenByRbac".into())));
    assert!(denied.raw.contains("oid=ffffffff-5555-6666-7777-000000000000"), "{}", denied.raw);
}
