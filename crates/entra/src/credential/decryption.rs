//! Private keys of certificates that open encrypted tokens, read again when their files change, and from vaults when none of
//! those that are here fits.

use std::sync::Arc;

use sidekey_jose::{JoseError, jwe::DecryptionKey};
use tokio::time::Instant;

use super::{
    CredentialError, Surroundings, bundle::Bundle, certificate::Certificate, file::Watched, key_vault::VaultDecryption,
};
use crate::config::{CredentialConfig, CredentialSource};

/// The keys of the configured certificates.
#[derive(Debug)]
pub(crate) struct DecryptionKeys(Vec<Source>);

#[derive(Debug)]
struct Source {
    key: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    File(Box<CertificateFile>),
    Vault(VaultDecryption),
}

#[derive(Debug)]
struct CertificateFile {
    certificate: Certificate,
    watched: Watched<DecryptionKey>,
}

impl DecryptionKeys {
    /// Reads and asks nothing yet.
    pub(crate) fn new(configured: &[CredentialConfig], surroundings: &Surroundings) -> Self {
        Self(configured.iter().filter_map(|config| Source::of(config, surroundings)).collect())
    }

    /// Whether any of them is in a vault.
    pub(crate) fn has_vaults(&self) -> bool {
        self.0.iter().any(|source| matches!(source.place, Place::Vault(_)))
    }

    /// The present keys; looks at the files. One that cannot be read is left out and logged. A certificate that has ended
    /// still opens what was encrypted to it.
    pub(crate) fn load(&self) -> Vec<Arc<DecryptionKey>> {
        self.0.iter().flat_map(Source::load).collect()
    }

    /// The keys of the vaults after a look into them.
    pub(crate) async fn look(&self, deadline: Instant) -> Vec<Arc<DecryptionKey>> {
        let mut keys = Vec::new();
        for source in &self.0 {
            let Place::Vault(vault) = &source.place else { continue };
            match vault.look(deadline).await {
                Ok(found) => keys.extend(found),
                Err(error) => source.complain(&error),
            }
        }
        keys
    }
}

impl Source {
    fn of(config: &CredentialConfig, surroundings: &Surroundings) -> Option<Self> {
        let place = match &config.source {
            CredentialSource::Certificate { location, key_path, password } => {
                let certificate = Certificate::new(location.clone(), key_path.clone(), password.clone());
                let watched = Watched::new(certificate.files().to_vec());
                Place::File(Box::new(CertificateFile { certificate, watched }))
            }
            CredentialSource::KeyVault(vault) => Place::Vault(VaultDecryption::new(vault, surroundings)),
            _ => return None,
        };
        Some(Self { key: config.key.clone(), place })
    }

    fn load(&self) -> Vec<Arc<DecryptionKey>> {
        match &self.place {
            Place::Vault(vault) => vault.known(),
            Place::File(file) => {
                let loaded = file.watched.get(|| file.read());
                loaded.inspect_err(|error| self.complain(error)).into_iter().collect()
            }
        }
    }

    fn complain(&self, error: &CredentialError) {
        tracing::warn!(credential = %self.key, %error, "a decryption key cannot be used");
    }
}

impl CertificateFile {
    fn read(&self) -> Result<DecryptionKey, CredentialError> {
        key_of(&self.certificate.load()?).map_err(|cause| {
            let problem = format!("the certificate's key cannot decrypt: {cause}");
            self.certificate.error(problem, "use a certificate with an RSA key of 2048 bits or more")
        })
    }
}

/// A certificate's private key, as one that decrypts.
pub(super) fn key_of(bundle: &Bundle) -> Result<DecryptionKey, JoseError> {
    let key = DecryptionKey::from_der(&bundle.key.to_pkcs8_der()?)?;
    key.with_certificate(bundle.leaf())
}
