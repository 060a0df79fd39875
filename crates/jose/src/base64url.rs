//! Base64url without padding (RFC 7515 §2). Padding, other alphabets and stray bits are refused.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::JoseError;

/// Encodes bytes.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes text, strictly: every byte string has one spelling, so two texts never mean the same bytes.
pub fn decode(text: impl AsRef<[u8]>) -> Result<Vec<u8>, JoseError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| JoseError::Base64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_rfc_7515_appendix_c_is_encoded_and_decoded() {
        let bytes = [3, 236, 255, 224, 193];
        assert_eq!(encode(bytes), "A-z_4ME");
        assert_eq!(decode("A-z_4ME").unwrap(), bytes);
    }

    #[test]
    fn anything_but_the_one_spelling_is_refused() {
        let cases = [
            ("padding", "QQ=="),
            ("padding alone", "="),
            ("standard alphabet +", "A+z_4ME"),
            ("standard alphabet /", "A-z/4ME"),
            ("blank before", " QUJD"),
            ("blank behind", "QUJD "),
            ("line break", "QU\nJD"),
            ("impossible length", "QUJDR"),
            ("stray bits", "QR"),
            ("other character", "QU?D"),
            ("not ASCII", "QÜJD"),
        ];
        for (what, text) in cases {
            assert_eq!(decode(text), Err(JoseError::Base64), "{what}");
        }
        assert_eq!(decode(""), Ok(Vec::new()));
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(bytes: Vec<u8>) {
            prop_assert_eq!(decode(encode(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn what_can_be_decoded_is_the_only_spelling(noise: Vec<u8>) {
            if let Ok(bytes) = decode(&noise) {
                prop_assert_eq!(encode(bytes).into_bytes(), noise);
            }
        }

        #[test]
        fn what_looks_right_and_can_be_decoded_is_the_only_spelling(text in "[A-Za-z0-9_-]{0,40}") {
            if let Ok(bytes) = decode(&text) {
                prop_assert_eq!(encode(bytes), text);
            }
        }
    }
}
