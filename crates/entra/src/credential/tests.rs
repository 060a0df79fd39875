//! The sources together: certificates in every form, the list's order, and what errors say.

mod bad_input;

use std::{fs, path::Path, time::Duration};

use sidekey_jose::{Algorithm, UnverifiedJws, VerifyingKey};

use super::*;
use crate::config::{CertificateLocation, SecretText};

fn data(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn certificate(location: CertificateLocation, key: Option<&str>, password: Option<&str>) -> CredentialSource {
    CredentialSource::Certificate {
        location,
        key_path: key.map(data),
        password: password.map(|text| SecretText::Inline(Secret::new(text))),
    }
}

fn file(name: &str, key: Option<&str>, password: Option<&str>) -> CredentialSource {
    certificate(CertificateLocation::Path(data(name)), key, password)
}

fn credentials(sources: &[CredentialSource]) -> Credentials {
    let config = |(index, source): (usize, &CredentialSource)| CredentialConfig {
        key: format!("AzureAd:ClientCredentials:{index}"),
        source: source.clone(),
    };
    Credentials::new(&sources.iter().enumerate().map(config).collect::<Vec<_>>(), &surroundings())
}

fn secret(text: &str) -> CredentialSource {
    CredentialSource::Secret(SecretText::Inline(Secret::new(text)))
}

fn surroundings() -> Surroundings {
    Surroundings::new(reqwest::Client::new(), Arc::new(sidekey_host::ManualClock::at(NOW)), Environment::default())
}

fn purpose() -> Purpose {
    Purpose {
        client_id: CLIENT.parse().unwrap(),
        audience: "https://login.example.com/t/oauth2/v2.0/token".to_owned(),
        host: "login.example.com".to_owned(),
        tenant: "t.example.com".parse().ok(),
        takes_ps256: true,
        send_x5c: false,
        fmi_path: None,
        claims: None,
        correlation_id: Uuid::nil(),
        now: NOW,
        deadline: Instant::now() + Duration::from_secs(30),
    }
}

/// The assertion's header and claims after its signature was checked with the certificate.
fn verified(proof: &Proof, algorithm: Algorithm) -> (serde_json::Value, serde_json::Value) {
    let Proof::Assertion(token) = proof else { panic!("no assertion") };
    let pem = fs::read(data("certificate.pem")).unwrap();
    let der = <rustls_pki_types::CertificateDer<'_> as rustls_pki_types::pem::PemObject>::from_pem_slice(&pem).unwrap();
    let key = VerifyingKey::from_certificate(&der).unwrap();
    UnverifiedJws::parse(token.expose()).unwrap().verify(&key, &[algorithm]).unwrap();
    let part = |index| {
        let bytes = sidekey_jose::base64url::decode(token.expose().split('.').nth(index).unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    (part(0), part(1))
}

#[tokio::test]
async fn every_form_of_certificate_signs_assertions_that_verify() {
    let base64 = |name: &str| {
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, fs::read(data(name)).unwrap());
        CertificateLocation::Base64(Secret::new(encoded))
    };
    let pem_text = CertificateLocation::Base64(Secret::new(fs::read_to_string(data("both.pem")).unwrap()));
    let forms = [
        file("modern.pfx", None, Some(PASSWORD)),
        file("legacy.pfx", None, Some("legacy")),
        file("no-password.pfx", None, None),
        file("both.pem", None, None),
        file("chain.pem", None, None),
        file("certificate.pem", Some("key.pem"), None),
        file("certificate.pem", Some("key-pkcs1.pem"), None),
        file("certificate.pem", Some("key-encrypted.pem"), Some(PASSWORD)),
        certificate(base64("modern.pfx"), None, Some(PASSWORD)),
        certificate(base64("both.pem"), None, None),
        certificate(pem_text, None, None),
    ];
    for form in forms {
        let chosen = credentials(std::slice::from_ref(&form)).choose(&purpose()).await.unwrap();
        let (header, claims) = verified(&chosen.proof, Algorithm::PS256);
        assert_eq!(header["typ"], "JWT", "{form:?}");
        assert!(header["x5t#S256"].is_string() && header.get("x5t").is_none() && header.get("x5c").is_none());
        assert_eq!((&claims["iss"], &claims["sub"]), (&CLIENT.into(), &CLIENT.into()));
        assert_eq!(claims["aud"], "https://login.example.com/t/oauth2/v2.0/token");
        assert_eq!((&claims["nbf"], &claims["exp"]), (&NOW.0.into(), &(NOW.0 + 600).into()));
        assert!(claims["jti"].as_str().is_some_and(|id| id.len() == 36));
    }
}

#[tokio::test]
async fn older_authorities_get_rs256_and_the_sha1_thumbprint() {
    let purpose = Purpose { takes_ps256: false, ..purpose() };
    let chosen = credentials(&[file("both.pem", None, None)]).choose(&purpose).await.unwrap();
    let (header, _) = verified(&chosen.proof, Algorithm::RS256);
    assert!(header["x5t"].is_string() && header.get("x5t#S256").is_none());
}

#[tokio::test]
async fn the_chain_is_sent_leaf_first_when_asked_for() {
    let purpose = Purpose { send_x5c: true, ..purpose() };
    // In this file another certificate stands before the key's own.
    let chosen = credentials(&[file("chain.pem", None, None)]).choose(&purpose).await.unwrap();
    let (header, _) = verified(&chosen.proof, Algorithm::PS256);
    let own = fs::read_to_string(data("certificate.pem")).unwrap();
    let own: String = own.lines().filter(|line| !line.starts_with('-')).collect();
    assert_eq!(header["x5c"][0], own.as_str());
    assert_eq!(header["x5c"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn an_assertion_serves_for_half_its_life_and_for_its_audience_alone() {
    let credentials = credentials(&[file("both.pem", None, None)]);
    let at = |seconds| Purpose { now: UnixTime(NOW.0 + seconds), ..purpose() };
    let first = credentials.choose(&at(0)).await.unwrap();
    let second = credentials.choose(&at(299)).await.unwrap();
    assert_eq!((first.reused, second.reused), (false, true));
    assert_eq!(first.proof, second.proof);
    assert!(!credentials.choose(&at(300)).await.unwrap().reused);
    let elsewhere = Purpose { audience: "https://login.example.com/u/oauth2/v2.0/token".to_owned(), ..at(300) };
    assert!(!credentials.choose(&elsewhere).await.unwrap().reused);
}

#[test]
fn a_bad_certificate_says_what_is_wrong() {
    let cases = [
        (file("modern.pfx", None, Some("wrong")), "does not open with the given password"),
        (file("modern.pfx", None, None), "needs a password"),
        (file("legacy.pfx", None, Some("wrong")), "does not open with the given password"),
        (file("certificate.pem", Some("key-encrypted.pem"), None), "needs a password"),
        (file("certificate.pem", Some("key-encrypted.pem"), Some("x")), "does not open with the given password"),
        (file("certificate.pem", None, None), "holds no private key"),
        (file("no-key.pfx", None, None), "holds no private key"),
        (file("key.pem", None, None), "holds no certificate"),
        (file("certificate.pem", Some("other-key.pem"), None), "does not belong to its certificate"),
        (file("ec.pem", None, None), "holds a key other than RSA"),
        (file("make.sh", None, None), "is neither a PFX nor a PEM"),
        (file("none.pfx", None, None), "does not exist"),
        (file("both.pem", Some("none.pem"), None), "does not exist"),
        (file("", None, None), "is a directory"),
        (certificate(CertificateLocation::Base64(Secret::new("%%%")), None, None), "is not base64"),
        (certificate(CertificateLocation::Base64(Secret::new("aGVsbG8=")), None, None), "is neither a PFX nor a PEM"),
    ];
    for (source, problem) in cases {
        let error = check(&source).unwrap_err();
        assert!(error.problem.contains(problem), "{source:?}: {error}");
        assert!(!error.hint.is_empty() && !error.to_string().contains("wrong"), "{error}");
    }
}

#[tokio::test]
async fn an_expired_certificate_is_not_used() {
    let purpose = Purpose { now: UnixTime(9_000_000_000), ..purpose() };
    let error = credentials(&[file("both.pem", None, None)]).choose(&purpose).await.unwrap_err();
    assert!(error.problem.contains("ended on"), "{error}");
    let chosen = credentials(&[file("both.pem", None, None), secret("s")]).choose(&purpose).await.unwrap();
    assert_eq!(chosen.index, 1);
}

#[tokio::test]
async fn the_first_credential_that_loads_is_used() {
    let credentials = credentials(&[file("none.pfx", None, None), secret("one"), secret("two")]);
    let chosen = credentials.choose(&purpose()).await.unwrap();
    assert_eq!((chosen.index, chosen.proof), (1, Proof::Secret(Secret::new("one"))));
}

#[tokio::test]
async fn a_refused_credential_steps_back_for_a_while() {
    let credentials = credentials(&[secret("one"), secret("two")]);
    let at = |seconds| Purpose { now: UnixTime(NOW.0 + seconds), ..purpose() };
    let refused = credentials.choose(&at(0)).await.unwrap();
    assert_eq!(credentials.choose_after(&refused, &at(0)).await.map(|chosen| chosen.index), Some(1));
    assert_eq!(credentials.choose(&at(299)).await.unwrap().index, 1);
    assert_eq!(credentials.choose(&at(300)).await.unwrap().index, 0);
}

#[tokio::test]
async fn one_credential_is_tried_again_only_with_a_new_assertion() {
    let only_secret = credentials(&[secret("one")]);
    let refused = only_secret.choose(&purpose()).await.unwrap();
    assert!(only_secret.choose_after(&refused, &purpose()).await.is_none());

    let only_certificate = credentials(&[file("both.pem", None, None)]);
    let fresh = only_certificate.choose(&purpose()).await.unwrap();
    assert!(only_certificate.choose_after(&fresh, &purpose()).await.is_none());
    only_certificate.choose(&purpose()).await.unwrap();
    let kept = only_certificate.choose(&purpose()).await.unwrap();
    let again = only_certificate.choose_after(&kept, &purpose()).await.unwrap();
    assert_ne!(again.proof, kept.proof);
}

#[tokio::test]
async fn with_nothing_usable_every_reason_is_given() {
    assert!(credentials(&[]).choose(&purpose()).await.unwrap_err().problem.contains("`AzureAd:ClientCredentials`"));
    let error = credentials(&[file("none.pfx", None, None), CredentialSource::AssertionFile(data("none"))])
        .choose(&purpose())
        .await
        .unwrap_err();
    assert!(
        error.problem.contains("`AzureAd:ClientCredentials:0`: the file") && error.problem.contains("Credentials:1`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_credential_that_is_slow_to_fail_steps_back_and_a_quick_one_does_not() {
    let credentials = credentials(&[secret("one"), secret("two")]);
    for (milliseconds, expected) in [(999, 0), (1000, 1)] {
        credentials.list[0].failed_after(Duration::from_millis(milliseconds), NOW);
        assert_eq!(credentials.choose(&purpose()).await.unwrap().index, expected, "{milliseconds} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_that_is_left_is_shared_by_the_sources_and_the_request_after_them() {
    let deadline = |sources| (purpose().sharing_with(sources).deadline - Instant::now()).as_secs();
    assert_eq!((deadline(1), deadline(2), deadline(5)), (15, 10, 5));
    let late = Purpose { deadline: Instant::now(), ..purpose() };
    assert_eq!(late.sharing_with(1).deadline, Instant::now());
}

const CLIENT: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
const PASSWORD: &str = "p@ss wörd";
const NOW: UnixTime = UnixTime(1_800_000_000);
