//! Fuzz target: answers of the sources of federated assertions.

#![expect(clippy::missing_panics_doc, reason = "a panic is what a fuzzer looks for")]

use sidekey_host::UnixTime;

use super::{
    assertion,
    question::{Place, element},
};

/// What is taken is one JWT that has not ended, whatever stands around it.
pub fn federated(input: &[u8]) {
    let now = UnixTime(1_700_000_000);
    let element_place = Place::Element("WebIdentityToken");
    for place in [Place::new(None), Place::new(Some("/value")), Place::new(Some("/a/0/b")), element_place] {
        let Ok(text) = place.find(input) else { continue };
        if let Ok(found) = assertion::judge(text, "Fuzzer", now) {
            let token = found.text.expose();
            assert!(assertion::is_compact_jws(token) && token.len() <= 64 * 1024);
        }
    }
    assert!(element(input, "Code").is_none_or(|text| !text.contains(['<', '&'])));
}
