//! Private RSA keys that decrypt, with the names under which a token can ask for them.

use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand,
    rsa::{OaepPrivateDecryptingKey, PrivateDecryptingKey},
    signature::{KeyPair, RsaKeyPair},
};
use x509_parser::{prelude::FromDer, public_key::RSAPublicKey};
use zeroize::Zeroizing;

use super::{EncryptionKey, JweHeader, KeyManagement};
use crate::{JoseError, VerifyingKey, base64url, certificate, pem, rsa::RsaKey};

/// A private RSA key of 2048 to 8192 bits, parsed once and kept. `Debug` shows its size only.
pub struct DecryptionKey {
    private: OaepPrivateDecryptingKey,
    public: VerifyingKey,
    certificate: Option<Thumbprints>,
}

/// The names of a certificate.
struct Thumbprints {
    sha1: String,
    sha256: String,
    /// SHA-1 in hexadecimal, which .NET and Azure use as key id.
    sha1_hex: String,
}

impl DecryptionKey {
    /// From PKCS#8 or PKCS#1 DER.
    pub fn from_der(der: &[u8]) -> Result<Self, JoseError> {
        let pair = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)).map_err(|_| {
            JoseError::Key("it is not an unencrypted private RSA key of 2048 to 8192 bits, and only RSA keys decrypt")
        })?;
        let (_, numbers) = RSAPublicKey::from_der(pair.public_key().as_ref()).map_err(|_| UNUSABLE)?;
        let public = certificate::rsa_key(&numbers)?;
        let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(|_| UNUSABLE)?;
        let private = PrivateDecryptingKey::from_pkcs8(pkcs8.as_ref()).map_err(|_| UNUSABLE)?;
        let private = OaepPrivateDecryptingKey::new(private).map_err(|_| UNUSABLE)?;
        Ok(Self { private, public, certificate: None })
    }

    /// From the first private key in PEM text: `PRIVATE KEY` or `RSA PRIVATE KEY`.
    pub fn from_pem(pem: &str) -> Result<Self, JoseError> {
        Self::from_der(&pem::private_key_der(pem)?)
    }

    /// With the certificate (DER) that belongs to the key, whose thumbprints tokens name it by.
    pub fn with_certificate(self, der: &[u8]) -> Result<Self, JoseError> {
        let certified = certificate::public_key(der)?;
        if certified.rsa().map(RsaKey::numbers) != self.public.rsa().map(RsaKey::numbers) {
            return Err(JoseError::Key("the certificate is of another key"));
        }
        Ok(Self { certificate: Some(Thumbprints::of(der)), ..self })
    }

    /// The SHA-1 thumbprint of its certificate, if it has one.
    pub fn x5t(&self) -> Option<&str> {
        self.certificate.as_ref().map(|names| names.sha1.as_str())
    }

    /// The SHA-256 thumbprint of its certificate, if it has one.
    pub fn x5t_s256(&self) -> Option<&str> {
        self.certificate.as_ref().map(|names| names.sha256.as_str())
    }

    /// Whether the header asks for this key: by `x5t#S256` or `x5t`, or by a `kid` that is one of the thumbprints, also
    /// in hexadecimal. Only a hint where to begin: a wrong key fails, it does no harm.
    pub fn is_named_by(&self, header: &JweHeader) -> bool {
        let Some(names) = &self.certificate else { return false };
        let kid = header.kid.as_deref();
        header.x5t_s256.as_ref() == Some(&names.sha256)
            || header.x5t.as_ref() == Some(&names.sha1)
            || kid == Some(&names.sha256)
            || kid == Some(&names.sha1)
            || kid.is_some_and(|kid| kid.eq_ignore_ascii_case(&names.sha1_hex))
    }

    /// The public half, to encrypt to this key.
    pub fn encryption_key(&self) -> Result<EncryptionKey, JoseError> {
        EncryptionKey::from_verifying(&self.public)
    }

    /// The content's key: the one in the token, or a random one where it cannot be read or has the wrong length. So both
    /// cases take the same way from here on, and end at the same check (RFC 7516 §11.5).
    pub(super) fn unwrap(
        &self,
        algorithm: KeyManagement,
        encrypted: &str,
        length: usize,
    ) -> Result<Zeroizing<Vec<u8>>, JoseError> {
        let mut random = Zeroizing::new(vec![0; length]);
        rand::fill(&mut random).map_err(|_| JoseError::Decryption)?;
        let encrypted = base64url::decode(encrypted).unwrap_or_default();
        let mut buffer = Zeroizing::new(vec![0; self.private.min_output_size()]);
        let unwrapped = self.private.decrypt(algorithm.oaep(), &encrypted, &mut buffer, None);
        if let Some(unwrapped) = unwrapped.ok().filter(|unwrapped| unwrapped.len() == length) {
            random.copy_from_slice(unwrapped);
        }
        Ok(random)
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecryptionKey(RSA {})", self.private.key_size_bits())
    }
}

impl Thumbprints {
    fn of(der: &[u8]) -> Self {
        let sha1 = certificate::thumbprint_sha1(der);
        let sha1_hex = certificate::thumbprint_sha1_hex(der);
        Self { sha1, sha256: certificate::thumbprint_sha256(der), sha1_hex }
    }
}

const UNUSABLE: JoseError = JoseError::Key("its private or public half could not be used for decryption");

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use rcgen::CertificateParams;

    use super::*;
    use crate::{SigningKey, jwe::ContentEncryption, thumbprint_sha1, thumbprint_sha256};

    fn pkcs8() -> Zeroizing<Vec<u8>> {
        SigningKey::generate_rsa().unwrap().to_pkcs8_der().unwrap()
    }

    fn certificate_of(pkcs8: &[u8]) -> Vec<u8> {
        let pair = rcgen::KeyPair::try_from(pkcs8).unwrap();
        CertificateParams::new(vec!["test".to_owned()]).unwrap().self_signed(&pair).unwrap().der().to_vec()
    }

    fn header() -> JweHeader {
        JweHeader {
            alg: KeyManagement::RsaOaep,
            enc: ContentEncryption::A256Gcm,
            kid: None,
            x5t: None,
            x5t_s256: None,
            typ: None,
            cty: None,
        }
    }

    #[test]
    fn a_key_is_read_in_both_forms_and_as_pem() {
        let pkcs8 = pkcs8();
        // A PKCS#8 file of RSA is 26 bytes of wrapping around the PKCS#1 form.
        for (label, der) in [("PRIVATE KEY", &pkcs8[..]), ("RSA PRIVATE KEY", &pkcs8[26..])] {
            let pem = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der));
            for key in [DecryptionKey::from_der(der), DecryptionKey::from_pem(&pem)] {
                assert_eq!(format!("{:?}", key.unwrap()), "DecryptionKey(RSA 2048)");
            }
        }
    }

    #[test]
    fn other_keys_are_refused() {
        let ec = SigningKey::generate_p256().unwrap().to_pkcs8_der().unwrap();
        let rsa = pkcs8();
        for der in [&ec[..], b"", b"0", &rsa[..rsa.len() - 1]] {
            let refusal = DecryptionKey::from_der(der).unwrap_err().to_string();
            assert!(refusal.contains("it is not an unencrypted private RSA key"), "{refusal}");
        }
    }

    #[test]
    fn only_its_own_certificate_names_a_key() {
        let (one, other) = (pkcs8(), pkcs8());
        let der = certificate_of(&one);
        let key = DecryptionKey::from_der(&one).unwrap().with_certificate(&der).unwrap();
        assert_eq!(key.x5t(), Some(thumbprint_sha1(&der).as_str()));
        assert_eq!(key.x5t_s256(), Some(thumbprint_sha256(&der).as_str()));

        let refused = DecryptionKey::from_der(&other).unwrap().with_certificate(&der).unwrap_err();
        assert_eq!(refused, JoseError::Key("the certificate is of another key"));
        let elliptic = certificate_of(&SigningKey::generate_p256().unwrap().to_pkcs8_der().unwrap());
        let refused = DecryptionKey::from_der(&one).unwrap().with_certificate(&elliptic).unwrap_err();
        assert_eq!(refused, JoseError::Key("the certificate is of another key"));
        assert!(DecryptionKey::from_der(&one).unwrap().with_certificate(b"").is_err());
    }

    #[test]
    fn a_header_names_a_key_by_any_form_of_its_thumbprints() {
        let pkcs8 = pkcs8();
        let der = certificate_of(&pkcs8);
        let key = DecryptionKey::from_der(&pkcs8).unwrap().with_certificate(&der).unwrap();
        let text = |text: &str| Some(text.to_owned());
        let hex = certificate::thumbprint_sha1_hex(&der);
        let (sha1, sha256) = (thumbprint_sha1(&der), thumbprint_sha256(&der));
        let cases = [
            (JweHeader { x5t: text(&sha1), ..header() }, true),
            (JweHeader { x5t_s256: text(&sha256), ..header() }, true),
            (JweHeader { kid: text(&sha1), ..header() }, true),
            (JweHeader { kid: text(&sha256), ..header() }, true),
            (JweHeader { kid: text(&hex.to_uppercase()), ..header() }, true),
            (JweHeader { kid: text(&hex.to_lowercase()), ..header() }, true),
            (header(), false),
            (JweHeader { x5t: text(&sha256), ..header() }, false),
            (JweHeader { kid: text("other"), ..header() }, false),
            (JweHeader { kid: text(""), ..header() }, false),
        ];
        let nameless = DecryptionKey::from_der(&pkcs8).unwrap();
        for (header, named) in cases {
            assert_eq!(key.is_named_by(&header), named, "{header:?}");
            assert!(!nameless.is_named_by(&header));
        }
    }

    #[test]
    fn what_cannot_be_unwrapped_gives_a_random_key_of_the_right_length() {
        let key = DecryptionKey::from_der(&pkcs8()).unwrap();
        let alg = KeyManagement::RsaOaep256;
        let wrapped = |plain: &[u8]| key.encryption_key().unwrap().wrap(alg, plain).map(base64url::encode).unwrap();
        let right = wrapped(&[7; 32]);
        assert_eq!(**key.unwrap(alg, &right, 32).unwrap(), [7; 32]);
        let garbled = base64url::encode([0x55; 256]);
        for encrypted in
            [&garbled, &wrapped(&[7; 31]), &wrapped(&[7; 33]), &wrapped(b""), &right[..300], "", "?", "AAAA"]
        {
            let (one, two) = (key.unwrap(alg, encrypted, 32).unwrap(), key.unwrap(alg, encrypted, 32).unwrap());
            assert_eq!((one.len(), two.len()), (32, 32));
            assert_ne!(one, two, "{encrypted}");
        }
        // The right key under the other hash is no key either.
        assert_ne!(**key.unwrap(KeyManagement::RsaOaep, &right, 32).unwrap(), [7; 32]);
    }
}
