//! Signed HTTP requests: no stranger's is verified, a client with a key can claim what it likes without a panic, and what
//! was built for a URL is verified for it.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};
use sidekey_jose::{
    Algorithm, SigningKey,
    shr::{BoundClaim, NewShr, ShrRequest, ShrRules, UnverifiedShr},
    sign_compact,
};

const NOW: u64 = 1_700_000_000;

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate_p256().expect("the machine has random numbers"));

static CNF: LazyLock<Value> =
    LazyLock::new(|| json!({ "kid": KEY.public_jwk().thumbprint().expect("an EC key has a thumbprint") }));

fn verify(token: &str, request: &ShrRequest<'_>) -> bool {
    let rules = ShrRules { required: BoundClaim::ALL.to_vec(), ..ShrRules::default() };
    UnverifiedShr::parse(token).is_ok_and(|shr| shr.verify(&CNF, request, &rules, NOW).is_ok())
}

fuzz_target!(|input: &str| {
    let request = ShrRequest { method: "GET", url: "https://host/a?b=c", headers: Some(&[]), body: Some(&[]) };
    assert!(!verify(input, &request));

    let claims = sign_compact(&Map::new(), input.as_bytes(), &KEY, Algorithm::ES256).expect("the key signs");
    let _ = verify(&claims, &request);

    let request = ShrRequest { url: input, headers: Some(&[("name", input)]), body: Some(input.as_bytes()), ..request };
    let new = NewShr { access_token: input, request, cover: &BoundClaim::ALL, nonce: input, now: NOW };
    if let Ok(token) = new.sign(&KEY, Algorithm::ES256) {
        assert!(token.len() > 256_000 || verify(&token, &request));
    }
});
