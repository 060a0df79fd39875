//! Compact JWE (RFC 7516 §7.1): reading tokens that were encrypted to an RSA key of ours, as Entra does for applications
//! with a token encryption certificate.
//!
//! Everyone can encrypt to a public key, so what comes out of [`UnverifiedJwe::decrypt`] is a stranger's text: parse it as
//! [`crate::UnverifiedJws`] and check its signature. One layer only: a JWE in a JWE ends there, as
//! [`JoseError::Encrypted`].
//!
//! Whoever can send tokens can send the same one changed a thousand times and watch the answers. So everything behind the
//! header fails in one way, [`JoseError::Decryption`], and the key inside a token is replaced by a random one where it
//! cannot be read (RFC 7516 §11.5), so that the work done does not depend on what was wrong.

mod content;
mod encrypt;
mod header;
mod key;
mod management;

use std::fmt;

use zeroize::Zeroizing;

pub use self::{
    content::ContentEncryption,
    encrypt::{EncryptionKey, encrypt_compact},
    header::JweHeader,
    key::DecryptionKey,
    management::KeyManagement,
};
use crate::{JoseError, MAX_TOKEN_BYTES, base64url, jwe::content::Sealed};

/// A compact JWE with its header read; nothing behind the header has been looked at.
#[derive(Clone)]
pub struct UnverifiedJwe<'a> {
    header: JweHeader,
    protected: &'a str,
    encrypted_key: &'a str,
    sealed: [&'a str; 3],
}

impl<'a> UnverifiedJwe<'a> {
    /// Takes a token apart: five parts, a header object without members twice, without `crit` and `zip`, and algorithms
    /// of our profile.
    pub fn parse(token: &'a str) -> Result<Self, JoseError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(JoseError::TooLarge);
        }
        let mut parts = token.splitn(6, '.');
        let five = [(); 5].map(|()| parts.next());
        let ([Some(protected), Some(encrypted_key), Some(iv), Some(ciphertext), Some(tag)], None) =
            (five, parts.next())
        else {
            return Err(JoseError::Malformed("it does not have five parts separated by dots"));
        };
        Ok(Self { header: JweHeader::decode(protected)?, protected, encrypted_key, sealed: [iv, ciphertext, tag] })
    }

    /// The header: good for choosing a key.
    pub fn header(&self) -> &JweHeader {
        &self.header
    }

    /// Decrypts. The plaintext is shorter than the token; it is wiped when dropped.
    pub fn decrypt(&self, key: &DecryptionKey) -> Result<Zeroizing<Vec<u8>>, JoseError> {
        // What anyone can see to be wrong is refused before the private key is used, which is what costs time.
        let sealed = self.unseal().filter(|sealed| self.header.enc.fits(sealed)).ok_or(JoseError::Decryption)?;
        let content_key = key.unwrap(self.header.alg, self.encrypted_key, self.header.enc.key_bytes())?;
        self.header.enc.open(&content_key, self.protected.as_bytes(), sealed).map_err(|_| JoseError::Decryption)
    }

    fn unseal(&self) -> Option<Sealed> {
        let [iv, ciphertext, tag] = self.sealed.map(|part| base64url::decode(part).ok());
        Some(Sealed { iv: iv?, ciphertext: ciphertext?, tag: tag? })
    }
}

/// Shows the header only.
impl fmt::Debug for UnverifiedJwe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedJwe").field("header", &self.header).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;
    use crate::SigningKey;

    static KEY: LazyLock<DecryptionKey> = LazyLock::new(|| {
        DecryptionKey::from_der(&SigningKey::generate_rsa().unwrap().to_pkcs8_der().unwrap()).unwrap()
    });

    fn encrypted(plaintext: &[u8], encryption: ContentEncryption) -> String {
        let key = KEY.encryption_key().unwrap();
        encrypt_compact(&Map::new(), plaintext, &key, KeyManagement::RsaOaep256, encryption).unwrap()
    }

    fn decrypted(token: &str) -> Result<Vec<u8>, JoseError> {
        UnverifiedJwe::parse(token)?.decrypt(&KEY).map(|plaintext| plaintext.to_vec())
    }

    #[test]
    fn a_token_has_exactly_five_parts() {
        let good = encrypted(b"{}", ContentEncryption::A128Gcm);
        assert_eq!(decrypted(&good).as_deref(), Ok(&b"{}"[..]));
        let five = JoseError::Malformed("it does not have five parts separated by dots");
        for wrong in ["", ".", "a.b.c", "a.b.c.d", "a.b.c.d.e.f", ".....", &format!("{good}."), &format!(".{good}")] {
            assert_eq!(UnverifiedJwe::parse(wrong).unwrap_err(), five, "{wrong}");
        }
    }

    #[test]
    fn the_size_is_looked_at_before_anything_else() {
        assert_eq!(decrypted(&"#".repeat(MAX_TOKEN_BYTES + 1)), Err(JoseError::TooLarge));
        assert_ne!(decrypted(&"#".repeat(MAX_TOKEN_BYTES)), Err(JoseError::TooLarge));
    }

    #[test]
    fn the_largest_token_is_decrypted_to_less_than_itself() {
        let plaintext = vec![b'a'; 191_000];
        for encryption in ContentEncryption::ALL {
            let token = encrypted(&plaintext, encryption);
            assert!(token.len() > MAX_TOKEN_BYTES - 2_000 && token.len() <= MAX_TOKEN_BYTES, "{}", token.len());
            assert_eq!(decrypted(&token).as_deref(), Ok(&plaintext[..]));
        }
    }

    #[test]
    fn every_changed_character_behind_the_header_is_one_and_the_same_error() {
        for encryption in [ContentEncryption::A256Gcm, ContentEncryption::A128CbcHs256] {
            let token = encrypted(b"plaintext", encryption);
            let header = token.find('.').unwrap();
            // Each tenth character of the encrypted key: each try costs a private key operation.
            for index in (header + 1..token.len()).filter(|index| index % 10 == 0 || *index > token.len() - 70) {
                if token.as_bytes()[index] == b'.' {
                    continue;
                }
                for other in [b'A', b'B', b'='] {
                    let mut changed = token.clone().into_bytes();
                    changed[index] = other;
                    let changed = String::from_utf8(changed).unwrap();
                    if changed != token {
                        assert_eq!(decrypted(&changed), Err(JoseError::Decryption), "{index}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_header_is_protected() {
        let token = encrypted(b"plaintext", ContentEncryption::A256Gcm);
        let (_, rest) = token.split_once('.').unwrap();
        for header in [
            json!({ "alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT" }),
            json!({ "alg": "RSA-OAEP", "enc": "A256GCM" }),
            json!({ "alg": "RSA-OAEP-256", "enc": "A128GCM" }),
            json!({ "alg": "RSA-OAEP-256", "enc": "A256CBC-HS512" }),
        ] {
            let token = format!("{}.{rest}", base64url::encode(header.to_string()));
            assert_eq!(decrypted(&token), Err(JoseError::Decryption), "{header}");
        }
    }

    #[test]
    fn another_key_decrypts_nothing() {
        let token = encrypted(b"plaintext", ContentEncryption::A256CbcHs512);
        let other = SigningKey::generate_rsa().unwrap().to_pkcs8_der().unwrap();
        let other = DecryptionKey::from_der(&other).unwrap();
        assert_eq!(UnverifiedJwe::parse(&token).unwrap().decrypt(&other), Err(JoseError::Decryption));
    }

    #[test]
    fn debug_output_shows_the_header_only() {
        let token = encrypted(b"plaintext", ContentEncryption::A256Gcm);
        let shown = format!("{:?}", UnverifiedJwe::parse(&token).unwrap());
        assert!(shown.contains("A256Gcm") && token.split('.').all(|part| !shown.contains(part)), "{shown}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn noise_never_panics(noise: String, header: String, parts in prop::array::uniform4("[A-Za-z0-9_.=-]{0,400}")) {
            let _ = decrypted(&noise);
            let _ = decrypted(&format!("{}.{}", base64url::encode(header), parts.join(".")));
            for encryption in ContentEncryption::ALL {
                let header = json!({ "alg": "RSA-OAEP", "enc": encryption.as_str() }).to_string();
                let token = format!("{}.{}", base64url::encode(header), parts.join("."));
                prop_assert!(decrypted(&token).is_err());
            }
        }

        #[test]
        fn any_plaintext_comes_back(plaintext: Vec<u8>, index in 0..6_usize) {
            let token = encrypted(&plaintext, ContentEncryption::ALL[index]);
            prop_assert_eq!(decrypted(&token), Ok(plaintext));
        }
    }
}
