//! Key sets: what is accepted is read back as it was, and usable keys are good for something.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidekey_jose::{Algorithm, JwkSet, VerifyingKey};

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

fuzz_target!(|document: &[u8]| {
    let Ok(set) = JwkSet::parse(document) else { return };
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
});
