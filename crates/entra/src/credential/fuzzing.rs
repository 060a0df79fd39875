//! Fuzz targets: what credentials are made from.

use sidekey_oauth::Secret;

use super::bundle::Bundle;

pub use super::{federated::fuzzing::federated, key_vault::fuzzing::vault};

/// PFX and PEM files, and base64 of them: what is read has its own certificate first, and a reason names no secret.
pub fn certificate(input: &[u8]) {
    let password = Secret::new("pw");
    for password in [None, Some(&password)] {
        read(input, password);
        let decoded = std::str::from_utf8(input).ok().and_then(|text| Bundle::decode_base64(&Secret::new(text)));
        if let Some(decoded) = decoded {
            read(&decoded, password);
        }
    }
}

fn read(content: &[u8], password: Option<&Secret>) {
    match Bundle::read(content, None, password) {
        Ok(bundle) => assert!(super::bundle::rsa_modulus(bundle.leaf()) == bundle.key.public_jwk().n),
        Err(error) => assert!(!error.problem.is_empty() && !error.problem.contains("BEGIN")),
    }
}
