//! The sources together: certificates in every form, the list's order, and what errors say.

use std::{fs, path::Path};

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
    Credentials::new(&sources.iter().enumerate().map(config).collect::<Vec<_>>())
}

fn secret(text: &str) -> CredentialSource {
    CredentialSource::Secret(SecretText::Inline(Secret::new(text)))
}

fn purpose(client_id: &ClientId) -> Purpose<'_> {
    Purpose {
        client_id,
        audience: "https://login.example.com/t/oauth2/v2.0/token",
        takes_ps256: true,
        send_x5c: false,
        now: NOW,
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

#[test]
fn every_form_of_certificate_signs_assertions_that_verify() {
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
    let client: ClientId = CLIENT.parse().unwrap();
    for form in forms {
        let chosen = credentials(std::slice::from_ref(&form)).choose(&purpose(&client)).unwrap();
        let (header, claims) = verified(&chosen.proof, Algorithm::PS256);
        assert_eq!(header["typ"], "JWT", "{form:?}");
        assert!(header["x5t#S256"].is_string() && header.get("x5t").is_none() && header.get("x5c").is_none());
        assert_eq!((&claims["iss"], &claims["sub"]), (&CLIENT.into(), &CLIENT.into()));
        assert_eq!(claims["aud"], "https://login.example.com/t/oauth2/v2.0/token");
        assert_eq!((&claims["nbf"], &claims["exp"]), (&NOW.0.into(), &(NOW.0 + 600).into()));
        assert!(claims["jti"].as_str().is_some_and(|id| id.len() == 36));
    }
}

#[test]
fn older_authorities_get_rs256_and_the_sha1_thumbprint() {
    let client: ClientId = CLIENT.parse().unwrap();
    let purpose = Purpose { takes_ps256: false, ..purpose(&client) };
    let chosen = credentials(&[file("both.pem", None, None)]).choose(&purpose).unwrap();
    let (header, _) = verified(&chosen.proof, Algorithm::RS256);
    assert!(header["x5t"].is_string() && header.get("x5t#S256").is_none());
}

#[test]
fn the_chain_is_sent_leaf_first_when_asked_for() {
    let client: ClientId = CLIENT.parse().unwrap();
    let purpose = Purpose { send_x5c: true, ..purpose(&client) };
    // In this file another certificate stands before the key's own.
    let chosen = credentials(&[file("chain.pem", None, None)]).choose(&purpose).unwrap();
    let (header, _) = verified(&chosen.proof, Algorithm::PS256);
    let own = fs::read_to_string(data("certificate.pem")).unwrap();
    let own: String = own.lines().filter(|line| !line.starts_with('-')).collect();
    assert_eq!(header["x5c"][0], own.as_str());
    assert_eq!(header["x5c"].as_array().map(Vec::len), Some(2));
}

#[test]
fn an_assertion_serves_for_half_its_life_and_for_its_audience_alone() {
    let client: ClientId = CLIENT.parse().unwrap();
    let credentials = credentials(&[file("both.pem", None, None)]);
    let at = |seconds| Purpose { now: UnixTime(NOW.0 + seconds), ..purpose(&client) };
    let first = credentials.choose(&at(0)).unwrap();
    let second = credentials.choose(&at(299)).unwrap();
    assert_eq!((first.reused, second.reused), (false, true));
    assert_eq!(first.proof, second.proof);
    assert!(!credentials.choose(&at(300)).unwrap().reused);
    let elsewhere = Purpose { audience: "https://login.example.com/u/oauth2/v2.0/token", ..at(300) };
    assert!(!credentials.choose(&elsewhere).unwrap().reused);
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

#[test]
fn an_expired_certificate_is_not_used() {
    let client: ClientId = CLIENT.parse().unwrap();
    let purpose = Purpose { now: UnixTime(9_000_000_000), ..purpose(&client) };
    let error = credentials(&[file("both.pem", None, None)]).choose(&purpose).unwrap_err();
    assert!(error.contains("ended on"), "{error}");
    let chosen = credentials(&[file("both.pem", None, None), secret("s")]).choose(&purpose).unwrap();
    assert_eq!(chosen.index, 1);
}

#[test]
fn the_first_credential_that_loads_is_used() {
    let client: ClientId = CLIENT.parse().unwrap();
    let credentials = credentials(&[file("none.pfx", None, None), secret("one"), secret("two")]);
    let chosen = credentials.choose(&purpose(&client)).unwrap();
    assert_eq!((chosen.index, chosen.proof), (1, Proof::Secret(Secret::new("one"))));
}

#[test]
fn a_refused_credential_steps_back_for_a_while() {
    let client: ClientId = CLIENT.parse().unwrap();
    let credentials = credentials(&[secret("one"), secret("two")]);
    let at = |seconds| Purpose { now: UnixTime(NOW.0 + seconds), ..purpose(&client) };
    let refused = credentials.choose(&at(0)).unwrap();
    assert_eq!(credentials.choose_after(&refused, &at(0)).map(|chosen| chosen.index), Some(1));
    assert_eq!(credentials.choose(&at(299)).unwrap().index, 1);
    assert_eq!(credentials.choose(&at(300)).unwrap().index, 0);
}

#[test]
fn one_credential_is_tried_again_only_with_a_new_assertion() {
    let client: ClientId = CLIENT.parse().unwrap();
    let only_secret = credentials(&[secret("one")]);
    let refused = only_secret.choose(&purpose(&client)).unwrap();
    assert!(only_secret.choose_after(&refused, &purpose(&client)).is_none());

    let only_certificate = credentials(&[file("both.pem", None, None)]);
    let fresh = only_certificate.choose(&purpose(&client)).unwrap();
    assert!(only_certificate.choose_after(&fresh, &purpose(&client)).is_none());
    only_certificate.choose(&purpose(&client)).unwrap();
    let kept = only_certificate.choose(&purpose(&client)).unwrap();
    let again = only_certificate.choose_after(&kept, &purpose(&client)).unwrap();
    assert_ne!(again.proof, kept.proof);
}

#[test]
fn with_nothing_usable_every_reason_is_given() {
    let client: ClientId = CLIENT.parse().unwrap();
    assert!(credentials(&[]).choose(&purpose(&client)).unwrap_err().contains("`AzureAd:ClientCredentials`"));
    let error = credentials(&[file("none.pfx", None, None), CredentialSource::AssertionFile(data("none"))])
        .choose(&purpose(&client))
        .unwrap_err();
    assert!(error.contains("`AzureAd:ClientCredentials:0`: the file") && error.contains("Credentials:1`"), "{error}");
}

const CLIENT: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
const PASSWORD: &str = "p@ss wörd";
const NOW: UnixTime = UnixTime(1_800_000_000);
