//! The attacks in `sidekey_jose::attacks` that are about encrypted tokens.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use sidekey_jose::{
    Algorithm, JoseError, MAX_TOKEN_BYTES, SigningKey, UnverifiedJws, base64url,
    jwe::{ContentEncryption, DecryptionKey, KeyManagement, UnverifiedJwe, encrypt_compact},
    sign_compact,
};

use crate::keys;

static KEY: LazyLock<DecryptionKey> = LazyLock::new(keys::generate);

fn encrypted(plaintext: &[u8], algorithm: KeyManagement, encryption: ContentEncryption) -> String {
    encrypt_compact(&Map::new(), plaintext, &KEY.encryption_key().unwrap(), algorithm, encryption).unwrap()
}

fn decrypted(token: &str) -> Result<Vec<u8>, JoseError> {
    UnverifiedJwe::parse(token)?.decrypt(&KEY).map(|plaintext| plaintext.to_vec())
}

/// The token with one of its five parts replaced.
fn with_part(token: &str, index: usize, bytes: &[u8]) -> String {
    let replacement = base64url::encode(bytes);
    let parts = token.split('.').enumerate();
    parts.map(|(at, part)| if at == index { &replacement } else { part }).collect::<Vec<_>>().join(".")
}

fn part(token: &str, index: usize) -> Vec<u8> {
    base64url::decode(token.split('.').nth(index).unwrap()).unwrap()
}

fn header(value: &Value) -> String {
    base64url::encode(value.to_string())
}

#[test]
fn what_was_decrypted_proves_nothing_until_its_signature_is_checked() {
    let (issuer, stranger) = (SigningKey::generate_p256().unwrap(), SigningKey::generate_p256().unwrap());
    let opened = |plaintext: &[u8]| {
        decrypted(&encrypted(plaintext, KeyManagement::RsaOaep, ContentEncryption::A256Gcm))
            .map(|plaintext| String::from_utf8(plaintext).unwrap())
            .unwrap()
    };
    let verdict = |token: &str| {
        UnverifiedJws::parse(token)?
            .verify(&issuer.verifying_key(), &[Algorithm::ES256])
            .map(|jws| jws.payload().to_vec())
    };
    let genuine = sign_compact(&Map::new(), b"{}", &issuer, Algorithm::ES256).unwrap();
    let forged = sign_compact(&Map::new(), b"{}", &stranger, Algorithm::ES256).unwrap();
    assert_eq!(verdict(&opened(genuine.as_bytes())).as_deref(), Ok(&b"{}"[..]));
    assert_eq!(verdict(&opened(forged.as_bytes())), Err(JoseError::Signature));
    assert!(matches!(verdict(&opened(b"eyJhbGciOiJub25lIn0.e30.")), Err(JoseError::UnsupportedAlgorithm(_))));
    assert!(matches!(verdict(&opened(br#"{"sub":"admin"}"#)), Err(JoseError::Malformed(_))));
}

#[test]
fn one_layer_of_encryption_is_taken_off_and_no_more() {
    let inner = encrypted(b"{}", KeyManagement::RsaOaep, ContentEncryption::A256Gcm);
    let outer = encrypted(inner.as_bytes(), KeyManagement::RsaOaep, ContentEncryption::A256Gcm);
    let opened = decrypted(&outer).unwrap();
    assert_eq!(opened, inner.as_bytes());
    assert_eq!(UnverifiedJws::parse(&inner).unwrap_err(), JoseError::Encrypted);
}

#[test]
fn the_padding_of_an_encrypted_token_is_no_oracle() {
    // Two blocks: whoever changes the first one decides what the end of the second becomes.
    let token = encrypted(b"sixteen bytes ..and a rest", KeyManagement::RsaOaep, ContentEncryption::A128CbcHs256);
    let ciphertext = part(&token, 3);
    assert_eq!(ciphertext.len(), 32);
    for guess in 1..=255 {
        let mut changed = ciphertext.clone();
        changed[15] ^= guess;
        assert_eq!(decrypted(&with_part(&token, 3, &changed)), Err(JoseError::Decryption), "{guess}");
    }
    for length in [0, 1, 15, 16, 17, 31, 48] {
        let mut changed = ciphertext.clone();
        changed.resize(length, 0);
        assert_eq!(decrypted(&with_part(&token, 3, &changed)), Err(JoseError::Decryption), "{length} bytes");
    }
}

#[test]
fn rsa1_5_is_refused_by_its_name() {
    let token = encrypted(b"{}", KeyManagement::RsaOaep, ContentEncryption::A256Gcm);
    for encryption in ContentEncryption::ALL {
        let header = json!({ "alg": "RSA1_5", "enc": encryption.as_str() }).to_string();
        match UnverifiedJwe::parse(&with_part(&token, 0, header.as_bytes())) {
            Err(JoseError::UnsupportedKeyManagement { name, reason }) => {
                assert!(name == "RSA1_5" && reason.contains("Bleichenbacher"), "{name}: {reason}");
            }
            other => panic!("{encryption}: {other:?}"),
        }
    }
}

#[test]
fn an_encrypted_key_that_cannot_be_read_looks_like_a_wrong_tag() {
    for algorithm in [KeyManagement::RsaOaep, KeyManagement::RsaOaep256] {
        for encryption in ContentEncryption::ALL {
            let token = encrypted(b"{}", algorithm, encryption);
            let short = encrypted(b"{}", algorithm, ContentEncryption::A128Gcm);
            let long = encrypted(b"{}", algorithm, ContentEncryption::A256CbcHs512);
            let wrong_tag = with_part(&token, 4, &vec![0; part(&token, 4).len()]);
            assert_eq!(decrypted(&wrong_tag), Err(JoseError::Decryption));
            for key in [
                vec![0; 256],
                vec![0x7f; 256],
                vec![0xff; 256],
                vec![1; 255],
                vec![1; 257],
                part(&short, 1),
                part(&long, 1),
            ] {
                assert_eq!(decrypted(&with_part(&token, 1, &key)), decrypted(&wrong_tag), "{algorithm} {encryption}");
            }
        }
    }
}

#[test]
fn encrypted_tokens_cannot_be_made_to_explode() {
    let token = encrypted(b"{}", KeyManagement::RsaOaep, ContentEncryption::A256Gcm);
    let (_, rest) = token.split_once('.').unwrap();
    let refusal = |header: &str| UnverifiedJwe::parse(&format!("{header}.{rest}")).unwrap_err();

    assert_eq!(refusal(&header(&json!({ "alg": "RSA-OAEP", "enc": "A256GCM", "zip": "DEF" }))), JoseError::Compressed);
    let rounds = json!({ "alg": "PBES2-HS512+A256KW", "enc": "A256GCM", "p2s": "AAAAAAAAAAA", "p2c": 2_000_000_000 });
    assert!(matches!(refusal(&header(&rounds)), JoseError::UnsupportedKeyManagement { .. }));
    let deep = base64url::encode(format!(r#"{{"alg":"RSA-OAEP","enc":"A256GCM","a":{}"#, "[".repeat(40_000)));
    assert!(matches!(refusal(&deep), JoseError::Json(_)));
    let wide = json!({ "alg": "RSA-OAEP", "enc": "A256GCM", "kid": "k".repeat(60_000) });
    assert!(matches!(refusal(&header(&wide)), JoseError::Malformed(_)));

    assert_eq!(
        decrypted(&".".repeat(MAX_TOKEN_BYTES)),
        Err(JoseError::Malformed("it does not have five parts separated by dots"))
    );
    assert_eq!(decrypted(&format!("{token}{}", "A".repeat(MAX_TOKEN_BYTES))), Err(JoseError::TooLarge));
    for index in 1..5 {
        let filler = vec![0; 190_000];
        assert_eq!(decrypted(&with_part(&token, index, &filler)), Err(JoseError::Decryption), "part {index}");
    }
    let largest = encrypted(&vec![0; 191_000], KeyManagement::RsaOaep, ContentEncryption::A256CbcHs512);
    assert!(largest.len() <= MAX_TOKEN_BYTES && decrypted(&largest).unwrap().len() < largest.len());
}
