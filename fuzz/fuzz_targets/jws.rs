//! Tokens: what is accepted has one spelling, and no key verifies what it did not sign.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sidekey_jose::{Algorithm, SigningKey, UnverifiedJws, VerifyingKey, base64url, minify, parse_object};

static KEY: LazyLock<VerifyingKey> =
    LazyLock::new(|| SigningKey::generate_p256().expect("the machine has random numbers").verifying_key());

fuzz_target!(|token: &str| {
    let Ok(jws) = UnverifiedJws::parse(token) else { return };
    assert!(jws.header().algorithm().is_ok());
    assert_eq!(token.split('.').nth(1), Some(base64url::encode(jws.unverified_payload()).as_str()));
    if let Ok(claims) = parse_object(jws.unverified_payload()) {
        assert_eq!(parse_object(&minify(jws.unverified_payload())), Ok(claims));
    }
    assert!(jws.verify(&KEY, &[Algorithm::ES256]).is_err());
});
