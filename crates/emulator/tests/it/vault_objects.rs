//! What a vault does with secrets, certificates and keys.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sidekey_jose::{Algorithm, Jwk, SigningKey, VerifyingKey, base64url, sign_compact, thumbprint_sha1};

use crate::{
    keys::Identity,
    support::{CONTOSO, NOW, ORIGIN, Reply, WEB},
    vault_support::{VaultFixture, refusal},
};

struct Admin {
    vault: VaultFixture,
    token: String,
}

impl Admin {
    async fn start() -> Self {
        let vault = VaultFixture::with_administrator().await;
        let token = vault.admin_token().await;
        Self { vault, token }
    }

    async fn ask(&self, method: &str, path: &str) -> Reply {
        self.vault.ask(method, path, &self.token, None).await
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> Reply {
        let reply = self.vault.ask(method, path, &self.token, Some(body)).await;
        assert!(reply.status < 300, "{method} {path} {}", reply.raw);
        reply
    }

    async fn refused(&self, method: &str, path: &str, body: Value) -> (u16, String, Option<String>) {
        refusal(&self.vault.ask(method, path, &self.token, Some(body)).await)
    }
}

fn version(reply: &Reply, member: &str) -> String {
    reply.text(member).rsplit('/').next().unwrap().to_owned()
}

fn forbidden(inner: &str) -> (u16, String, Option<String>) {
    (403, "Forbidden".to_owned(), Some(inner.to_owned()))
}

#[tokio::test]
async fn a_secret_has_versions_of_which_the_last_is_the_newest() {
    let admin = Admin::start().await;
    let body =
        json!({ "value": "one", "contentType": "text/plain", "tags": { "a": "b" }, "attributes": { "exp": NOW - 1 } });
    let one = admin.send("PUT", "/secrets/api-key", body).await;
    let two = admin.send("PUT", "/secrets/API-key", json!({ "value": "two" })).await;
    let (first, second) = (version(&one, "id"), version(&two, "id"));
    assert_eq!((first.len(), first == second), (32, false));
    assert_eq!(admin.ask("GET", "/secrets/api-key/").await.text("value"), "two");
    // An expired secret can still be read.
    let old = admin.ask("GET", &format!("/secrets/api-key/{first}")).await;
    assert_eq!(old.text("value"), "one");
    assert_eq!((&old.body["contentType"], &old.body["tags"]["a"]), (&json!("text/plain"), &json!("b")));
    assert_eq!((&old.body["attributes"]["exp"], &old.body["attributes"]["created"]), (&json!(NOW - 1), &json!(NOW)));
    let versions = admin.ask("GET", "/secrets/api-key/versions").await;
    let ids: Vec<_> = versions.body["value"].as_array().unwrap().iter().map(|entry| entry["id"].clone()).collect();
    let base = admin.vault.base();
    assert_eq!(
        ids,
        [json!(format!("{base}/secrets/api-key/{first}")), json!(format!("{base}/secrets/api-key/{second}"))]
    );

    admin.vault.fixture.advance(5);
    let path = format!("/secrets/api-key/{second}");
    let changed = admin.send("PATCH", &path, json!({ "attributes": { "enabled": false } })).await;
    assert_eq!((changed.body.get("value"), &changed.body["attributes"]["updated"]), (None, &json!(NOW + 5)));
    assert_eq!(refusal(&admin.ask("GET", "/secrets/api-key").await), forbidden("SecretDisabled"));
    assert_eq!(admin.ask("GET", &format!("/secrets/api-key/{first}")).await.status, 200);
}

#[tokio::test]
async fn values_that_a_secret_cannot_have_are_refused() {
    let admin = Admin::start().await;
    let tags: serde_json::Map<String, Value> = (0..16).map(|i| (format!("t{i}"), json!("x"))).collect();
    for body in [
        json!({}),
        json!({ "value": "x".repeat(25 * 1024 + 1) }),
        json!({ "value": "x", "tags": tags }),
        json!({ "value": "x", "attributes": { "nbf": 2, "exp": 1 } }),
        json!([]),
    ] {
        assert_eq!(admin.refused("PUT", "/secrets/a", body).await, (400, "BadParameter".into(), None));
    }
    assert_eq!(admin.ask("GET", "/secrets/a").await.status, 404);
    let managed = admin.refused("PUT", "/secrets/orders-web", json!({ "value": "x" })).await;
    assert_eq!(managed, (403, "Forbidden".into(), None));
}

#[tokio::test]
async fn lists_come_in_pages_that_lead_to_the_next() {
    let admin = Admin::start().await;
    for i in 0..30 {
        admin.send("PUT", &format!("/secrets/s{i:02}"), json!({ "value": "x" })).await;
    }
    let mut names = Vec::new();
    let mut page = admin.ask("GET", "/secrets?maxresults=12").await;
    loop {
        let entries = page.body["value"].as_array().unwrap();
        assert!(entries.len() <= 12 && entries.iter().all(|entry| entry.get("value").is_none()));
        names.extend(entries.iter().map(|entry| entry["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()));
        let Some(next) = page.body["nextLink"].as_str() else { break };
        page = admin.vault.send("GET", next, Some(&admin.token), None).await;
    }
    // One of the directory, two of certificates, thirty of ours.
    assert_eq!(names.len(), 33);
    assert!(names.contains(&"orders-web".to_owned()) && names.is_sorted());
    for bad in ["/secrets?maxresults=26", "/secrets?maxresults=0", "/secrets?$skiptoken=x"] {
        assert_eq!(refusal(&admin.ask("GET", bad).await).0, 400, "{bad}");
    }
}

#[tokio::test]
async fn what_is_deleted_can_be_recovered_or_purged_and_keeps_its_name_until_then() {
    let admin = Admin::start().await;
    let deleted = admin.ask("DELETE", "/secrets/orders-database-password").await;
    assert_eq!(deleted.text("recoveryId"), format!("{}/deletedsecrets/orders-database-password", admin.vault.base()));
    assert_eq!(
        (&deleted.body["deletedDate"], &deleted.body["scheduledPurgeDate"]),
        (&json!(NOW), &json!(NOW + 90 * 86_400))
    );
    assert_eq!(admin.ask("GET", "/secrets/orders-database-password").await.status, 404);
    let taken = admin.refused("PUT", "/secrets/orders-database-password", json!({ "value": "x" })).await;
    assert_eq!(taken, (409, "Conflict".into(), Some("ObjectIsDeletedButRecoverable".into())));
    assert_eq!(admin.ask("GET", "/deletedsecrets").await.body["value"].as_array().unwrap().len(), 1);
    assert_eq!(admin.ask("GET", "/deletedsecrets/orders-database-password").await.status, 200);
    assert_eq!(admin.ask("POST", "/deletedsecrets/orders-database-password/recover").await.status, 200);
    assert_eq!(admin.ask("GET", "/secrets/orders-database-password").await.status, 200);

    assert_eq!(admin.ask("DELETE", "/certificates/orders-web").await.status, 200);
    for path in ["/secrets/orders-web", "/keys/orders-web", "/certificates/orders-web"] {
        assert_eq!(admin.ask("GET", path).await.status, 404, "{path}");
    }
    assert_eq!(admin.ask("DELETE", "/deletedcertificates/orders-web").await.status, 204);
    admin.send("PUT", "/secrets/orders-web", json!({ "value": "mine" })).await;
}

#[tokio::test]
async fn an_exportable_certificate_is_a_pfx_or_pem_whose_key_is_the_certificates() {
    let admin = Admin::start().await;
    let certificate = admin.ask("GET", "/certificates/orders-web/").await;
    let der = STANDARD.decode(certificate.text("cer")).unwrap();
    assert_eq!(certificate.text("x5t"), thumbprint_sha1(&der));
    assert_eq!(certificate.body["policy"]["key_props"]["exportable"], true);
    assert_eq!(certificate.body["policy"]["x509_props"]["subject"], "CN=orders-web");
    let id = version(&certificate, "id");
    assert_eq!((version(&certificate, "kid"), version(&certificate, "sid")), (id.clone(), id.clone()));
    let specific = admin.ask("GET", &format!("/certificates/orders-web/{id}")).await;
    assert_eq!((specific.status, specific.body.get("policy")), (200, None));

    let secret = admin.ask("GET", &format!("/secrets/orders-web/{id}")).await;
    assert_eq!((secret.text("contentType").as_str(), &secret.body["managed"]), ("application/x-pkcs12", &json!(true)));
    let pfx = STANDARD.decode(secret.text("value")).unwrap();
    let archive = p12_keystore::Pkcs12Archive::from_pkcs12(&pfx, "").unwrap();
    assert_eq!(archive.certs[0].cert.as_der(), der);
    let key = SigningKey::from_der(archive.keys[0].key.as_der()).unwrap();
    assert_belongs(&key, &der);

    let pem = admin.ask("GET", "/secrets/orders-web?outContentType=application/x-pem-file").await;
    assert_eq!(pem.text("contentType"), "application/x-pem-file");
    let text = pem.text("value");
    assert!(text.starts_with("-----BEGIN PRIVATE KEY-----\n") && text.contains("-----BEGIN CERTIFICATE-----\n"));
    assert_belongs(&SigningKey::from_pem(&text).unwrap(), &der);
    assert_eq!(refusal(&admin.ask("GET", "/secrets/orders-web?outContentType=x").await).0, 400);
}

fn assert_belongs(key: &SigningKey, certificate: &[u8]) {
    let signature = key.sign(Algorithm::RS256, b"m").unwrap();
    let public = VerifyingKey::from_certificate(certificate).unwrap();
    assert_eq!(public.verify(Algorithm::RS256, b"m", &signature), Ok(()));
}

/// A client assertion of orders-web, signed by whoever is asked.
async fn assertion(header: Value, sign: impl AsyncFn(Vec<u8>) -> Vec<u8>) -> String {
    let claims = json!({
        "aud": format!("{ORIGIN}/{CONTOSO}/oauth2/v2.0/token"), "iss": WEB, "sub": WEB, "jti": "1", "nbf": NOW, "exp": NOW + 600,
    });
    let text = |value: &Value| base64url::encode(value.to_string());
    let input = format!("{}.{}", text(&header), text(&claims));
    let signature = sign(input.clone().into_bytes()).await;
    format!("{input}.{}", base64url::encode(signature))
}

async fn sign_in(vault: &VaultFixture, assertion: &str) -> Reply {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", WEB),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
        ("scope", "https://vault.azure.net/.default"),
    ];
    vault.fixture.token(CONTOSO, &form).await
}

#[tokio::test]
async fn a_key_that_cannot_leave_signs_an_assertion_that_the_authority_takes() {
    let vault = VaultFixture::start().await;
    let token = vault.token_for(&vault.resource()).await;
    let ask = async |method: &str, path: &str, body| vault.ask(method, path, &token, body).await;
    let certificate = ask("GET", "/certificates/orders-web-signing", None).await;
    let secret = ask("GET", "/secrets/orders-web-signing", None).await;
    let pfx = STANDARD.decode(secret.text("value")).unwrap();
    assert!(p12_keystore::Pkcs12Archive::from_pkcs12(&pfx, "").unwrap().keys.is_empty());

    let path = format!("/keys/orders-web-signing/{}/sign", version(&certificate, "kid"));
    for algorithm in ["PS256", "RS256"] {
        let sign = async |input: Vec<u8>| {
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &input);
            let body = json!({ "alg": algorithm, "value": base64url::encode(digest) });
            let reply = ask("POST", &path, Some(body)).await;
            assert_eq!(reply.text("kid"), certificate.text("kid"));
            base64url::decode(reply.text("value")).unwrap()
        };
        let header = json!({ "alg": algorithm, "typ": "JWT", "x5t": certificate.text("x5t") });
        let reply = sign_in(&vault, &assertion(header, sign).await).await;
        assert_eq!(reply.status, 200, "{}", reply.raw);
        assert_eq!(vault.fixture.claims(&reply.text("access_token")).await["appidacr"], "2");
    }
}

#[tokio::test]
async fn a_rotated_certificate_is_registered_at_once_and_the_old_version_stays() {
    let vault = VaultFixture::start().await;
    let token = vault.token_for(&vault.resource()).await;
    let before = vault.ask("GET", "/certificates/orders-web", &token, None).await;
    let rotated =
        vault.fixture.post_json("/sidekey/vaults/contoso-vault/certificates/orders-web/rotate", json!(null)).await;
    assert_eq!(rotated.status, 200, "{}", rotated.raw);
    let after = vault.ask("GET", "/certificates/orders-web", &token, None).await;
    assert_eq!(version(&after, "id"), rotated.text("version"));
    assert_ne!(before.text("x5t"), after.text("x5t"));
    for certificate in [&before, &after] {
        let path = format!("/secrets/orders-web/{}?outContentType=application/x-pem-file", version(certificate, "sid"));
        let key = SigningKey::from_pem(&vault.ask("GET", &path, &token, None).await.text("value")).unwrap();
        let claims = json!({
            "aud": format!("{ORIGIN}/{CONTOSO}/v2.0"), "iss": WEB, "sub": WEB, "jti": "1", "nbf": NOW, "exp": NOW + 600,
        });
        let Value::Object(header) = json!({ "x5t": certificate.text("x5t") }) else { unreachable!() };
        let assertion = sign_compact(&header, claims.to_string().as_bytes(), &key, Algorithm::PS256).unwrap();
        assert_eq!(sign_in(&vault, &assertion).await.status, 200);
    }
    for (path, status) in [("nowhere/certificates/orders-web", 404), ("contoso-vault/certificates/absent", 404)] {
        let reply = vault.fixture.post_json(&format!("/sidekey/vaults/{path}/rotate"), json!(null)).await;
        assert_eq!(reply.status, status, "{}", reply.raw);
    }
}

#[tokio::test]
async fn certificates_are_created_imported_updated_and_their_policy_shown() {
    let admin = Admin::start().await;
    let policy = json!({
        "key_props": { "kty": "EC", "crv": "P-256", "exportable": true, "reuse_key": false },
        "secret_props": { "contentType": "application/x-pem-file" },
        "x509_props": { "subject": "CN=edge", "sans": { "dns_names": ["edge.example"] }, "validity_months": 2 },
        "issuer": { "name": "Self" },
    });
    let created = admin.send("POST", "/certificates/edge/create", json!({ "policy": policy })).await;
    assert_eq!((created.status, created.text("status").as_str()), (202, "inProgress"));
    let done = admin.ask("GET", "/certificates/edge/pending").await;
    let target = format!("{}/certificates/edge", admin.vault.base());
    assert_eq!((done.text("status").as_str(), done.text("target")), ("completed", target));
    let shown = admin.ask("GET", "/certificates/edge/policy").await;
    assert_eq!(
        (&shown.body["key_props"]["crv"], &shown.body["x509_props"]["validity_months"]),
        (&json!("P-256"), &json!(2))
    );
    assert!(admin.ask("GET", "/secrets/edge").await.text("value").contains("-----BEGIN PRIVATE KEY-----"));

    let body = json!({ "key_props": { "exportable": false }, "x509_props": { "validity_months": 3 } });
    assert_eq!(admin.send("PATCH", "/certificates/edge/policy", body).await.body["x509_props"]["validity_months"], 3);
    admin.send("PATCH", "/certificates/edge", json!({ "attributes": { "enabled": false } })).await;
    assert_eq!(admin.ask("GET", "/certificates/edge").await.body["attributes"]["enabled"], false);
    assert_eq!(refusal(&admin.ask("GET", "/secrets/edge").await), forbidden("SecretDisabled"));

    let identity = Identity::new("brought along");
    let key = admin_pem(&identity);
    let imported = admin.send("POST", "/certificates/imported/import", json!({ "value": key })).await;
    assert_eq!(STANDARD.decode(imported.text("cer")).unwrap(), identity.der);
    assert_eq!(imported.body["policy"]["issuer"]["name"], "Unknown");
    assert_eq!(imported.body["policy"]["x509_props"]["subject"], "CN=brought along");
    assert_eq!(admin.refused("POST", "/certificates/x/import", json!({ "value": "noise" })).await.0, 400);
    assert_eq!(admin.refused("POST", "/certificates/x/create", json!({})).await.0, 400);
    let taken = admin.refused("POST", "/certificates/orders-signing/create", json!({ "policy": policy })).await;
    assert_eq!((taken.0, taken.1.as_str()), (409, "Conflict"));
    assert_eq!(admin.ask("GET", "/certificates").await.body["value"].as_array().unwrap().len(), 4);
}

fn admin_pem(identity: &Identity) -> String {
    let key = STANDARD.encode(&*identity.key.to_pkcs8_der().unwrap());
    format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n{}", identity.pem)
}

#[tokio::test]
async fn keys_sign_and_verify_digests_within_what_they_may() {
    let admin = Admin::start().await;
    let key = admin.ask("GET", "/keys/orders-signing").await;
    let jwk: Jwk = serde_json::from_value(key.body["key"].clone()).unwrap();
    assert_eq!((jwk.kty.as_str(), jwk.crv.as_deref()), ("EC", Some("P-256")));
    let digest = base64url::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"message"));
    let signed = admin.send("POST", "/keys/orders-signing/sign", json!({ "alg": "ES256", "value": digest })).await;
    let signature = base64url::decode(signed.text("value")).unwrap();
    let public = VerifyingKey::from_jwk(&Jwk { key_ops: None, ..jwk }).unwrap();
    assert_eq!(public.verify(Algorithm::ES256, b"message", &signature), Ok(()));
    let path = format!("/keys/orders-signing/{}/verify", version(&signed, "kid"));
    for (value, expected) in [(signed.text("value"), true), (base64url::encode([1; 64]), false)] {
        let body = json!({ "alg": "ES256", "digest": digest, "value": value });
        assert_eq!(admin.send("POST", &path, body).await.body, json!({ "value": expected }));
    }
    for body in [
        json!({ "alg": "RS256", "value": digest }),
        json!({ "alg": "HS256", "value": digest }),
        json!({ "alg": "ES256", "value": "AAAA" }),
        json!({ "alg": "ES256" }),
        json!({}),
    ] {
        let refusal = admin.refused("POST", "/keys/orders-signing/sign", body).await;
        assert_eq!((refusal.0, refusal.1.as_str()), (400, "BadParameter"));
    }
}

#[tokio::test]
async fn a_key_out_of_its_time_still_verifies_and_a_disabled_one_does_nothing() {
    let admin = Admin::start().await;
    let digest = base64url::encode([7; 32]);
    let sign = json!({ "alg": "ES256", "value": digest });
    let create = json!({ "kty": "EC", "crv": "P-256", "attributes": { "nbf": NOW + 10, "exp": NOW + 20 } });
    admin.send("POST", "/keys/timed/create", create).await;
    assert_eq!(admin.refused("POST", "/keys/timed/sign", sign.clone()).await, forbidden("KeyNotYetValid"));
    admin.vault.fixture.advance(10);
    let signature = admin.send("POST", "/keys/timed/sign", sign.clone()).await.text("value");
    admin.vault.fixture.advance(10);
    assert_eq!(admin.refused("POST", "/keys/timed/sign", sign.clone()).await, forbidden("KeyExpired"));
    let verify = json!({ "alg": "ES256", "digest": digest, "value": signature });
    assert_eq!(admin.send("POST", "/keys/timed/verify", verify.clone()).await.body["value"], true);
    admin.send("PATCH", "/keys/timed", json!({ "attributes": { "enabled": false } })).await;
    assert_eq!(admin.refused("POST", "/keys/timed/verify", verify).await, forbidden("KeyDisabled"));
    admin.send("POST", "/keys/checker/create", json!({ "kty": "EC", "key_ops": ["verify"] })).await;
    assert_eq!(admin.refused("POST", "/keys/checker/sign", sign).await.0, 403);
    assert_eq!(admin.refused("POST", "/keys/odd/create", json!({ "kty": "oct" })).await.0, 400);
}
