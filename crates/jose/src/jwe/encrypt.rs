//! Encryption to a public RSA key: what an authority does with the certificate that an application registered.

use std::fmt;

use aws_lc_rs::{
    rand,
    rsa::{OaepPublicEncryptingKey, PublicEncryptingKey},
    signature::RsaPublicKeyComponents,
};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{ContentEncryption, KeyManagement};
use crate::{JoseError, VerifyingKey, base64url, certificate};

/// A public RSA key to encrypt to.
pub struct EncryptionKey(OaepPublicEncryptingKey);

impl EncryptionKey {
    /// The key of the recipient's certificate (DER).
    pub fn from_certificate(der: &[u8]) -> Result<Self, JoseError> {
        Self::from_verifying(&certificate::public_key(der)?)
    }

    pub(super) fn from_verifying(key: &VerifyingKey) -> Result<Self, JoseError> {
        let (n, e) =
            key.rsa().ok_or(JoseError::Key("it is not RSA, and tokens are encrypted to RSA keys only"))?.numbers();
        let key: PublicEncryptingKey = RsaPublicKeyComponents { n, e }.try_into().map_err(|_| FAILED)?;
        OaepPublicEncryptingKey::new(key).map(Self).map_err(|_| FAILED)
    }

    /// Encrypts the content's key.
    pub(super) fn wrap(&self, algorithm: KeyManagement, content_key: &[u8]) -> Result<Vec<u8>, JoseError> {
        let mut wrapped = vec![0; self.0.ciphertext_size()];
        self.0.encrypt(algorithm.oaep(), content_key, &mut wrapped, None).map_err(|_| FAILED)?;
        Ok(wrapped)
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptionKey(RSA {})", self.0.key_size_bits())
    }
}

/// Makes a compact JWE. `alg` and `enc` are put into the header; the header's other members come from the caller.
pub fn encrypt_compact(
    header: &Map<String, Value>,
    plaintext: &[u8],
    key: &EncryptionKey,
    algorithm: KeyManagement,
    encryption: ContentEncryption,
) -> Result<String, JoseError> {
    let mut content_key = Zeroizing::new(vec![0; encryption.key_bytes()]);
    let mut iv = vec![0; encryption.iv_bytes()];
    rand::fill(&mut content_key).and_then(|()| rand::fill(&mut iv)).map_err(|_| FAILED)?;

    let mut header = header.clone();
    header.insert("alg".to_owned(), algorithm.as_str().into());
    header.insert("enc".to_owned(), encryption.as_str().into());
    let protected = base64url::encode(Value::Object(header).to_string());
    let sealed = encryption.seal(&content_key, iv, protected.as_bytes(), plaintext).map_err(|_| FAILED)?;
    let wrapped = base64url::encode(key.wrap(algorithm, &content_key)?);
    let [iv, ciphertext, tag] = [sealed.iv, sealed.ciphertext, sealed.tag].map(base64url::encode);
    Ok([protected, wrapped, iv, ciphertext, tag].join("."))
}

const FAILED: JoseError = JoseError::Key("it could not encrypt");

#[cfg(test)]
mod tests {
    use rcgen::CertificateParams;
    use serde_json::json;

    use super::*;
    use crate::{
        SigningKey,
        jwe::{DecryptionKey, UnverifiedJwe},
    };

    #[test]
    fn what_is_encrypted_to_a_certificate_is_decrypted_with_its_key() {
        let pkcs8 = SigningKey::generate_rsa().unwrap().to_pkcs8_der().unwrap();
        let pair = rcgen::KeyPair::try_from(&pkcs8[..]).unwrap();
        let certificate = CertificateParams::new(vec!["test".to_owned()]).unwrap().self_signed(&pair).unwrap();
        let (private, public) =
            (DecryptionKey::from_der(&pkcs8).unwrap(), EncryptionKey::from_certificate(certificate.der()).unwrap());
        assert_eq!(format!("{public:?}"), "EncryptionKey(RSA 2048)");

        let Value::Object(header) = json!({ "cty": "JWT", "alg": "none", "kid": "k" }) else { panic!("not an object") };
        for algorithm in [KeyManagement::RsaOaep, KeyManagement::RsaOaep256] {
            for encryption in ContentEncryption::ALL {
                let token = encrypt_compact(&header, b"plaintext", &public, algorithm, encryption).unwrap();
                let jwe = UnverifiedJwe::parse(&token).unwrap();
                assert_eq!((jwe.header().alg, jwe.header().enc), (algorithm, encryption));
                assert_eq!((jwe.header().cty.as_deref(), jwe.header().kid.as_deref()), (Some("JWT"), Some("k")));
                assert_eq!(**jwe.decrypt(&private).unwrap(), *b"plaintext");
            }
        }
    }

    #[test]
    fn no_two_tokens_share_a_key_or_a_vector() {
        let private = SigningKey::generate_rsa().unwrap().to_pkcs8_der().unwrap();
        let key = DecryptionKey::from_der(&private).unwrap().encryption_key().unwrap();
        for encryption in [ContentEncryption::A256Gcm, ContentEncryption::A128CbcHs256] {
            let [one, two] =
                [(); 2].map(|()| encrypt_compact(&Map::new(), b"", &key, KeyManagement::RsaOaep, encryption).unwrap());
            for (one, two) in one.split('.').zip(two.split('.')).skip(1).filter(|(one, _)| !one.is_empty()) {
                assert_ne!(one, two);
            }
        }
    }

    #[test]
    fn a_certificate_without_an_rsa_key_is_refused() {
        let pair = rcgen::KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["test".to_owned()]).unwrap().self_signed(&pair).unwrap();
        let refusal = EncryptionKey::from_certificate(certificate.der()).unwrap_err();
        assert_eq!(refusal, JoseError::Key("it is not RSA, and tokens are encrypted to RSA keys only"));
    }
}
