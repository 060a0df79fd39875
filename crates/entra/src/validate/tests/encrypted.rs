//! Encrypted tokens.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::{Map, Value, json};
use sidekey_host::UnixTime;
use sidekey_jose::{
    SigningKey, base64url,
    jwe::{ContentEncryption, DecryptionKey, EncryptionKey, KeyManagement, encrypt_compact},
    thumbprint_sha1,
};

use super::Setting;
use crate::{
    Rejection,
    config::{CertificateLocation, CredentialConfig, CredentialSource},
    validate::fixtures::{NOW, TENANT, TestKey},
};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn certificate() -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(&std::fs::read(data("certificate.pem")).unwrap()).unwrap()
}

fn credential(path: PathBuf) -> CredentialConfig {
    let location = CertificateLocation::Path(path);
    let source = CredentialSource::Certificate { location, key_path: None, password: None };
    CredentialConfig { key: "AzureAd:TokenDecryptionCredentials:0".to_owned(), source }
}

/// A setting with one decryption key.
async fn setting() -> Setting {
    Setting::with(TENANT, |config| config.validation.decryption = vec![credential(data("both.pem"))]).await
}

fn encrypt_with(header: &Value, token: &[u8], key: &EncryptionKey, algorithm: KeyManagement) -> String {
    let header: &Map<String, Value> = header.as_object().unwrap();
    encrypt_compact(header, token, key, algorithm, ContentEncryption::A256CbcHs512).unwrap()
}

fn encrypt(token: &str) -> String {
    let key = EncryptionKey::from_certificate(&certificate()).unwrap();
    encrypt_with(&json!({"cty": "JWT"}), token.as_bytes(), &key, KeyManagement::RsaOaep)
}

#[tokio::test]
async fn what_is_in_an_encrypted_token_is_judged_and_traded() {
    let setting = setting().await;
    let plain = setting.token();
    let key = EncryptionKey::from_certificate(&certificate()).unwrap();
    let x5t = thumbprint_sha1(&certificate());
    for header in [json!({}), json!({"x5t": x5t}), json!({"kid": x5t, "cty": "JWT"}), json!({"kid": "another"})] {
        for algorithm in [KeyManagement::RsaOaep, KeyManagement::RsaOaep256] {
            let token = encrypt_with(&header, plain.as_bytes(), &key, algorithm);
            let found = setting.validate(&token).await.unwrap();
            assert_eq!(found.claims_json, setting.claims(&json!({})).to_string());
            assert_eq!(found.assertion(&token).token.secret().expose(), plain, "Entra is shown the signed token");
            assert_eq!(
                found.assertion(&token).token.hash(),
                setting.validate(&plain).await.unwrap().assertion(&plain).token.hash()
            );
        }
    }
}

#[tokio::test]
async fn an_encrypted_token_is_remembered_by_what_came() {
    let setting = setting().await;
    let plain = setting.token();
    let [one, other] = [encrypt(&plain), encrypt(&plain)];
    let first = setting.validate(&one).await.unwrap();
    assert!(Arc::ptr_eq(&first, &setting.validate(&one).await.unwrap()));
    let second = setting.validate(&other).await.unwrap();
    assert!(
        !Arc::ptr_eq(&first, &second) && first.assertion(&one).token.hash() == second.assertion(&other).token.hash()
    );
    let remembered = setting.validator.remembered.as_ref().unwrap();
    assert_eq!(remembered.len(), 2, "the token within did not come by itself");
    setting.clock.advance(Duration::from_hours(2));
    assert_eq!(setting.refusal(&one).await, Rejection::Expired(UnixTime(NOW.0 + 3_600)));
    assert_eq!(remembered.len(), 1, "it is forgotten by the same name");
}

#[tokio::test]
async fn the_token_within_gets_no_credit_for_its_wrapping() {
    let setting = setting().await;
    let claims = setting.claims(&json!({}));
    let unsigned =
        format!("{}.{}.", base64url::encode(json!({"alg": "none"}).to_string()), base64url::encode(claims.to_string()));
    let expired = setting.key.sign(&setting.claims(&json!({"exp": 1, "nbf": 0})));
    let algorithm = Rejection::Algorithm { found: "none".into(), allowed: "RS256, PS256, ES256".into() };
    assert_eq!(setting.refusal(&encrypt(&unsigned)).await, algorithm);
    assert_eq!(setting.refusal(&encrypt(&TestKey::new("a").sign(&claims))).await, Rejection::Signature);
    assert_eq!(setting.refusal(&encrypt(&expired)).await, Rejection::Expired(UnixTime(1)));
    for nonsense in [&claims.to_string(), "", "a.b.c", &encrypt(&setting.token())] {
        let found = setting.refusal(&encrypt(nonsense)).await;
        assert!(matches!(found, Rejection::Malformed(_) | Rejection::Decryption(_)), "{found:?}");
        assert_eq!(found.description(), None);
    }
}

#[tokio::test]
async fn every_ciphertext_that_does_not_open_is_refused_in_the_same_words() {
    let setting = setting().await;
    let token = encrypt(&setting.token());
    let parts: Vec<&str> = token.split('.').collect();
    let changed = |index: usize, part: String| {
        let mut parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
        parts[index] = part;
        parts.join(".")
    };
    let other = SigningKey::generate_rsa().unwrap().to_pkcs8_der().unwrap();
    let other = DecryptionKey::from_der(&other).unwrap().encryption_key().unwrap();
    let mut cases = vec![encrypt_with(&json!({}), b"a.b.c", &other, KeyManagement::RsaOaep256)];
    for (index, part) in parts.iter().enumerate().skip(1) {
        let mut flipped = part.as_bytes().to_vec();
        flipped[0] = if flipped[0] == b'A' { b'B' } else { b'A' };
        cases.push(changed(index, String::from_utf8(flipped).unwrap()));
        cases.push(changed(index, String::new()));
        cases.push(changed(index, "A".repeat(344)));
        cases.push(changed(index, "=".to_owned()));
    }
    let found = setting.refusal(&cases[0]).await;
    assert!(matches!(found, Rejection::Decryption(_)) && found.description().is_none(), "{found:?}");
    for case in cases {
        assert_eq!(setting.refusal(&case).await, found, "{case}");
    }
    assert_eq!(setting.authority.fetches(), 0);
}

#[tokio::test]
async fn algorithms_beyond_the_profile_are_named_in_the_log_alone() {
    let setting = setting().await;
    for header in [
        json!({"alg": "RSA1_5", "enc": "A256GCM"}),
        json!({"alg": "dir", "enc": "A256GCM"}),
        json!({"alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "p2c": 2_000_000_000_u32, "p2s": "AAAA"}),
        json!({"alg": "RSA-OAEP", "enc": "none"}),
        json!({"alg": "RSA-OAEP", "enc": "A256GCM", "zip": "DEF"}),
        json!({"alg": "RSA-OAEP", "enc": "A256GCM", "crit": ["x"]}),
    ] {
        let found = setting.refusal(&format!("{}.AAAA.AAAA.AAAA.AAAA", base64url::encode(header.to_string()))).await;
        assert!(matches!(found, Rejection::Decryption(_)), "{header}: {found:?}");
        assert_eq!(found.description(), None);
    }
}

#[tokio::test]
async fn without_keys_encrypted_tokens_are_refused_with_the_key_to_set() {
    let setting = Setting::new().await;
    let found = setting.refusal(&encrypt(&setting.token())).await;
    assert_eq!(found, Rejection::Encrypted);
    assert!(found.to_string().contains("`AzureAd:TokenDecryptionCredentials`"));
}

#[tokio::test]
async fn a_bad_change_of_the_certificate_leaves_the_good_key_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    std::fs::copy(data("both.pem"), &path).unwrap();
    let setting = Setting::with(TENANT, |config| config.validation.decryption = vec![credential(path.clone())]).await;
    assert!(setting.validate(&encrypt(&setting.token())).await.is_ok());
    std::fs::write(&path, "-----BEGIN ").unwrap();
    let again = setting.key.sign(&setting.claims(&json!({"n": 1})));
    assert!(setting.validate(&encrypt(&again)).await.is_ok());
}

#[tokio::test]
async fn the_largest_bombs_are_refused() {
    let setting = setting().await;
    let header = |header: Value| base64url::encode(header.to_string());
    let rest = "A".repeat(120_000);
    let deep = encrypt(&format!("{}.{}.AAAA", header(json!({"alg": "ES256"})), base64url::encode("[".repeat(90_000))));
    let bombs = [
        format!(
            "{}.{}.AAAA.{rest}.AAAA",
            header(json!({"alg": "RSA-OAEP", "enc": "A256GCM", "zip": "DEF"})),
            "A".repeat(342)
        ),
        format!(
            "{}.{rest}.AAAAAAAAAAAAAAAA.{rest}.AAAAAAAAAAAAAAAAAAAAAA",
            header(json!({"alg": "RSA-OAEP", "enc": "A256GCM"}))
        ),
        format!(
            "{}.AAAA.AAAA.{rest}.AAAA",
            header(json!({"alg": "PBES2-HS512+A256KW", "enc": "A256GCM", "p2c": u32::MAX}))
        ),
        encrypt(&"a".repeat(180_000)),
        format!("{rest}.{rest}.A.A.A"),
        ".".repeat(256_000),
        deep,
    ];
    for bomb in bombs {
        assert!(bomb.len() > 110_000 && bomb.len() <= 256_000, "{}", bomb.len());
        setting.refusal(&bomb).await;
    }
}
