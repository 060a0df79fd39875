//! Private keys in PEM text (RFC 7468), read so that nothing of them stays behind in memory.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::JoseError;

/// The DER of the first private key in PEM text; other sections, such as certificates, are passed over.
pub(crate) fn private_key_der(pem: &str) -> Result<Zeroizing<Vec<u8>>, JoseError> {
    let mut lines = pem.lines().map(str::trim);
    while let Some(line) = lines.next() {
        match label(line, "BEGIN") {
            Some("PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY") => return decode(&mut lines),
            Some("ENCRYPTED PRIVATE KEY") => return Err(ENCRYPTED),
            _ => {}
        }
    }
    Err(JoseError::Key("there is no `PRIVATE KEY`, `RSA PRIVATE KEY` or `EC PRIVATE KEY` section in the PEM text"))
}

fn decode<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Result<Zeroizing<Vec<u8>>, JoseError> {
    // As large as it can get at once: a growing buffer would leave copies behind.
    let mut base64 = Zeroizing::new(Vec::with_capacity(MAX_BASE64_BYTES));
    for line in lines {
        if label(line, "END").is_some() {
            return der(&base64);
        }
        if line.starts_with("Proc-Type:") {
            return Err(ENCRYPTED);
        }
        if base64.len() + line.len() > MAX_BASE64_BYTES {
            return Err(JoseError::Key("the private key in the PEM text is longer than any key in use"));
        }
        base64.extend_from_slice(line.as_bytes());
    }
    Err(JoseError::Key("the private key in the PEM text has no END line"))
}

fn der(base64: &[u8]) -> Result<Zeroizing<Vec<u8>>, JoseError> {
    let mut der = Zeroizing::new(vec![0; base64.len()]);
    let length = STANDARD
        .decode_slice(base64, &mut der)
        .map_err(|_| JoseError::Key("the private key in the PEM text is not base64"))?;
    der.truncate(length);
    Ok(der)
}

fn label<'a>(line: &'a str, boundary: &str) -> Option<&'a str> {
    line.strip_prefix("-----")?.strip_suffix("-----")?.strip_prefix(boundary)?.strip_prefix(' ')
}

const ENCRYPTED: JoseError = JoseError::Key(
    "the private key in the PEM text is encrypted: decrypt it first, or use a PKCS#12 file with a password",
);

/// An RSA key of 8192 bits takes about 6,400.
const MAX_BASE64_BYTES: usize = 16_384;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_private_key_is_taken_whatever_stands_around_it() {
        let text = "Bag Attributes\r\n-----BEGIN CERTIFICATE-----\r\nAAAA\r\n-----END CERTIFICATE-----\r\n\
                    \t-----BEGIN RSA PRIVATE KEY-----  \r\n  QUJD\r\n\r\n  REVG\r\n-----END RSA PRIVATE KEY-----\r\n\
                    -----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert_eq!(**private_key_der(text).unwrap(), *b"ABCDEF");
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let section = |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
        let cases = [
            (String::new(), "there is no"),
            (section("CERTIFICATE", "AAAA"), "there is no"),
            (section("PUBLIC KEY", "AAAA"), "there is no"),
            (section("ENCRYPTED PRIVATE KEY", "AAAA"), "is encrypted"),
            (section("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA"), "is encrypted"),
            (section("PRIVATE KEY", "A?AA"), "is not base64"),
            (section("PRIVATE KEY", &"A".repeat(20_000)), "is longer"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n".to_owned(), "has no END line"),
        ];
        for (pem, reason) in cases {
            let error = private_key_der(&pem).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    proptest! {
        #[test]
        fn noise_never_panics(noise: String, body in "[A-Za-z0-9+/=\n -]{0,200}") {
            let _ = private_key_der(&noise);
            let _ = private_key_der(&format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----"));
        }
    }
}
