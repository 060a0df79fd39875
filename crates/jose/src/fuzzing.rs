//! The fuzz targets of this crate: each takes any bytes and panics where something is wrong.

#![expect(clippy::missing_panics_doc, reason = "a panic is what a fuzzer looks for")]
#![expect(clippy::expect_used, reason = "without random numbers there is no fuzzing")]

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::{
    Algorithm, JoseError, JwkSet, SigningKey, UnverifiedJws, VerifyingKey, base64url, certificate,
    jwe::{ContentEncryption, DecryptionKey, KeyManagement, UnverifiedJwe, encrypt_compact},
    minify, parse_object, pem,
    shr::{BoundClaim, NewShr, ShrRequest, ShrRules, UnverifiedShr},
    sign_compact,
};

/// Tokens: what is accepted has one spelling, and no key verifies what it did not sign.
pub fn jws(input: &[u8]) {
    let Ok(token) = std::str::from_utf8(input) else { return };
    let Ok(jws) = UnverifiedJws::parse(token) else { return };
    assert!(jws.header().algorithm().is_ok());
    assert_eq!(token.split('.').nth(1), Some(base64url::encode(jws.unverified_payload()).as_str()));
    if let Ok(claims) = parse_object(jws.unverified_payload()) {
        assert_eq!(parse_object(&minify(jws.unverified_payload())), Ok(claims));
    }
    assert!(jws.verify(&EC_KEY.verifying_key(), &[Algorithm::ES256]).is_err());
}

/// Key sets: what is accepted is read back as it was, and usable keys are good for something.
pub fn jwk(input: &[u8]) {
    let Ok(set) = JwkSet::parse(input) else { return };
    let written = serde_json::to_vec(&set).expect("a key set is plain text");
    assert_eq!(JwkSet::parse(&written), Ok(set.clone()));
    for jwk in &set.keys {
        let Ok(key) = VerifyingKey::from_jwk(jwk) else { continue };
        assert!(jwk.thumbprint().is_ok());
        assert!(ALGORITHMS.iter().any(|algorithm| key.permits(*algorithm)));
        for algorithm in ALGORITHMS {
            assert!(key.verify(algorithm, b"message", &[0; 64]).is_err());
        }
    }
}

/// Encrypted tokens: nothing panics, whatever stands in the parts; what a stranger made up is never decrypted.
pub fn jwe(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else { return };
    if let Ok(jwe) = UnverifiedJwe::parse(input) {
        assert_eq!(jwe.decrypt(&RSA_KEY), Err(JoseError::Decryption));
    }
    let Some((encryption, start)) = GENUINE.get(input.len() % GENUINE.len()) else { return };
    let token = format!("{start}.{input}");
    let Ok(jwe) = UnverifiedJwe::parse(&token) else { return };
    assert_eq!((jwe.header().alg, jwe.header().enc), (KeyManagement::RsaOaep, *encryption));
    assert_eq!(jwe.decrypt(&RSA_KEY), Err(JoseError::Decryption));
}

/// Signed HTTP requests: no stranger's is verified, a client with a key can claim what it likes without a panic, and what
/// was built for a URL is verified for it.
pub fn shr(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else { return };
    let request = ShrRequest { method: "GET", url: "https://host/a?b=c", headers: Some(&[]), body: Some(&[]) };
    assert!(!is_good(input, &request));

    let claims = sign_compact(&Map::new(), input.as_bytes(), &EC_KEY, Algorithm::ES256).expect("the key signs");
    let _ = is_good(&claims, &request);

    let headers = [("name", input)];
    let request = ShrRequest { url: input, headers: Some(&headers), body: Some(input.as_bytes()), ..request };
    let new = NewShr { access_token: input, request, cover: &BoundClaim::ALL, nonce: input, now: NOW };
    if let Ok(token) = new.sign(&EC_KEY, Algorithm::ES256) {
        assert!(token.len() > 256_000 || is_good(&token, &request));
    }
}

/// Private keys and certificates, as PEM and DER: what is read can do what it is for.
pub fn key_material(input: &[u8]) {
    for key in [SigningKey::from_der(input), std::str::from_utf8(input).map_or(Err(JoseError::Decryption), of_pem)] {
        let Ok(key) = key else { continue };
        let fitting = ALGORITHMS.into_iter().find(|algorithm| key.verifying_key().permits(*algorithm));
        let algorithm = fitting.expect("a key is for some algorithm");
        let token = sign_compact(&Map::new(), b"{}", &key, algorithm).expect("the key signs");
        let jws = UnverifiedJws::parse(&token).expect("it is a token");
        assert!(jws.verify(&key.verifying_key(), &[algorithm]).is_ok());
    }
    if let Ok(key) = certificate::public_key(input) {
        assert!(ALGORITHMS.iter().any(|algorithm| key.permits(*algorithm)));
    }
}

fn of_pem(text: &str) -> Result<SigningKey, JoseError> {
    SigningKey::from_der(&pem::private_key_der(text)?)
}

fn is_good(token: &str, request: &ShrRequest<'_>) -> bool {
    let rules = ShrRules { required: BoundClaim::ALL.to_vec(), ..ShrRules::default() };
    UnverifiedShr::parse(token).is_ok_and(|shr| shr.verify(&CNF, request, &rules, NOW).is_ok())
}

static EC_KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate_p256().expect("there are random numbers"));

static RSA_KEY: LazyLock<DecryptionKey> = LazyLock::new(|| {
    let key = SigningKey::generate_rsa().and_then(|key| DecryptionKey::from_der(&key.to_pkcs8_der()?));
    key.expect("there are random numbers")
});

static CNF: LazyLock<Value> =
    LazyLock::new(|| json!({ "kid": EC_KEY.public_jwk().thumbprint().expect("an EC key has a thumbprint") }));

/// A header and an encrypted key for each content encryption, so that the fuzzer gets past the private key.
static GENUINE: LazyLock<Vec<(ContentEncryption, String)>> = LazyLock::new(|| {
    let public = RSA_KEY.encryption_key().expect("an RSA key has a public half");
    let genuine = ContentEncryption::ALL.map(|encryption| {
        let token = encrypt_compact(&Map::new(), b"", &public, KeyManagement::RsaOaep, encryption);
        let token = token.expect("there are random numbers");
        (encryption, token.split('.').take(2).collect::<Vec<_>>().join("."))
    });
    genuine.to_vec()
});

const NOW: u64 = 1_700_000_000;

const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::ES512,
];

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_whatever_they_hold() {
        replay::run("jws", jws);
    }

    #[test]
    fn key_sets_are_read_whatever_they_hold() {
        replay::run("jwk", jwk);
    }

    #[test]
    fn encrypted_tokens_are_read_whatever_they_hold() {
        replay::run("jwe", jwe);
    }

    #[test]
    fn signed_requests_are_read_whatever_they_hold() {
        replay::run("shr", shr);
    }

    #[test]
    fn keys_and_certificates_are_read_whatever_they_hold() {
        replay::run("key_material", key_material);
    }
}
