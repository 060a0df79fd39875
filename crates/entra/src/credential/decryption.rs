//! Private keys of certificates that open encrypted tokens, read again when their files change.

use std::sync::Arc;

use sidekey_jose::jwe::DecryptionKey;

use super::{CredentialError, certificate::Certificate, file::Watched};
use crate::config::{CredentialConfig, CredentialSource};

/// The keys of the configured certificates.
#[derive(Debug)]
pub(crate) struct DecryptionKeys(Vec<Source>);

#[derive(Debug)]
struct Source {
    key: String,
    certificate: Certificate,
    watched: Watched<DecryptionKey>,
}

impl DecryptionKeys {
    /// Reads nothing yet.
    pub(crate) fn new(configured: &[CredentialConfig]) -> Self {
        Self(configured.iter().filter_map(Source::of).collect())
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The present keys; looks at the files. One that cannot be read is left out and logged. A certificate that has ended
    /// still opens what was encrypted to it.
    pub(crate) fn load(&self) -> Vec<Arc<DecryptionKey>> {
        self.0.iter().filter_map(Source::load).collect()
    }
}

impl Source {
    fn of(config: &CredentialConfig) -> Option<Self> {
        let CredentialSource::Certificate { location, key_path, password } = config.source.clone() else { return None };
        let certificate = Certificate::new(location, key_path, password);
        let watched = Watched::new(certificate.files().to_vec());
        Some(Self { key: config.key.clone(), certificate, watched })
    }

    fn load(&self) -> Option<Arc<DecryptionKey>> {
        let loaded = self.watched.get(|| self.read());
        loaded
            .inspect_err(|error| tracing::warn!(credential = %self.key, %error, "a decryption key cannot be used"))
            .ok()
    }

    fn read(&self) -> Result<DecryptionKey, CredentialError> {
        let bundle = self.certificate.load()?;
        let key = bundle.key.to_pkcs8_der().and_then(|der| DecryptionKey::from_der(&der));
        key.and_then(|key| key.with_certificate(bundle.leaf())).map_err(|cause| {
            let problem = format!("the certificate's key cannot decrypt: {cause}");
            self.certificate.error(problem, "use a certificate with an RSA key of 2048 bits or more")
        })
    }
}
