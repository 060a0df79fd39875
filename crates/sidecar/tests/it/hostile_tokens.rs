//! Tokens made by someone who knows how readers of tokens fail, on the real route. Where nothing else is said they are well
//! signed by the authority's own key, so that nothing but the rule in question stands in their way.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Map, Value, json};
use sidekey_host::{Clock as _, SystemClock};
use sidekey_jose::{
    Algorithm, SigningKey,
    shr::{BoundClaim, NewShr, ShrRequest},
    sign_compact,
};
use tokio::net::TcpListener;

use crate::setup::Setup;

const HEADER: &str = r#"{"typ":"JWT","alg":"ES256","kid":"k1"}"#;

/// The status and the reason.
async fn verdict(setup: &Setup, token: &str) -> (u16, String) {
    let reply = setup.get_with("/Validate", token).await;
    (reply.status, reply.header("x-sidekey-reason").unwrap_or_default().to_owned())
}

async fn assert_refused(setup: &Setup, token: &str, reason: &str) {
    let (status, found) = verdict(setup, token).await;
    assert!(status == 401 && found.contains(reason), "{token:.100}: {status} {found}, expected {reason}");
}

fn claims(setup: &Setup) -> String {
    setup.authority.user_claims(json!({})).to_string()
}

#[tokio::test]
async fn headers_that_could_mean_something_else_are_refused() {
    let setup = Setup::new(&[]).await;
    let payload = claims(&setup);
    assert_eq!(verdict(&setup, &setup.authority.sign(HEADER, &payload)).await.0, 200);
    for (header, reason) in [
        (r#"{"alg":"none","kid":"k1"}"#, "signed with `none`"),
        (r#"{"alg":"None","kid":"k1"}"#, "signed with `None`"),
        (r#"{"alg":"","kid":"k1"}"#, "signed with ``"),
        (r#"{"alg":"HS256","kid":"k1"}"#, "signed with `HS256`"),
        (r#"{"alg":"ES384","kid":"k1"}"#, "signed with `ES384`"),
        (r#"{"alg":"RS256","kid":"k1"}"#, "not one that the authority publishes"),
        (r#"{"alg":["ES256"],"kid":"k1"}"#, "is not text"),
        (r#"{"kid":"k1"}"#, "has no `alg`"),
        (r#"{"alg":"ES256","kid":"k1","crit":["exp"],"exp":1}"#, "`exp`"),
        (r#"{"alg":"ES256","kid":"k1","crit":[]}"#, "`crit`"),
        (r#"{"alg":"ES256","kid":"k1","b64":false}"#, "`b64`"),
        (r#"{"alg":"ES256","kid":"k1","b64":true}"#, "`b64`"),
        (r#"{"alg":"ES256","kid":"k2","kid":"k1"}"#, "occurs twice"),
        (r#"{"alg":"none","alg":"ES256","kid":"k1"}"#, "occurs twice"),
        (r#"{"alg":"ES256","kid":"k1","x":{"a":1,"a":2}}"#, "occurs twice"),
        (r#"{"alg":"ES256","kid":"k1","typ":"id_token+jwt"}"#, "not an access token"),
        (&format!(r#"{{"alg":"ES256","kid":"k1","x":{}{}}}"#, "[".repeat(40), "]".repeat(40)), "nested deeper"),
        ("[]", "not an object"),
    ] {
        let token = setup.authority.sign(header, &payload);
        assert_refused(&setup, &token, reason).await;
        let (signed, _) = token.rsplit_once('.').unwrap();
        assert_eq!(verdict(&setup, &format!("{signed}.")).await.0, 401, "{header} without a signature");
    }
}

#[tokio::test]
async fn claims_that_two_readers_could_read_differently_are_refused() {
    let setup = Setup::new(&[]).await;
    let good = claims(&setup);
    let and = |more: &str| format!("{},{more}}}", good.trim_end_matches('}'));
    let with = |changes: Value| setup.authority.user_claims(changes).to_string();
    for (payload, reason) in [
        (and(r#""aud":"api://other""#), "occurs twice"),
        (and(r#""scp":"admin""#), "occurs twice"),
        (and(r#""\u0073cp":"admin""#), "occurs twice"),
        (and(r#""x":{"a":1,"a":2}"#), "occurs twice"),
        (and(r#""TID":"bbbbcccc-1111-dddd-2222-eeee3333ffff""#), "more than once"),
        (and(&format!(r#""x":{}{}"#, "[".repeat(10_000), "]".repeat(10_000))), "nested deeper"),
        (format!("{good} {good}"), "not an acceptable JSON object"),
        (with(json!({"aud": {"0": "x"}})), "`aud` is an object"),
        (with(json!({"iss": ["https://a/"]})), "`iss` is an array"),
        (with(json!({"exp": "99999999999"})), "`exp` is a string"),
        (with(json!({"exp": 1e300})), "`exp` is out of range"),
        (with(json!({"nbf": true})), "`nbf` is a boolean"),
        (with(json!({"scp": 7})), "`scp` is a number"),
        (with(json!({"roles": {"admin": true}})), "`roles` is an object"),
        (with(json!({"tid": "bbbbcccc-1111-dddd-2222-eeee3333ffff"})), "the issuer"),
        (with(json!({"iss": format!("{}/evil/v2.0", setup.authority.origin)})), "the issuer"),
        (with(json!({"aud": "00001111-aaaa-2222-bbbb-3333cccc4444.evil"})), "the audience"),
        (with(json!({"nonce": "n", "azp": null})), "this is an ID token"),
    ] {
        assert_refused(&setup, &setup.authority.sign(HEADER, &payload), reason).await;
    }
}

#[tokio::test]
async fn a_kid_is_compared_whole_and_does_nothing_else() {
    let setup = Setup::new(&[]).await;
    let payload = claims(&setup);
    for kid in [
        "K1",
        " k1",
        "k1 ",
        "k1\0",
        "k1\r\nX-Evil: 1",
        "../k1",
        "./k1",
        "keys/../k1",
        "k1?x=1",
        "k1#",
        "%6b1",
        "k*",
        "*",
        "",
        "' OR '1'='1",
        "k1' --",
        "${jndi:ldap://localhost/a}",
        "/dev/null",
        "file:///etc/passwd",
        "k1,k1",
        "\u{ff4b}1",
    ] {
        let token = setup.authority.sign(&json!({"alg": "ES256", "kid": kid}).to_string(), &payload);
        let reply = setup.get_with("/Validate", &token).await;
        assert_eq!((reply.status, reply.header("x-evil")), (401, None), "{kid:?}");
        assert_eq!(reply.header("x-sidekey-reason"), Some("the signing key is not one that the authority publishes"));
    }
    for kid in ["7", "null", r#"["k1"]"#, r#"{"$ne":""}"#] {
        let header = format!(r#"{{"alg":"ES256","kid":{kid}}}"#);
        assert_refused(&setup, &setup.authority.sign(&header, &payload), "is not text").await;
    }
}

#[tokio::test]
async fn a_key_that_comes_with_a_token_checks_nothing() {
    let setup = Setup::new(&[]).await;
    let attacker = SigningKey::generate_p256().unwrap();
    let own = attacker.public_jwk();
    let certificate = rcgen::KeyPair::try_from(&attacker.to_pkcs8_der().unwrap()[..]).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["k1".to_owned()]).unwrap().self_signed(&certificate).unwrap();
    let chain = json!([base64::Engine::encode(&base64::engine::general_purpose::STANDARD, certificate.der())]);
    for (member, value) in [("jwk", serde_json::to_value(&own).unwrap()), ("x5c", chain)] {
        for kid in [json!("k1"), json!(own.thumbprint().unwrap()), Value::Null] {
            let mut header = Map::from_iter([("typ".to_owned(), "JWT".into()), (member.to_owned(), value.clone())]);
            if !kid.is_null() {
                header.insert("kid".to_owned(), kid.clone());
            }
            let token = sign_compact(&header, claims(&setup).as_bytes(), &attacker, Algorithm::ES256).unwrap();
            let (status, reason) = verdict(&setup, &token).await;
            assert!(status == 401 && reason.contains("sign"), "{member} {kid}: {status} {reason}");
        }
    }
}

/// A server that counts who comes.
async fn listener() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (authority, count) = (listener.local_addr().unwrap().to_string(), Arc::<AtomicUsize>::default());
    let counter = Arc::clone(&count);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    (authority, count)
}

#[tokio::test]
async fn no_address_in_a_token_is_ever_asked() {
    let setup = Setup::new(&[]).await;
    let (there, asked) = listener().await;
    let url = format!("http://{there}/keys");
    let attacker = SigningKey::generate_p256().unwrap();
    for member in ["jku", "x5u", "kid", "iss", "jwks_uri", "cty", "typ"] {
        let mut header = json!({"typ": "JWT", "kid": "k1", "alg": "ES256"});
        header[member] = url.as_str().into();
        let tokens = [
            setup.authority.sign(&header.to_string(), &claims(&setup)),
            sign_compact(header.as_object().unwrap(), claims(&setup).as_bytes(), &attacker, Algorithm::ES256).unwrap(),
        ];
        for token in tokens {
            setup.get_with("/Validate", &token).await;
        }
    }
    for (claim, value) in [
        ("iss", json!(format!("http://{there}/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0"))),
        ("jku", json!(url)),
        ("_claim_sources", json!({"src1": {"endpoint": url}})),
        ("cnf", json!({"jku": url, "kid": "x"})),
    ] {
        let token = setup.authority.user_token(json!({claim: value, "idtyp": "app", "scp": null}));
        setup.get_with("/Validate", &token).await;
        let request = ShrRequest { method: "GET", url: "https://a.example/", headers: None, body: None };
        let now = SystemClock.now().0;
        let shr = NewShr { access_token: &token, request, cover: &BoundClaim::USUAL, nonce: "1", now };
        let shr = format!("PoP {}", shr.sign(&attacker, Algorithm::ES256).unwrap());
        let headers = [("authorization", &*shr), ("original-method", "GET"), ("original-uri", "https://a.example/")];
        assert_eq!(setup.send(http::Method::GET, "/Validate", &headers, "").await.status, 401, "{claim}");
    }
    // Somebody does come when somebody is sent.
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    tokio::net::TcpStream::connect(&there).await.unwrap();
    while asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
}
