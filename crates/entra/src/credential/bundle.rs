//! What is in a PFX or a PEM: the private key, its certificate, and the certificates above that.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use p12_keystore::Pkcs12Archive;
use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use sidekey_host::UnixTime;
use sidekey_jose::{SigningKey, base64url};
use sidekey_oauth::Secret;
use x509_parser::{prelude::FromDer as _, prelude::X509Certificate, public_key::PublicKey};
use zeroize::Zeroizing;

/// A private key and the certificates that speak for it.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) key: SigningKey,
    /// DER, the key's own certificate first.
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) subject: String,
    /// When the certificate ends.
    pub(super) valid_to: UnixTime,
    /// The same for people.
    pub(super) valid_to_text: String,
}

/// What is wrong, as the end of a sentence that begins with the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BundleError {
    pub(super) problem: String,
    pub(super) hint: &'static str,
    /// There is a certificate, but no private key at all.
    pub(super) keyless: bool,
}

/// The parts before they are matched.
#[derive(Default)]
struct Parts {
    keys: Vec<Zeroizing<Vec<u8>>>,
    certificates: Vec<Vec<u8>>,
}

impl Bundle {
    /// Reads a PFX or PEM; `key` is the content of the private key's own PEM file.
    pub(super) fn read(content: &[u8], key: Option<&[u8]>, password: Option<&Secret>) -> Result<Self, BundleError> {
        let mut parts = if is_pem(content) { pem(content, password)? } else { pfx(content, password)? };
        if let Some(key) = key {
            parts.keys = pem(key, password)?.keys;
        }
        Self::assemble(parts)
    }

    /// PEM text stands for itself; everything else is base64 of either alphabet, blanks and padding as they may be.
    pub(super) fn decode_base64(text: &Secret) -> Option<Zeroizing<Vec<u8>>> {
        let text = text.expose();
        if is_pem(text.as_bytes()) {
            return Some(Zeroizing::new(text.as_bytes().to_vec()));
        }
        let compact: Zeroizing<String> = Zeroizing::new(text.split_ascii_whitespace().collect());
        let alphabet = if compact.contains(['-', '_']) { alphabet::URL_SAFE } else { alphabet::STANDARD };
        let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        GeneralPurpose::new(&alphabet, lenient).decode(compact.as_bytes()).ok().map(Zeroizing::new)
    }

    /// The key's own certificate.
    pub(super) fn leaf(&self) -> &[u8] {
        self.chain.first().map(Vec::as_slice).unwrap_or_default()
    }

    fn assemble(parts: Parts) -> Result<Self, BundleError> {
        if parts.certificates.is_empty() {
            return Err(error("holds no certificate", "put the certificate and its private key into it"));
        }
        let Some(der) = parts.keys.first() else {
            let hint = "export the certificate with its key, or set `CertificateKeyPath`";
            return Err(BundleError { keyless: true, ..error("holds no private key", hint) });
        };
        let key = SigningKey::from_der(der).map_err(|cause| {
            error(format!("holds a private key that cannot be read ({cause})"), "use an RSA key of 2048 bits or more")
        })?;
        let modulus = key.public_jwk().n.ok_or_else(|| error("holds a key other than RSA", "Entra takes RSA keys"))?;
        let mut chain = parts.certificates;
        let own = chain.iter().position(|der| rsa_modulus(der).as_ref() == Some(&modulus));
        let own = own.ok_or_else(|| {
            error("holds a private key that does not belong to its certificate", "use the key of this certificate")
        })?;
        chain.swap(0, own);
        Self::describe(key, chain)
    }

    fn describe(key: SigningKey, chain: Vec<Vec<u8>>) -> Result<Self, BundleError> {
        let unreadable = || error("holds a certificate that cannot be read", "export it again");
        let leaf = chain.first().ok_or_else(unreadable)?;
        let (_, certificate) = X509Certificate::from_der(leaf).map_err(|_| unreadable())?;
        let valid_to = certificate.validity().not_after;
        Ok(Self {
            subject: certificate.subject().to_string(),
            valid_to: UnixTime(u64::try_from(valid_to.timestamp()).unwrap_or(0)),
            valid_to_text: valid_to.to_rfc2822().unwrap_or_else(|_| valid_to.timestamp().to_string()),
            key,
            chain,
        })
    }
}

fn is_pem(content: &[u8]) -> bool {
    content.windows(PEM_BEGIN.len()).any(|window| window == PEM_BEGIN)
}

fn pfx(content: &[u8], password: Option<&Secret>) -> Result<Parts, BundleError> {
    use p12_keystore::error::Error;
    let archive = Pkcs12Archive::from_pkcs12(content, password.map_or("", Secret::expose));
    let archive = archive.map_err(|cause| match cause {
        Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_) => wrong_password(password),
        Error::DerError(_) | Error::InvalidVersion => {
            error("is neither a PFX nor a PEM", "check that it is the right file")
        }
        other => error(format!("is a PFX that cannot be read ({other})"), "export it again with AES-256"),
    })?;
    Ok(Parts {
        keys: archive.keys.iter().map(|bag| Zeroizing::new(bag.key.as_der().to_vec())).collect(),
        certificates: archive.certs.iter().map(|bag| bag.cert.as_der().to_vec()).collect(),
    })
}

fn pem(content: &[u8], password: Option<&Secret>) -> Result<Parts, BundleError> {
    let bad_pem = |_| error("holds PEM that cannot be read", "check that it is complete");
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(content).collect();
    let mut keys = Vec::new();
    for key in PrivateKeyDer::pem_slice_iter(content) {
        keys.push(Zeroizing::new(key.map_err(bad_pem)?.secret_der().to_vec()));
    }
    if keys.is_empty() {
        keys.extend(encrypted_key(content, password).transpose()?);
    }
    let certificates = certificates.map_err(bad_pem)?.iter().map(|der| der.to_vec()).collect();
    Ok(Parts { keys, certificates })
}

/// The first encrypted PKCS#8 key (RFC 7468 §11), decrypted.
fn encrypted_key(content: &[u8], password: Option<&Secret>) -> Option<Result<Zeroizing<Vec<u8>>, BundleError>> {
    let text = std::str::from_utf8(content).ok()?;
    let (_, body) = text.split_once(ENCRYPTED_BEGIN)?;
    let (body, _) = body.split_once(ENCRYPTED_END)?;
    Some(decrypt_key(&Secret::new(body), password))
}

fn decrypt_key(body: &Secret, password: Option<&Secret>) -> Result<Zeroizing<Vec<u8>>, BundleError> {
    let broken = || error("holds an encrypted private key that cannot be read", "write it anew as encrypted PKCS#8");
    let Some(password) = password else { return Err(wrong_password(None)) };
    let der = Bundle::decode_base64(body).ok_or_else(broken)?;
    let encrypted = EncryptedPrivateKeyInfoRef::try_from(der.as_slice()).map_err(|_| broken())?;
    let document: SecretDocument = encrypted.decrypt(password.expose()).map_err(|_| wrong_password(Some(password)))?;
    Ok(Zeroizing::new(document.as_bytes().to_vec()))
}

fn wrong_password(password: Option<&Secret>) -> BundleError {
    match password {
        None => error("needs a password", "set `CertificatePassword` or `CertificatePasswordPath`"),
        Some(_) => {
            error("does not open with the given password", "correct `CertificatePassword` or the file that holds it")
        }
    }
}

/// A certificate's RSA modulus as a JWK has it.
pub(super) fn rsa_modulus(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    match certificate.public_key().parsed().ok()? {
        PublicKey::RSA(key) => {
            let significant = key.modulus.iter().position(|byte| *byte != 0).unwrap_or(0);
            key.modulus.get(significant..).map(base64url::encode)
        }
        _ => None,
    }
}

fn error(problem: impl Into<String>, hint: &'static str) -> BundleError {
    BundleError { problem: problem.into(), hint, keyless: false }
}

const PEM_BEGIN: &[u8] = b"-----BEGIN ";
const ENCRYPTED_BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
const ENCRYPTED_END: &str = "-----END ENCRYPTED PRIVATE KEY-----";
