//! Encrypted tokens: nothing panics, whatever stands in the parts; what a stranger made up is never decrypted.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::Map;
use sidekey_jose::{
    JoseError, SigningKey,
    jwe::{ContentEncryption, DecryptionKey, KeyManagement, UnverifiedJwe, encrypt_compact},
};

static KEY: LazyLock<DecryptionKey> = LazyLock::new(|| {
    let key = SigningKey::generate_rsa().and_then(|key| DecryptionKey::from_der(&key.to_pkcs8_der()?));
    key.expect("the machine has random numbers")
});

/// A header and an encrypted key for each content encryption, so that the fuzzer gets past the private key.
static GENUINE: LazyLock<Vec<(KeyManagement, ContentEncryption, String)>> = LazyLock::new(|| {
    let public = KEY.encryption_key().expect("an RSA key has a public half");
    ContentEncryption::ALL
        .map(|encryption| {
            let token = encrypt_compact(&Map::new(), b"", &public, KeyManagement::RsaOaep, encryption);
            let token = token.expect("the machine has random numbers");
            let parts: Vec<&str> = token.split('.').collect();
            (KeyManagement::RsaOaep, encryption, parts[..2].join("."))
        })
        .to_vec()
});

fuzz_target!(|input: &str| {
    if let Ok(jwe) = UnverifiedJwe::parse(input) {
        assert_eq!(jwe.decrypt(&KEY), Err(JoseError::Decryption));
    }
    let (algorithm, encryption, start) = &GENUINE[input.len() % GENUINE.len()];
    let token = format!("{start}.{input}");
    let Ok(jwe) = UnverifiedJwe::parse(&token) else { return };
    assert_eq!((jwe.header().alg, jwe.header().enc), (*algorithm, *encryption));
    assert_eq!(jwe.decrypt(&KEY), Err(JoseError::Decryption));
});
