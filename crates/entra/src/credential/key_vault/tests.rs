//! The source against a vault that behaves: its demand for a token, its documents, and its signatures.

mod decryption;
mod failures;

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::{digest, signature};
use axum::{body::Bytes, extract::State, http, response::Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use serde_json::{Value, json};
use sidekey_host::{Clock, ManualClock, UnixTime};
use sidekey_jose::{Algorithm, UnverifiedJws, VerifyingKey, base64url};
use tokio::time::Instant;

use super::{
    super::Proof,
    access::{TokenFuture, VaultAccess, VaultAsk, VaultToken},
    *,
};
use crate::Environment;

/// A request as it came: method and target, token, body.
#[derive(Clone, Debug)]
struct Asked {
    what: String,
    token: Option<String>,
    body: String,
}

/// A vault: documents by method and path.
struct Vault {
    url: String,
    asked: Mutex<Vec<Asked>>,
    documents: Mutex<HashMap<String, (u16, String)>>,
    /// Answers that come first, with headers.
    script: Mutex<Vec<Response>>,
    resource: Mutex<String>,
    /// The token that is taken.
    accepted: Mutex<String>,
    signs_with: &'static str,
}

impl Vault {
    async fn start() -> Arc<Self> {
        Self::signing_with("key.pem").await
    }

    async fn signing_with(key: &'static str) -> Arc<Self> {
        sidekey_host::tls::install_crypto_provider();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let vault = Arc::new(Self {
            resource: Mutex::new(url.clone()),
            url,
            asked: Mutex::default(),
            documents: Mutex::default(),
            script: Mutex::default(),
            accepted: Mutex::new("token-1".to_owned()),
            signs_with: key,
        });
        let router = axum::Router::new().fallback(answer).with_state(Arc::clone(&vault));
        tokio::spawn(async { axum::serve(listener, router).await });
        vault
    }

    fn put(&self, what: &str, status: u16, body: &impl ToString) {
        self.documents.lock().unwrap().insert(what.to_owned(), (status, body.to_string()));
    }

    /// A certificate's version, the newest from now on, with what is behind it.
    fn add(&self, version: &str, attributes: &Value, exportable: Option<bool>, secret: Option<(&str, &str)>) {
        let mut bundle = json!({
            "id": format!("{}/certificates/web/{version}", self.url),
            "kid": format!("{}/keys/web/{version}", self.url),
            "cer": STANDARD.encode(certificate()),
            "attributes": attributes,
        });
        self.put(&format!("GET /certificates/web/{version}"), 200, &bundle);
        if let Some(exportable) = exportable {
            bundle["policy"] = json!({ "key_props": { "exportable": exportable, "kty": "RSA" } });
        }
        self.put("GET /certificates/web", 200, &bundle);
        if let Some((content_type, value)) = secret {
            let body = json!({ "value": value, "contentType": content_type, "attributes": { "enabled": true } });
            self.put(&format!("GET /secrets/web/{version}"), 200, &body);
        }
    }

    fn add_pfx(&self, version: &str) {
        self.add(version, &json!({ "enabled": true }), Some(true), Some(("application/x-pkcs12", &pfx())));
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap()).into_iter().map(|asked| asked.what).collect()
    }

    fn demand(&self) -> Response {
        let header = format!(
            "Bearer authorization=\"https://login.microsoftonline.com/{TENANT}\", resource=\"{}\"",
            self.resource.lock().unwrap()
        );
        response(401, &[("www-authenticate", &header)], r#"{"error":{"code":"Unauthorized","message":"AKV10000"}}"#)
    }

    fn sign(&self, body: &str) -> Response {
        let body: Value = serde_json::from_str(body).unwrap();
        let encoding: &dyn signature::RsaEncoding = match body["alg"].as_str() {
            Some("PS256") => &signature::RSA_PSS_SHA256,
            Some("RS256") => &signature::RSA_PKCS1_SHA256,
            _ => return response(400, &[], ""),
        };
        let key = PrivateKeyDer::from_pem_slice(&std::fs::read(data(self.signs_with)).unwrap()).unwrap();
        let pair = signature::RsaKeyPair::from_pkcs8(key.secret_der()).unwrap();
        let bytes = base64url::decode(body["value"].as_str().unwrap()).unwrap();
        let digest = digest::Digest::import_less_safe(&bytes, &digest::SHA256).unwrap();
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign_digest(encoding, &digest, &mut signature).unwrap();
        response(200, &[], &json!({ "kid": "k", "value": base64url::encode(signature) }).to_string())
    }
}

async fn answer(State(vault): State<Arc<Vault>>, request: http::Request<axum::body::Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let header = parts.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let token = header.map(|header| header.trim_start_matches("Bearer ").to_owned());
    let asked = Asked {
        what: format!("{} {}", parts.method, parts.uri),
        token: token.clone(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    vault.asked.lock().unwrap().push(asked.clone());
    if let Some(scripted) = vault.script.lock().unwrap().pop() {
        return scripted;
    }
    if token.as_ref() != Some(&*vault.accepted.lock().unwrap()) {
        return vault.demand();
    }
    let what = format!("{} {}", parts.method, parts.uri.path());
    let document = vault.documents.lock().unwrap().get(&what).cloned();
    match document {
        Some((status, body)) => response(status, &[], &body),
        None if what.starts_with("POST /keys/web/") => vault.sign(&asked.body),
        None => response(404, &[], r#"{"error":{"code":"CertificateNotFound","message":"not found"}}"#),
    }
}

fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(body.to_owned().into()).unwrap()
}

/// Gives `token-1`, `token-2`, … and keeps what it was asked.
#[derive(Debug, Default)]
struct Scripted {
    asked: Mutex<Vec<VaultAsk>>,
    given: AtomicUsize,
}

impl VaultAccess for Scripted {
    fn token(&self, ask: VaultAsk) -> TokenFuture<'_> {
        self.asked.lock().unwrap().push(ask.clone());
        let number = self.given.fetch_add(1, Ordering::Relaxed) + 1;
        let token = VaultToken { token: Secret::new(format!("token-{number}")), expires_on: ask.now + HOUR };
        Box::pin(std::future::ready(Ok(token)))
    }
}

/// The source, as whom it asks, and its clock.
struct World {
    source: Arc<KeyVault>,
    access: Arc<Scripted>,
    clock: Arc<ManualClock>,
}

impl World {
    fn new(vault: &Vault) -> Self {
        Self::of(&config(&vault.url))
    }

    fn of(config: &VaultCertificateConfig) -> Self {
        let (access, clock) = (Arc::<Scripted>::default(), Arc::new(ManualClock::at(NOW)));
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let asks_as = Arc::clone(&access) as Arc<dyn VaultAccess>;
        let mut client = Client::new(http, Arc::clone(&clock) as Arc<dyn Clock>, config.vault.clone(), asks_as);
        client.pause = Duration::from_millis(1);
        let source = KeyVault::with(config, client, Arc::clone(&clock) as Arc<dyn Clock>);
        Self { source, access, clock }
    }

    async fn made(&self) -> Result<Made, CredentialError> {
        self.source.assertion(&self.purpose()).await
    }

    async fn error(&self) -> String {
        self.made().await.unwrap_err().to_string()
    }

    fn purpose(&self) -> Purpose {
        Purpose {
            client_id: "00001111-aaaa-2222-bbbb-3333cccc4444".parse().unwrap(),
            audience: "https://login.example.com/t/oauth2/v2.0/token".to_owned(),
            host: "login.example.com".to_owned(),
            tenant: None,
            takes_ps256: true,
            send_x5c: true,
            fmi_path: None,
            claims: None,
            correlation_id: Uuid::nil(),
            now: self.clock.now(),
            deadline: Instant::now() + Duration::from_secs(20),
        }
    }
}

fn config(vault: &str) -> VaultCertificateConfig {
    VaultCertificateConfig {
        vault: vault.parse().unwrap(),
        name: "web".to_owned(),
        version: None,
        managed_identity: None,
        signs_in_vault: false,
    }
}

fn data(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn certificate() -> Vec<u8> {
    CertificateDer::from_pem_slice(&std::fs::read(data("certificate.pem")).unwrap()).unwrap().to_vec()
}

fn pfx() -> String {
    STANDARD.encode(std::fs::read(data("no-password.pfx")).unwrap())
}

/// The assertion's header, after its signature was checked.
fn header(made: &Made, algorithm: Algorithm) -> Value {
    let Proof::Assertion(token) = &made.proof else { panic!("no assertion") };
    let key = VerifyingKey::from_certificate(&certificate()).unwrap();
    UnverifiedJws::parse(token.expose()).unwrap().verify(&key, &[algorithm]).unwrap();
    let part = token.expose().split('.').next().unwrap();
    serde_json::from_slice(&base64url::decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn an_exportable_certificate_is_fetched_with_its_key_and_signs_here() {
    let pem = std::fs::read_to_string(data("both.pem")).unwrap();
    for (content_type, value) in [("application/x-pkcs12", pfx()), ("application/x-pem-file", pem)] {
        let vault = Vault::start().await;
        vault.add("v1", &json!({ "enabled": true }), Some(true), Some((content_type, &value)));
        let world = World::new(&vault);
        let made = world.made().await.unwrap();
        assert_eq!(header(&made, Algorithm::PS256)["x5c"][0], STANDARD.encode(certificate()));
        assert!(!made.reused);
        let first = vault.asked.lock().unwrap()[0].clone();
        assert_eq!((first.token, first.body.as_str()), (None, ""), "the first request tells nothing");
        let certificate = "GET /certificates/web?api-version=7.4";
        assert_eq!(vault.asked(), [certificate, certificate, "GET /secrets/web/v1?api-version=7.4"]);
        let asked = world.access.asked.lock().unwrap().clone();
        assert_eq!((asked.len(), asked[0].resource.as_str()), (1, vault.url.as_str()));
        assert_eq!(asked[0].tenant.as_ref().map(ToString::to_string).as_deref(), Some(TENANT));
        assert!(world.made().await.unwrap().reused);
        assert!(vault.asked().is_empty(), "an assertion that serves asks nobody");
    }
}

#[tokio::test]
async fn a_key_that_stays_in_the_vault_signs_there() {
    let stays = |pinned: bool, signs_in_vault| (pinned, signs_in_vault);
    for (pinned, signs_in_vault) in [stays(false, false), stays(true, false), stays(false, true), stays(true, true)] {
        let vault = Vault::start().await;
        let public = STANDARD.encode(std::fs::read(data("no-key.pfx")).unwrap());
        let secret = Some(("application/x-pkcs12", public.as_str()));
        vault.add("v1", &json!({}), Some(signs_in_vault), secret);
        let version = pinned.then(|| "v1".to_owned());
        let world = World::of(&VaultCertificateConfig { version, signs_in_vault, ..config(&vault.url) });
        let made = world.made().await.unwrap();
        let header = header(&made, Algorithm::PS256);
        assert!(header["x5t#S256"].is_string() && header["x5c"][0] == STANDARD.encode(certificate()));
        let asked = vault.asked();
        assert_eq!(asked.last().unwrap(), "POST /keys/web/v1/sign?api-version=7.4");
        let secret_asked = asked.iter().any(|what| what.contains("/secrets/"));
        assert_eq!(secret_asked, pinned && !signs_in_vault, "{asked:?}");
        let old = Purpose { takes_ps256: false, ..world.purpose() };
        let made = world.source.assertion(&old).await.unwrap();
        assert!(self::header(&made, Algorithm::RS256)["x5t"].is_string());
    }
}

#[tokio::test]
async fn a_signature_of_another_key_is_not_passed_on() {
    let vault = Vault::signing_with("other-key.pem").await;
    vault.add("v1", &json!({}), Some(false), None);
    assert!(World::new(&vault).error().await.contains("signed with a key that is not the certificate's"));
}

#[tokio::test]
async fn a_token_for_something_else_than_the_vault_is_never_asked_for() {
    let vault = Vault::start().await;
    vault.add_pfx("v1");
    *vault.resource.lock().unwrap() = "https://graph.microsoft.com".to_owned();
    let world = World::new(&vault);
    let error = world.error().await;
    assert!(error.contains("`https://graph.microsoft.com`, which is not its own domain"), "{error}");
    assert!(world.access.asked.lock().unwrap().is_empty());
    assert!(vault.asked.lock().unwrap().iter().all(|asked| asked.token.is_none()));
}

#[tokio::test]
async fn a_token_that_the_vault_no_longer_takes_is_replaced_once() {
    let vault = Vault::start().await;
    vault.add("v1", &json!({}), Some(false), None);
    let world = World::new(&vault);
    world.made().await.unwrap();
    *vault.accepted.lock().unwrap() = "token-2".to_owned();
    world.source.signed.forget();
    world.made().await.unwrap();
    assert_eq!(world.access.asked.lock().unwrap().len(), 2);
    *vault.accepted.lock().unwrap() = "another".to_owned();
    world.source.signed.forget();
    let error = world.error().await;
    assert!(error.contains("(401: Unauthorized: AKV10000)"), "{error}");
    assert_eq!(world.access.asked.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_claims_challenge_is_met() {
    let vault = Vault::start().await;
    vault.add_pfx("v1");
    *vault.accepted.lock().unwrap() = "token-2".to_owned();
    let claims = "Bearer error=\"insufficient_claims\", claims=\"eyJhIjoxfQ==\"";
    let demand = vault.demand();
    // The last is the first to come.
    *vault.script.lock().unwrap() = vec![response(401, &[("www-authenticate", claims)], ""), demand];
    let world = World::new(&vault);
    world.made().await.unwrap();
    let asked = world.access.asked.lock().unwrap().clone();
    assert_eq!((asked[0].claims.as_deref(), asked[1].claims.as_deref()), (None, Some("{\"a\":1}")));
}

#[tokio::test]
async fn who_may_not_do_something_hears_which_role_is_missing() {
    let forbidden = r#"{"error":{"code":"Forbidden","message":"Caller is not authorized","innererror":{"code":"ForbiddenByRbac"}}}"#;
    for (what, role) in [
        ("GET /certificates/web", "`Key Vault Certificate User`"),
        ("GET /secrets/web/v1", "`Key Vault Secrets User`"),
        ("POST /keys/web/v1/sign", "`Key Vault Crypto User`"),
    ] {
        let vault = Vault::start().await;
        vault.add("v1", &json!({}), Some(!what.starts_with("POST")), None);
        vault.put(what, 403, &forbidden);
        let error = World::new(&vault).error().await;
        assert!(error.contains(role) && error.contains("ForbiddenByRbac"), "{error}");
    }
}

#[tokio::test]
async fn a_newer_version_is_found_after_a_refusal_and_after_a_while() {
    let vault = Vault::start().await;
    vault.add_pfx("v1");
    let world = World::new(&vault);
    assert!(!world.made().await.unwrap().reused);
    world.clock.advance(Duration::from_mins(10));
    // Made anew, but of a certificate that may have been replaced since.
    assert!(world.made().await.unwrap().reused);
    vault.asked();
    vault.add_pfx("v2");
    world.source.forget();
    let made = world.made().await.unwrap();
    assert!(!made.reused || world.source.current.version().as_deref() == Some("v2"));
    assert_eq!(vault.asked(), ["GET /certificates/web?api-version=7.4", "GET /secrets/web/v2?api-version=7.4"]);
    vault.add_pfx("v3");
    world.source.forget();
    world.made().await.unwrap();
    assert!(vault.asked().is_empty(), "not again so soon");
    world.clock.advance(HOUR * 5);
    *vault.accepted.lock().unwrap() = "token-2".to_owned();
    world.made().await.unwrap();
    for _ in 0..1000 {
        tokio::time::sleep(Duration::from_millis(2)).await;
        if world.source.current.version().as_deref() == Some("v3") {
            return;
        }
    }
    panic!("the new version did not come");
}

#[tokio::test]
async fn a_bad_new_version_leaves_the_old_one_in_use() {
    let vault = Vault::start().await;
    vault.add_pfx("v1");
    let world = World::new(&vault);
    world.made().await.unwrap();
    vault.add("v2", &json!({}), Some(true), Some(("text/plain", "aGVsbG8=")));
    world.clock.advance(Duration::from_mins(10));
    world.source.forget();
    world.made().await.unwrap();
    assert_eq!(world.source.current.version().as_deref(), Some("v1"));
    assert!(vault.asked().iter().any(|what| what.contains("/secrets/web/v2")));
    let error = World::new(&vault).error().await;
    assert!(error.contains("content type `text/plain`") && error.contains("neither a PFX nor a PEM"), "{error}");
}

#[tokio::test]
async fn a_pinned_version_stays() {
    let vault = Vault::start().await;
    vault.add_pfx("v1");
    vault.add_pfx("v2");
    let world = World::of(&VaultCertificateConfig { version: Some("v1".to_owned()), ..config(&vault.url) });
    assert!(!world.made().await.unwrap().reused);
    assert!(vault.asked().iter().all(|what| what.contains("/web/v1?")));
    world.clock.advance(HOUR * 24);
    world.source.forget();
    assert!(!world.made().await.unwrap().reused);
    assert!(vault.asked().is_empty());
}

#[tokio::test]
async fn versions_that_cannot_be_used_are_passed_over() {
    let vault = Vault::start().await;
    vault.add_pfx("v1");
    vault.add("v2", &json!({ "enabled": true, "nbf": NOW.0 + 60 }), Some(true), None);
    let item = |version: &str, attributes: Value| json!({ "id": format!("{}/certificates/web/{version}", vault.url), "attributes": attributes });
    let link = format!("{}/certificates/web/more?api-version=7.4&$skiptoken=x", vault.url);
    let first = json!({ "value": [
        item("v0", json!({ "enabled": true, "created": 1 })),
        item("v2", json!({ "enabled": true, "created": 5, "nbf": NOW.0 + 60 })),
        item("vd", json!({ "enabled": false, "created": 4 })),
        item("ve", json!({ "enabled": true, "created": 3, "exp": NOW.0 })),
    ], "nextLink": link });
    let second = json!({ "value": [item("v1", json!({ "enabled": true, "created": 2 }))], "nextLink": null });
    vault.put("GET /certificates/web/versions", 200, &first);
    vault.put("GET /certificates/web/more", 200, &second);
    let world = World::new(&vault);
    world.made().await.unwrap();
    assert_eq!(world.source.current.version().as_deref(), Some("v1"));
    assert!(vault.asked().contains(&"GET /certificates/web/more?api-version=7.4&$skiptoken=x".to_owned()));
    let none = json!({ "value": [item("v2", json!({ "enabled": true, "nbf": NOW.0 + 60 }))] });
    vault.put("GET /certificates/web/versions", 200, &none);
    let error = World::new(&vault).error().await;
    assert!(error.contains("the version `v2` of the certificate `web` is not valid before"), "{error}");
}

#[tokio::test]
async fn an_application_from_the_environment_asks_with_its_own_secret() {
    let (vault, authority) = (Vault::start().await, Vault::start().await);
    vault.add_pfx("v1");
    *authority.script.lock().unwrap() = vec![
        response(200, &[], r#"{"token_type":"Bearer","expires_in":3600,"access_token":"token-1"}"#),
        // Instance discovery.
        response(404, &[], ""),
    ];
    let environment = Environment::from_pairs([
        ("AZURE_CLIENT_ID", "11112222-bbbb-3333-cccc-4444dddd5555"),
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_CLIENT_SECRET", "s3cret"),
        ("AZURE_AUTHORITY_HOST", &authority.url),
    ]);
    let clock = Arc::new(ManualClock::at(NOW));
    let surroundings = Surroundings::new(reqwest::Client::new(), clock, environment);
    let source = KeyVault::new(&config(&vault.url), &surroundings);
    let made = source.assertion(&World::new(&vault).purpose()).await.unwrap();
    header(&made, Algorithm::PS256);
    let asked = authority.asked.lock().unwrap().last().cloned().unwrap();
    assert_eq!(asked.what, format!("POST /{TENANT}/oauth2/v2.0/token"));
    let form: HashMap<String, String> = url::form_urlencoded::parse(asked.body.as_bytes()).into_owned().collect();
    assert_eq!(form["scope"], format!("{}/.default", vault.url));
    assert_eq!((form["grant_type"].as_str(), form["client_secret"].as_str()), ("client_credentials", "s3cret"));
    assert_eq!(form["client_id"], "11112222-bbbb-3333-cccc-4444dddd5555");
}

const NOW: UnixTime = UnixTime(1_800_000_000);
const HOUR: Duration = Duration::from_hours(1);
const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
