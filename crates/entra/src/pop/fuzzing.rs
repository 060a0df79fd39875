//! Fuzz target: keys that callers want their tokens bound to.

#![expect(clippy::missing_panics_doc, reason = "a panic is what a fuzzer looks for")]

use sidekey_jose::{base64url, parse_object};

use super::Confirmation;

/// In whatever form a key comes, what is sent to Entra is one JSON object.
pub fn pop_key(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for made in [Confirmation::of_public_key(text), Confirmation::of_claim(Some("id"), text)] {
        match made {
            Ok(confirmation) => {
                let sent = base64url::decode(confirmation.req_cnf()).unwrap_or_default();
                assert!(parse_object(&sent).is_ok(), "{text}");
            }
            Err(bad) => assert!(!bad.problem.is_empty()),
        }
    }
}
