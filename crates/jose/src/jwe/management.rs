//! Key management algorithms (RFC 7518 §4): how the content's key is brought along in the token.

use std::{fmt, str::FromStr};

use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm};

use crate::{Algorithm, JoseError, error::shorten};

/// A key management algorithm of our profile: RSA with OAEP padding, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyManagement {
    /// `RSA-OAEP`, with SHA-1. The weaknesses of SHA-1 do not matter to OAEP, and it is what Entra uses.
    RsaOaep,
    /// `RSA-OAEP-256`, with SHA-256.
    RsaOaep256,
}

impl KeyManagement {
    /// The name in a header's `alg`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RsaOaep => "RSA-OAEP",
            Self::RsaOaep256 => "RSA-OAEP-256",
        }
    }

    pub(super) fn oaep(self) -> &'static OaepAlgorithm {
        match self {
            Self::RsaOaep => &OAEP_SHA1_MGF1SHA1,
            Self::RsaOaep256 => &OAEP_SHA256_MGF1SHA256,
        }
    }
}

impl fmt::Display for KeyManagement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyManagement {
    type Err = JoseError;

    /// Reads the exact name; every other one is [`JoseError::UnsupportedKeyManagement`] with the reason.
    fn from_str(name: &str) -> Result<Self, JoseError> {
        [Self::RsaOaep, Self::RsaOaep256]
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or_else(|| JoseError::UnsupportedKeyManagement { name: shorten(name), reason: reason(name) })
    }
}

/// Why an algorithm is outside of our profile.
fn reason(name: &str) -> &'static str {
    let wraps = |suffix: &str| name.starts_with('A') && name.ends_with(suffix);
    match name {
        "RSA1_5" => "its padding gives the plaintext away to whoever may try often enough (Bleichenbacher 1998)",
        "dir" => SHARED_SECRET,
        _ if wraps("KW") => SHARED_SECRET,
        _ if name.starts_with("PBES2-") => "the sender would decide how much work its password costs",
        _ if name.starts_with("ECDH-ES") => "only RSA keys decrypt here",
        _ if name == "none" || name.starts_with("HS") || name.parse::<Algorithm>().is_ok() => "it does not encrypt",
        _ => "use `RSA-OAEP-256` or `RSA-OAEP`",
    }
}

const SHARED_SECRET: &str = "it needs a shared secret, and only RSA keys decrypt here";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_algorithms_are_read_back_from_their_names() {
        for algorithm in [KeyManagement::RsaOaep, KeyManagement::RsaOaep256] {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
        }
    }

    #[test]
    fn every_other_algorithm_is_refused_with_its_reason() {
        let cases = [
            ("RSA1_5", "Bleichenbacher"),
            ("dir", "shared secret"),
            ("A128KW", "shared secret"),
            ("A192KW", "shared secret"),
            ("A256KW", "shared secret"),
            ("A128GCMKW", "shared secret"),
            ("A256GCMKW", "shared secret"),
            ("ECDH-ES", "only RSA keys"),
            ("ECDH-ES+A256KW", "only RSA keys"),
            ("PBES2-HS256+A128KW", "work"),
            ("RS256", "does not encrypt"),
            ("HS256", "does not encrypt"),
            ("none", "does not encrypt"),
            ("RSA-OAEP-512", "use `RSA-OAEP-256`"),
            ("rsa-oaep", "use `RSA-OAEP-256`"),
            ("RSA-OAEP ", "use `RSA-OAEP-256`"),
            ("", "use `RSA-OAEP-256`"),
        ];
        for (name, expected) in cases {
            match name.parse::<KeyManagement>() {
                Err(JoseError::UnsupportedKeyManagement { name: shown, reason }) => {
                    assert_eq!(shown, name);
                    assert!(reason.contains(expected), "{name}: {reason}");
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}
