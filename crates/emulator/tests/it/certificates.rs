//! Client authentication by certificate.

use serde_json::{Value, json};
use sidekey_jose::Algorithm::{self, PS256, RS256, RS384};

use crate::{
    keys::{Authority, Identity, yaml_block},
    support::{CONTOSO, Fixture, NOW, ORIGIN, Reply},
};

const CLIENT: &str = "33334444-dddd-5555-eeee-6666ffff7777";

fn directory(credentials: &str) -> String {
    format!(
        "tenants:\n  - {{id: {CONTOSO}, displayName: Contoso, domains: [contoso.onmicrosoft.com]}}\napps:\n  \
         - {{clientId: 44445555-eeee-6666-ffff-7777aaaa8888, name: api, multiTenant: true, identifierUris: ['api://api'], tokenVersion: 2}}\n  \
         - clientId: {CLIENT}\n    name: daemon\n    tenants: [{CONTOSO}]\n{credentials}"
    )
}

fn registered(identity: &Identity) -> String {
    directory(&format!("    certificates:\n      - pem: {}\n", yaml_block(&identity.pem)))
}

/// The claims that SDKs send.
fn claims(fixture: &Fixture) -> Value {
    let audience = format!("{}/{CONTOSO}/oauth2/v2.0/token", fixture.url);
    json!({ "aud": audience, "iss": CLIENT, "sub": CLIENT, "jti": "1", "nbf": NOW, "exp": NOW + 600 })
}

fn with(mut claims: Value, changes: Value) -> Value {
    if let (Value::Object(claims), Value::Object(changes)) = (&mut claims, changes) {
        claims.extend(changes);
    }
    claims
}

async fn present(fixture: &Fixture, assertion: &str) -> Reply {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
        ("scope", "api://api/.default"),
    ];
    fixture.token(CONTOSO, &form).await
}

#[tokio::test]
async fn every_form_that_sdks_send_is_accepted() {
    let identity = Identity::new("daemon");
    let fixture = Fixture::with(&registered(&identity)).await;
    let (sha1, sha256) = (identity.sha1(), identity.sha256());
    let hex = hex(&sha1).concat();
    let claims = claims(&fixture);
    let cases: Vec<(Algorithm, Value, Value)> = vec![
        (PS256, json!({ "typ": "JWT", "x5t#S256": sha256 }), claims.clone()),
        (RS256, json!({ "x5t": sha1 }), claims.clone()),
        (RS256, json!({ "x5t": format!("{sha1}=") }), claims.clone()),
        (RS256, json!({ "x5t": hex }), claims.clone()),
        (RS256, json!({ "x5t": sha1, "x5c": [identity.base64()] }), claims.clone()),
        (PS256, json!({ "x5t#S256": sha256, "x5c": identity.base64() }), claims.clone()),
        (RS256, json!({ "x5c": [identity.base64()] }), claims.clone()),
        (
            PS256,
            json!({ "x5t#S256": sha256 }),
            with(claims.clone(), json!({ "exp": (NOW + 600).to_string(), "nbf": NOW.to_string() })),
        ),
        (
            RS256,
            json!({ "x5t": sha1 }),
            with(claims.clone(), json!({ "exp": 1_767_924_732.25, "nbf": 1_767_924_131.75 })),
        ),
        (RS256, json!({ "x5t": sha1 }), with(claims.clone(), json!({ "iss": CLIENT.to_uppercase() }))),
    ];
    for (algorithm, header, claims) in cases {
        let reply = present(&fixture, &identity.sign(algorithm, header.clone(), &claims)).await;
        assert_eq!(reply.status, 200, "{header} {claims} {}", reply.raw);
        assert_eq!(fixture.claims(&reply.text("access_token")).await["azpacr"], "2");
    }
}

#[tokio::test]
async fn the_audience_is_any_name_of_this_token_endpoint() {
    let identity = Identity::new("daemon");
    let fixture = Fixture::with(&registered(&identity)).await;
    let sign = |audience: &str| {
        identity.sign(RS256, json!({ "x5t": identity.sha1() }), &with(claims(&fixture), json!({ "aud": audience })))
    };
    for audience in [
        format!("{}/{CONTOSO}/oauth2/token", fixture.url),
        format!("{ORIGIN}/{CONTOSO}/v2.0"),
        format!("{ORIGIN}/{CONTOSO}/oauth2/v2.0/token/"),
        format!("https://login.microsoftonline.com/{CONTOSO}/oauth2/v2.0/token"),
    ] {
        assert_eq!(present(&fixture, &sign(&audience)).await.status, 200, "{audience}");
    }
    for audience in [
        "https://login.evil.example/token",
        "https://login.microsoftonline.com/bbbbcccc-1111-dddd-2222-eeee3333ffff/oauth2/v2.0/token",
        "api://AzureADTokenExchange",
        "",
    ] {
        let refusal = present(&fixture, &sign(audience)).await.refusal();
        assert_eq!(refusal, (401, "invalid_client".into(), 700_023), "{audience}");
    }
}

#[tokio::test]
async fn each_flaw_of_an_assertion_has_its_code() {
    let (identity, other) = (Identity::new("daemon"), Identity::new("other"));
    let fixture = Fixture::with(&registered(&identity)).await;
    let claims = claims(&fixture);
    let header = json!({ "x5t": identity.sha1() });
    let signed = |changes: Value| identity.sign(RS256, header.clone(), &with(claims.clone(), changes));
    let unsigned = format!("{}.{}.", encode(&json!({ "alg": "none", "x5t": identity.sha1() })), encode(&claims));
    let cases = [
        (other.sign(RS256, json!({ "x5t": other.sha1() }), &claims), 401, "invalid_client", 700_027),
        (other.sign(RS256, header.clone(), &claims), 401, "invalid_client", 700_027),
        (
            other.sign(RS256, json!({ "x5t": identity.sha1(), "x5c": [other.base64()] }), &claims),
            401,
            "invalid_client",
            700_027,
        ),
        (signed(json!({ "exp": NOW - 301 })), 401, "invalid_client", 700_024),
        (signed(json!({ "nbf": NOW + 301 })), 401, "invalid_client", 700_024),
        (signed(json!({ "sub": "someone" })), 401, "invalid_client", 50_048),
        (signed(json!({ "iss": "someone", "sub": "someone" })), 401, "invalid_client", 50_048),
        (signed(json!({ "exp": "never" })), 400, "invalid_request", 50_027),
        (signed(json!({ "iss": 1 })), 400, "invalid_request", 50_027),
        (identity.sign(RS384, header.clone(), &claims), 400, "invalid_request", 50_027),
        (identity.sign(RS256, json!({}), &claims), 400, "invalid_request", 50_027),
        (
            identity.sign(RS256, json!({ "x5t": identity.sha1(), "x5c": ["*"] }), &claims),
            400,
            "invalid_request",
            50_027,
        ),
        (unsigned, 400, "invalid_request", 50_027),
        ("not a token".to_owned(), 400, "invalid_request", 50_027),
    ];
    for (assertion, status, error, code) in cases {
        let reply = present(&fixture, &assertion).await;
        assert_eq!(reply.refusal(), (status, error.to_owned(), code), "{}", reply.raw);
    }
    let unknown = present(&fixture, &other.sign(RS256, json!({ "x5t": other.sha1() }), &claims)).await;
    assert!(unknown.text("error_description").contains("Thumbprint of key used by client: '"), "{}", unknown.raw);
}

#[tokio::test]
async fn a_certificate_that_is_over_does_not_count() {
    let identity = Identity::expired("daemon");
    let fixture = Fixture::with(&registered(&identity)).await;
    let reply = present(&fixture, &identity.sign(RS256, json!({ "x5t": identity.sha1() }), &claims(&fixture))).await;
    assert_eq!(reply.refusal(), (401, "invalid_client".into(), 700_027));
    assert!(reply.text("error_description").contains("The key used is expired."));
}

#[tokio::test]
async fn a_thumbprint_alone_needs_the_certificate_to_be_sent() {
    let identity = Identity::new("daemon");
    let hex = hex(&identity.sha256());
    let credentials = format!("    certificates:\n      - thumbprint: '{}'\n", hex.join(":"));
    let fixture = Fixture::with(&directory(&credentials)).await;
    let sign = |header: Value| identity.sign(RS256, header, &claims(&fixture));
    let sent = sign(json!({ "x5t": identity.sha1(), "x5c": [identity.base64()] }));
    assert_eq!(present(&fixture, &sent).await.status, 200);
    let not_sent = sign(json!({ "x5t#S256": identity.sha256() }));
    assert_eq!(present(&fixture, &not_sent).await.refusal().2, 50_027);
}

#[tokio::test]
async fn subject_and_issuer_are_trusted_only_with_a_signature_of_that_issuer() {
    let (authority, impostor) = (Authority::new("Trusted CA"), Authority::new("Trusted CA"));
    let rule = |subject: &str| {
        let pem = yaml_block(&authority.pem);
        directory(&format!("    trustedSubjects:\n      - subject: {subject}\n        issuer:\n          pem: {pem}\n"))
    };
    let identity = Identity::issued("daemon.contoso.example", &authority);
    let by_impostor = Identity::issued("daemon.contoso.example", &impostor);
    let self_signed = Identity::new("daemon.contoso.example");
    let other_subject = Identity::issued("other.contoso.example", &authority);
    for subject in ["daemon.contoso.example", "CN=Daemon.contoso.example"] {
        let fixture = Fixture::with(&rule(subject)).await;
        let sign = |identity: &Identity| {
            let header = json!({ "x5t#S256": identity.sha256(), "x5c": [identity.base64()] });
            identity.sign(PS256, header, &claims(&fixture))
        };
        assert_eq!(present(&fixture, &sign(&identity)).await.status, 200, "{subject}");
        for bad in [&by_impostor, &self_signed, &other_subject] {
            let refusal = present(&fixture, &sign(bad)).await.refusal();
            assert_eq!(refusal, (401, "invalid_client".into(), 700_030));
        }
    }
}

#[tokio::test]
async fn an_assertion_is_taken_twice_unless_the_directory_refuses_replays() {
    let identity = Identity::new("daemon");
    for (refuse, second) in [(false, 200), (true, 401)] {
        let yaml = format!("refuseReplayedAssertions: {refuse}\n{}", registered(&identity));
        let fixture = Fixture::with(&yaml).await;
        let assertion = identity.sign(RS256, json!({ "x5t": identity.sha1() }), &claims(&fixture));
        assert_eq!(present(&fixture, &assertion).await.status, 200);
        assert_eq!(present(&fixture, &assertion).await.status, second);
    }
}

fn encode(value: &Value) -> String {
    sidekey_jose::base64url::encode(value.to_string())
}

/// The bytes of a thumbprint in upper-case hex.
fn hex(thumbprint: &str) -> Vec<String> {
    sidekey_jose::base64url::decode(thumbprint).unwrap().iter().map(|byte| format!("{byte:02X}")).collect()
}
