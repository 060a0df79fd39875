//! Fuzz target: answers of the hosts of managed identities.

#![expect(clippy::missing_panics_doc, reason = "a panic is what a fuzzer looks for")]

use sidekey_host::UnixTime;

use super::{error, imds, reply};
use crate::{Environment, http::fuzzing::answer};

/// As [`crate::fuzzing::token_endpoint`]: a token is fit for a header and has a life of ten years at most; everything else
/// has a reason, which is one line.
pub fn identity_host(input: &[u8]) {
    let now = UnixTime(1_700_000_000);
    let (answer, _) = answer(input);
    match reply::read(&answer, now) {
        Ok(token) => {
            assert!(!token.text.is_empty() && token.text.expose().bytes().all(|byte| byte.is_ascii_graphic()));
            assert!(token.expires_on > now && token.expires_on.0 - now.0 == token.expires_in);
            assert!(token.expires_in <= 10 * 366 * 24 * 3600);
        }
        Err(reason) => assert!(!reason.is_empty()),
    }
    let Ok(host) = imds::host(&Environment::from_pairs([])) else { return };
    assert!(!error::of(&host, &answer).to_string().contains('\n'));
}
