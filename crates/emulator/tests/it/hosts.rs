//! Managed identities on every host: header rules, selection, shapes of replies and refusals, and scripted faults.

use std::sync::Arc;

use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde_json::{Value, json};
use sidekey_emulator::{Emulator, Scheme};
use sidekey_jose::{base64url, thumbprint_sha1};

use crate::support::{ALICE_OID, API, CONTOSO, Fixture, NOW, ORIGIN, Reply, serve};

const SYSTEM: (&str, &str) = ("77778888-1111-9999-aaaa-bbbbccccdddd", "dddddddd-3333-4444-5555-eeeeeeeeeeee");
const USER: (&str, &str) = ("99990000-3333-bbbb-cccc-ddddeeeeffff", "eeeeeeee-4444-5555-6666-ffffffffffff");
const USER_RESOURCE: &str = "/subscriptions/88889999-2222-aaaa-bbbb-ccccddddeeee/resourceGroups/orders/providers/Microsoft.ManagedIdentity/userAssignedIdentities/orders-identity";
const VAULT: &str = "https://vault.azure.net";
const IMDS: &str = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net";

/// A request with headers.
async fn ask(fixture: &Fixture, path: &str, headers: &[(&str, &str)]) -> Reply {
    let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", fixture.url) };
    let request = headers.iter().fold(fixture.http.get(url), |request, (name, value)| request.header(*name, *value));
    Reply::read(request.send().await.unwrap()).await
}

async fn imds(fixture: &Fixture, more: &str) -> Reply {
    ask(fixture, &format!("{IMDS}{more}"), &[("Metadata", "true")]).await
}

/// The environment for a host.
async fn env(fixture: &Fixture, host: &str) -> Value {
    fixture.get(&format!("/sidekey/env?host={host}&format=json")).await.body
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no `{member}` in {value}")).to_owned()
}

#[tokio::test]
async fn imds_hands_out_the_machines_own_token_with_numbers_as_texts() {
    let fixture = Fixture::start().await;
    let reply = imds(&fixture, "").await;
    assert_eq!(reply.status, 200, "{}", reply.raw);
    let claims = fixture.claims(&reply.text("access_token")).await;
    assert_eq!((&claims["aud"], &claims["appid"], &claims["oid"]), (&json!(VAULT), &json!(SYSTEM.0), &json!(SYSTEM.1)));
    assert_eq!((&claims["sub"], &claims["idtyp"], &claims["appidacr"]), (&json!(SYSTEM.1), &json!("app"), &json!("2")));
    assert_eq!(claims["iss"], format!("https://sts.windows.net/{CONTOSO}/"));
    assert!(claims["xms_mirid"].as_str().unwrap().ends_with("/virtualMachines/orders-host"));
    let expected = [
        ("client_id", SYSTEM.0),
        ("expires_in", "86400"),
        ("ext_expires_in", "86400"),
        ("expires_on", &(NOW + 86_400).to_string()),
        ("not_before", &(NOW - 300).to_string()),
        ("resource", VAULT),
        ("token_type", "Bearer"),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    for (name, value) in expected {
        assert_eq!(reply.text(name), value, "{name}");
    }
}

#[tokio::test]
async fn the_same_token_is_handed_out_until_it_is_nearly_over() {
    let fixture = Fixture::start().await;
    let first = imds(&fixture, "").await.text("access_token");
    fixture.advance(22 * 3600);
    let again = imds(&fixture, "").await;
    assert_eq!((again.text("access_token"), again.text("expires_in")), (first.clone(), "7200".to_owned()));
    let rejected = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, first.as_bytes());
    let rejected = format!("{rejected:?}").rsplit(':').next().unwrap().to_owned();
    let fresh = imds(&fixture, &format!("&token_sha256_to_refresh={rejected}")).await.text("access_token");
    assert_ne!(fresh, first);
    assert_eq!(imds(&fixture, "").await.text("access_token"), fresh);
    fixture.advance(23 * 3600 + 1);
    assert_ne!(imds(&fixture, "").await.text("access_token"), fresh);
}

#[tokio::test]
async fn a_token_goes_when_its_key_is_no_longer_published() {
    let fixture = Fixture::start().await;
    let first = imds(&fixture, "").await.text("access_token");
    for _ in 0..3 {
        fixture.post_json("/sidekey/keys/rotate", json!({})).await;
    }
    let second = imds(&fixture, "").await.text("access_token");
    assert_ne!(first, second);
    fixture.claims(&second).await;
}

#[tokio::test]
async fn an_identity_is_selected_by_client_object_or_resource_id() {
    let fixture = Fixture::start().await;
    let selectors = [
        format!("&client_id={}", USER.0),
        format!("&object_id={}", USER.1),
        format!("&principal_id={}", USER.1.to_uppercase()),
        format!("&msi_res_id={}", USER_RESOURCE.to_lowercase()),
        format!("&mi%5Fres_id={}", USER_RESOURCE.replace('/', "%2F")),
    ];
    for selector in selectors {
        let reply = imds(&fixture, &selector).await;
        assert_eq!((reply.status, reply.text("client_id")), (200, USER.0.to_owned()), "{selector}");
        assert_eq!(fixture.claims(&reply.text("access_token")).await["oid"], USER.1);
    }
    for bad in ["&client_id=x", "&object_id=x", "&msi_res_id=x"] {
        let reply = imds(&fixture, bad).await;
        assert_eq!((reply.status, reply.text("error")), (400, "invalid_request".into()));
        assert_eq!(reply.text("error_description"), "Identity not found");
    }
    assert_eq!(imds(&fixture, &format!("&client_id={}&object_id={}", USER.0, USER.1)).await.status, 400);
    let directory = Emulator::DEFAULT_DIRECTORY.replace("kind: systemAssigned", "kind: userAssigned");
    let several = imds(&Fixture::with(&directory).await, "").await;
    assert!(several.text("error_description").starts_with("Multiple user assigned identities exist, please specify"));
}

#[tokio::test]
async fn imds_refuses_what_was_not_meant_for_it() {
    let fixture = Fixture::start().await;
    let refused = async |path: &str, headers: &[(&str, &str)]| {
        let reply = ask(&fixture, path, headers).await;
        (reply.status, reply.text("error"), reply.text("error_description"))
    };
    let invalid = |text: &str| (400, "invalid_request".to_owned(), text.to_owned());
    let metadata = ("Metadata", "true");
    assert_eq!(refused(IMDS, &[]).await, invalid("Required metadata header not specified"));
    assert_eq!(refused(IMDS, &[("Metadata", "yes")]).await, invalid("Required metadata header not specified"));
    assert_eq!(ask(&fixture, IMDS, &[("metadata", "True")]).await.status, 200);
    let forwarded = refused(IMDS, &[metadata, ("X-Forwarded-For", "10.0.0.1")]).await;
    assert_eq!(forwarded, invalid("Requests with the header X-Forwarded-For are refused"));
    let path = "/metadata/identity/oauth2/token";
    assert_eq!(refused(path, &[]).await.0, 400, "a probe is answered at once");
    let (status, _, text) = refused(&format!("{path}?resource={VAULT}"), &[metadata]).await;
    assert!(status == 400 && text.contains("'api-version' is missing"), "{text}");
    let old = format!("{path}?resource={VAULT}&api-version=2017-09-01");
    assert_eq!(refused(&old, &[metadata]).await.0, 400);
    let (_, _, text) = refused(&format!("{path}?api-version=2018-02-01"), &[metadata]).await;
    assert!(text.contains("'resource' is missing"), "{text}");
    let unknown = format!("{path}?api-version=2018-02-01&resource=https://nowhere.example");
    let (status, error, text) = refused(&unknown, &[metadata]).await;
    assert_eq!((status, error.as_str()), (400, "invalid_resource"));
    assert!(text.starts_with("AADSTS500011: The resource principal named https://nowhere.example"), "{text}");
    let post = fixture.http.post(format!("{}{IMDS}", fixture.url)).header("Metadata", "true").send().await.unwrap();
    assert_eq!(post.status(), 405);
    let variant = format!("/Metadata/Identity/oauth2/token/?api%2Dversion=2019-08-01&resource={VAULT}");
    assert_eq!(ask(&fixture, &variant, &[metadata]).await.status, 200, "slashes, case and encoding do not matter");
}

#[tokio::test]
async fn tokens_to_be_exchanged_have_the_new_form() {
    let fixture = Fixture::start().await;
    let path = IMDS.replace(VAULT, "api://AzureADTokenExchange");
    let reply = ask(&fixture, &format!("{path}&client_id={}", USER.0), &[("Metadata", "true")]).await;
    let claims = fixture.claims(&reply.text("access_token")).await;
    assert_eq!(claims["aud"], "fb60f99c-7a34-4190-8149-302f77469936");
    assert_eq!(claims["iss"], format!("{ORIGIN}/{CONTOSO}/v2.0"));
    assert_eq!((&claims["sub"], &claims["oid"]), (&json!(USER.1), &json!(USER.1)));
    let api = ask(&fixture, &IMDS.replace(VAULT, &format!("api://{API}")), &[("Metadata", "true")]).await;
    let claims = fixture.claims(&api.text("access_token")).await;
    assert_eq!((&claims["ver"], &claims["roles"]), (&json!("2.0"), &json!(["Orders.Read.All"])));
}

#[tokio::test]
async fn scripted_faults_meet_the_hosts_too() {
    let fixture = Fixture::start().await;
    for (status, times) in [(404, 1), (410, 2), (429, 1), (503, 1)] {
        let fault = json!({ "path": "/metadata/identity", "status": status, "times": times, "retryAfter": 1 });
        assert_eq!(fixture.post_json("/sidekey/faults", fault).await.status, 201);
    }
    for (status, error) in
        [(404, "not_found"), (410, "gone"), (410, "gone"), (429, "too_many_requests"), (503, "unknown")]
    {
        let reply = imds(&fixture, "").await;
        assert_eq!((reply.status, reply.text("error")), (status, error.to_owned()));
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
    assert_eq!(imds(&fixture, "").await.status, 200);
    let log = fixture.get("/sidekey/requests").await.body;
    let seen: Vec<_> = log.as_array().unwrap().iter().map(|entry| entry["status"].as_u64().unwrap()).collect();
    assert_eq!(seen, [404, 410, 410, 429, 503, 200]);
    assert_eq!(log[5]["parameters"], json!({ "api-version": "2018-02-01", "resource": VAULT }));
}

#[tokio::test]
async fn the_instance_metadata_tells_the_region() {
    let fixture = Fixture::start().await;
    let metadata = [("Metadata", "true")];
    let compute = ask(&fixture, "/metadata/instance/compute?api-version=2021-02-01", &metadata).await;
    assert_eq!((compute.text("location"), compute.text("name")), ("westeurope".into(), "orders-host".into()));
    assert_eq!(compute.text("resourceGroupName"), "orders");
    let whole = ask(&fixture, "/metadata/instance?api-version=2021-02-01", &metadata).await;
    assert_eq!(whole.body["compute"], compute.body);
    let path = "/metadata/instance/compute/location?api-version=2020-06-01&format=text";
    assert_eq!(ask(&fixture, path, &metadata).await.raw, "westeurope");
    assert_eq!(ask(&fixture, path, &[]).await.status, 400);
    assert_eq!(ask(&fixture, "/metadata/instance/moon?api-version=2021-02-01", &metadata).await.status, 404);
    let old = ask(&fixture, "/metadata/instance?api-version=1999-01-01", &metadata).await;
    assert!(old.status == 400 && old.body["newest-versions"].is_array(), "{}", old.raw);
    let info = ask(&fixture, "/metadata/identity/info?api-version=2018-02-01", &metadata).await;
    assert_eq!(info.body, json!({ "tenantId": CONTOSO }));
    let platform = "/metadata/identity/getplatformmetadata?cred-api-version=2.0";
    assert_eq!(ask(&fixture, platform, &metadata).await.status, 404);
}

#[tokio::test]
async fn app_service_wants_its_header() {
    let fixture = Fixture::start().await;
    let env = env(&fixture, "appservice").await;
    let url = format!("{}?api-version=2019-08-01&resource={VAULT}", text(&env, "IDENTITY_ENDPOINT"));
    let secret = text(&env, "IDENTITY_HEADER");
    let header = [("X-IDENTITY-HEADER", secret.as_str())];
    let reply = ask(&fixture, &url, &header).await;
    assert_eq!((reply.status, reply.text("client_id")), (200, SYSTEM.0.to_owned()), "{}", reply.raw);
    assert_eq!(reply.text("expires_on"), (NOW + 86_400).to_string());
    assert_eq!((reply.text("resource"), &reply.body["expires_in"]), (VAULT.to_owned(), &Value::Null));
    let by_resource = ask(&fixture, &format!("{url}&mi_res_id={USER_RESOURCE}"), &header).await;
    assert_eq!(by_resource.text("client_id"), USER.0);
    let refused = async |url: &str, headers: &[(&str, &str)]| {
        let reply = ask(&fixture, url, headers).await;
        assert_eq!(reply.body["statusCode"], reply.status, "{}", reply.raw);
        assert!(reply.body["message"].is_string());
        reply.status
    };
    assert_eq!(refused(&url, &[]).await, 401);
    assert_eq!(refused(&url, &[("X-IDENTITY-HEADER", "guess")]).await, 401);
    assert_eq!(refused(&url, &[header[0], ("X-Forwarded-For", "10.0.0.1")]).await, 400);
    assert_eq!(refused(&url.replace("2019-08-01", "2018-02-01"), &header).await, 400);
    assert_eq!(refused(&format!("{url}&msi_res_id={USER_RESOURCE}"), &header).await, 400, "IMDS's spelling");
    assert_eq!(refused(&url.replace("vault", "nowhere"), &header).await, 500);
}

#[tokio::test]
async fn arc_hands_out_a_token_for_the_content_of_a_file() {
    let fixture = Fixture::start().await;
    let env = env(&fixture, "arc").await;
    assert!(text(&env, "IMDS_ENDPOINT").starts_with(&fixture.url));
    let url = format!("{}?api-version=2020-06-01&resource={VAULT}", text(&env, "IDENTITY_ENDPOINT"));
    let named = format!("{url}&object_id={}", USER.1);
    assert_eq!(ask(&fixture, &url, &[]).await.status, 400, "no header, no challenge");
    let challenge = async || {
        let reply = ask(&fixture, &named, &[("Metadata", "true")]).await;
        assert_eq!(reply.status, 401, "{}", reply.raw);
        let path = reply.header("www-authenticate").unwrap().strip_prefix("Basic realm=").unwrap().to_owned();
        assert_eq!(std::path::Path::new(&path).extension(), Some("key".as_ref()));
        path
    };
    let path = challenge().await;
    let key = std::fs::read_to_string(&path).unwrap();
    assert!(key.len() <= 4096);
    let with = async |key: &str| {
        ask(&fixture, &named, &[("Metadata", "true"), ("Authorization", &format!("Basic {key}"))]).await
    };
    assert_eq!(with("guess").await.status, 401);
    let encoded = base64url::encode(&key);
    assert_eq!(with(&encoded).await.status, 401, "the raw content counts, not its base64");
    let reply = with(&key).await;
    assert_eq!((reply.status, reply.text("client_id")), (200, USER.0.to_owned()), "{}", reply.raw);
    assert_eq!((reply.text("object_id"), reply.text("expires_in")), (USER.1.to_owned(), "86400".to_owned()));
    assert_eq!(with(&key).await.status, 401, "a key works once");
    assert!(!std::path::Path::new(&path).exists());
    assert_ne!(challenge().await, path);
}

#[tokio::test]
async fn service_fabric_is_served_over_tls_only() {
    let fixture = Fixture::start().await;
    let env = env(&fixture, "serviceFabric").await;
    let thumbprint = text(&env, "IDENTITY_SERVER_THUMBPRINT");
    assert!(thumbprint.len() == 40 && thumbprint.bytes().all(|b| b.is_ascii_hexdigit()), "{thumbprint}");
    let endpoint = text(&env, "IDENTITY_ENDPOINT");
    assert!(endpoint.starts_with(ORIGIN), "{endpoint}");
    let path = format!("{}?api-version=2019-07-01-preview&resource={VAULT}", endpoint.strip_prefix(ORIGIN).unwrap());
    let secret = text(&env, "IDENTITY_HEADER");
    let secret = [("Secret", secret.as_str())];
    assert_eq!(ask(&fixture, &path, &secret).await.status, 400);
    let secure = serve(fixture.emulator.router_for(ORIGIN, Scheme::Https)).await;
    let url = format!("{secure}{path}");
    let reply = ask(&fixture, &url, &secret).await;
    assert_eq!((reply.status, reply.text("expires_on")), (200, (NOW + 86_400).to_string()), "{}", reply.raw);
    let code = async |url: &str, headers: &[(&str, &str)]| {
        let reply = ask(&fixture, url, headers).await;
        (reply.status, text(&reply.body["error"], "code"))
    };
    assert_eq!(code(&url, &[]).await, (401, "SecretHeaderNotFound".into()));
    assert_eq!(code(&url.replace("preview", "x"), &secret).await.0, 400);
    assert_eq!(code(&format!("{url}&client_id={}", USER.0), &secret).await.0, 400, "there are no selectors");
    let shown = thumbprint_sha1(&listeners_certificate(&fixture.emulator));
    assert_eq!(shown, base64url::encode(bytes(&thumbprint)));
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The certificate that the https listener shows, by a handshake in memory.
fn listeners_certificate(emulator: &Emulator) -> Vec<u8> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(emulator.ca_pem().unwrap().as_bytes()).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let mut client = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut server = rustls::ServerConnection::new(emulator.tls().unwrap()).unwrap();
    while client.is_handshaking() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets().unwrap();
    }
    client.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn azure_ml_has_its_own_names_for_things() {
    let fixture = Fixture::start().await;
    let env = env(&fixture, "azureml").await;
    let url = format!("{}?api-version=2017-09-01&resource={VAULT}", text(&env, "MSI_ENDPOINT"));
    let secret = text(&env, "MSI_SECRET");
    let secret = [("secret", secret.as_str())];
    assert_eq!(ask(&fixture, &url, &secret).await.text("client_id"), SYSTEM.0);
    assert_eq!(ask(&fixture, &format!("{url}&clientid={}", USER.0), &secret).await.text("client_id"), USER.0);
    assert_eq!(ask(&fixture, &format!("{url}&client_id={}", USER.0), &secret).await.status, 400);
    assert_eq!(ask(&fixture, &url, &[]).await.status, 401);
    assert_eq!(ask(&fixture, &url.replace("2017-09-01", "2019-08-01"), &secret).await.status, 400);
}

#[tokio::test]
async fn the_cloud_shell_hands_out_its_users_tokens() {
    let fixture = Fixture::start().await;
    let url = text(&env(&fixture, "cloudshell").await, "MSI_ENDPOINT");
    let post = async |resource: &str, metadata: &str| {
        let request = fixture.http.post(&url).header("Metadata", metadata).form(&[("resource", resource)]);
        Reply::read(request.send().await.unwrap()).await
    };
    let reply = post(VAULT, "true").await;
    assert_eq!((reply.status, reply.text("resource")), (200, VAULT.to_owned()), "{}", reply.raw);
    let claims = fixture.claims(&reply.text("access_token")).await;
    assert_eq!((&claims["oid"], &claims["scp"]), (&json!(ALICE_OID), &json!("user_impersonation")));
    assert_eq!(post(VAULT, "true").await.text("access_token"), reply.text("access_token"));
    assert_eq!(post(VAULT, "false").await.status, 400);
    assert_eq!(post("https://nowhere.example", "true").await.status, 400);
    let no_consent = post(&format!("api://{API}"), "true").await;
    assert!(text(&no_consent.body["error"], "message").starts_with("AADSTS65001"), "{}", no_consent.raw);
    assert_eq!(ask(&fixture, &url, &[("Metadata", "true")]).await.status, 405);
}

#[tokio::test]
async fn the_environment_is_printed_for_a_shell_or_as_json() {
    let fixture = Fixture::start().await;
    let lines = fixture.get("/sidekey/env?host=imds").await.raw;
    assert!(lines.contains(&format!("export AZURE_POD_IDENTITY_AUTHORITY_HOST='{}'\n", fixture.url)), "{lines}");
    assert!(lines.contains(&format!("export AZURE_AUTHORITY_HOST='{ORIGIN}'\n")), "{lines}");
    let json = env(&fixture, "imds").await;
    let bundle = text(&json, "REQUESTS_CA_BUNDLE");
    for name in ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE"] {
        assert_eq!(text(&json, name), bundle);
    }
    let ca = fixture.get("/sidekey/ca.pem").await.raw;
    assert!(std::fs::read_to_string(bundle).unwrap().contains(ca.trim()));
    assert!(fixture.get("/sidekey/ca-bundle.pem").await.raw.contains(ca.trim()));
    for bad in ["host=moon", "format=xml", "hots=imds"] {
        assert_eq!(fixture.get(&format!("/sidekey/env?{bad}")).await.status, 400, "{bad}");
    }
}
