//! The keys that sign tokens: made in the background, published as a set, changed step by step.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_RSA_SHA256};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use sidekey_jose::{Jwk, SigningKey, VerifyingKey, thumbprint_sha1};
use zeroize::Zeroizing;

/// The published keys, newest last. Exactly one of them signs.
#[derive(Debug, Clone)]
pub(crate) struct KeyRing {
    pub(crate) keys: Vec<Arc<TokenKey>>,
    signing: usize,
}

impl KeyRing {
    /// A ring of one new key.
    pub(crate) fn generate() -> Result<Self, String> {
        Ok(Self { keys: vec![Arc::new(TokenKey::generate()?)], signing: 0 })
    }

    /// The key that signs.
    pub(crate) fn signing(&self) -> Option<&TokenKey> {
        self.keys.get(self.signing).map(AsRef::as_ref)
    }

    /// The published key with this id.
    pub(crate) fn find(&self, kid: &str) -> Option<&TokenKey> {
        self.keys.iter().find(|key| key.kid == kid).map(AsRef::as_ref)
    }

    /// Whether the next step needs a new key.
    pub(crate) fn needs_key(&self) -> bool {
        self.keys.len() == 1
    }

    /// The ring after the next step of a rotation: a new key is published; then it signs; then the old one is dropped.
    pub(crate) fn step(&self, new: Option<TokenKey>) -> (Self, Step) {
        let mut next = self.clone();
        let last = next.keys.len().saturating_sub(1);
        let step = if let Some(key) = new.filter(|_| self.needs_key()) {
            next.keys.push(Arc::new(key));
            Step::Published
        } else if next.signing < last {
            next.signing = last;
            Step::Signing
        } else {
            next.keys.drain(..last);
            next.signing = 0;
            Step::Dropped
        };
        (next, step)
    }

    /// For the state folder.
    pub(crate) fn to_json(&self) -> Result<Zeroizing<String>, String> {
        let keys: Result<Vec<_>, String> = self.keys.iter().map(|key| key.to_stored()).collect();
        let stored = Stored { signing: self.signing, keys: keys? };
        serde_json::to_string(&stored).map(Zeroizing::new).map_err(|error| error.to_string())
    }

    /// From the state folder.
    pub(crate) fn from_json(text: &str) -> Result<Self, String> {
        let stored: Stored = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let keys: Result<Vec<_>, String> =
            stored.keys.iter().map(|key| TokenKey::from_stored(key).map(Arc::new)).collect();
        let ring = Self { keys: keys?, signing: stored.signing };
        ring.signing().ok_or("no key signs")?;
        Ok(ring)
    }
}

/// What a step of a rotation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Step {
    /// A new key is in the key set, but does not sign yet.
    Published,
    /// The new key signs; the old one is still in the key set.
    Signing,
    /// The old key is gone.
    Dropped,
}

/// An RSA key with its certificate.
#[derive(Debug)]
pub(crate) struct TokenKey {
    pub(crate) kid: String,
    pub(crate) key: SigningKey,
    pub(crate) verifying: VerifyingKey,
    certificate: Vec<u8>,
}

impl TokenKey {
    /// A new key. Takes a while: not for a request's path.
    pub(crate) fn generate() -> Result<Self, String> {
        let key = SigningKey::generate_rsa().map_err(|error| error.to_string())?;
        let pkcs8 = key.to_pkcs8_der().map_err(|error| error.to_string())?;
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8.as_slice()));
        let pair = KeyPair::from_der_and_sign_algo(&der, &PKCS_RSA_SHA256).map_err(|error| error.to_string())?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "sidekey emulator token signing");
        let certificate = params.self_signed(&pair).map_err(|error| error.to_string())?;
        Ok(Self::new(key, certificate.der().to_vec()))
    }

    /// The key as the key set shows it, without an issuer.
    pub(crate) fn jwk(&self) -> Jwk {
        Jwk {
            use_: Some("sig".to_owned()),
            kid: Some(self.kid.clone()),
            x5t: Some(self.kid.clone()),
            x5c: Some(vec![STANDARD.encode(&self.certificate)]),
            ..self.key.public_jwk()
        }
    }

    /// Entra's key ids are the certificate's thumbprint.
    fn new(key: SigningKey, certificate: Vec<u8>) -> Self {
        Self { kid: thumbprint_sha1(&certificate), verifying: key.verifying_key(), key, certificate }
    }

    fn to_stored(&self) -> Result<StoredKey, String> {
        let pkcs8 = self.key.to_pkcs8_der().map_err(|error| error.to_string())?;
        Ok(StoredKey { pkcs8: STANDARD.encode(&*pkcs8), certificate: STANDARD.encode(&self.certificate) })
    }

    fn from_stored(stored: &StoredKey) -> Result<Self, String> {
        let pkcs8 = Zeroizing::new(STANDARD.decode(&stored.pkcs8).map_err(|error| error.to_string())?);
        let certificate = STANDARD.decode(&stored.certificate).map_err(|error| error.to_string())?;
        let key = SigningKey::from_der(&pkcs8).map_err(|error| error.to_string())?;
        Ok(Self::new(key, certificate))
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    signing: usize,
    keys: Vec<StoredKey>,
}

#[derive(Serialize, Deserialize, zeroize::ZeroizeOnDrop)]
struct StoredKey {
    pkcs8: String,
    #[zeroize(skip)]
    certificate: String,
}
