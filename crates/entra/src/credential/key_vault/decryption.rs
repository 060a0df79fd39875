//! A certificate in a vault whose private key opens encrypted tokens. It has to be one that may leave the vault.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sidekey_host::{Clock, UnixTime};
use sidekey_jose::jwe::DecryptionKey;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    super::{CredentialError, Surroundings, decryption::key_of},
    access,
    certificate::{VaultCertificate, VaultKey},
    client::{Client, Errand},
    current::Current,
    error, follow,
};
use crate::config::VaultCertificateConfig;

/// The keys of the certificate's versions that were in use.
#[derive(Debug)]
pub(in super::super) struct VaultDecryption {
    name: String,
    vault: String,
    current: Current,
    clock: Arc<dyn Clock>,
    /// By version, the newest first.
    opened: Mutex<Vec<(String, Arc<DecryptionKey>)>>,
}

impl VaultDecryption {
    /// Asks nothing yet.
    pub(in super::super) fn new(config: &VaultCertificateConfig, surroundings: &Surroundings) -> Self {
        let (http, clock) = (surroundings.http.clone(), Arc::clone(&surroundings.clock));
        let access = access::of(config, surroundings);
        Self::with(config, Client::new(http, Arc::clone(&clock), config.vault.clone(), access), clock)
    }

    pub(super) fn with(config: &VaultCertificateConfig, client: Client, clock: Arc<dyn Clock>) -> Self {
        let client = Arc::new(client);
        Self {
            name: config.name.clone(),
            vault: client.name().to_owned(),
            current: follow(config, client, Arc::clone(&clock)),
            clock,
            opened: Mutex::default(),
        }
    }

    /// The keys that are here already.
    pub(in super::super) fn known(&self) -> Vec<Arc<DecryptionKey>> {
        self.lock().iter().map(|(_, key)| Arc::clone(key)).collect()
    }

    /// The same after a look into the vault, unless it was asked a moment ago.
    pub(in super::super) async fn look(&self, deadline: Instant) -> Result<Vec<Arc<DecryptionKey>>, CredentialError> {
        let now = self.clock.now();
        self.current.suspect(now);
        let certificate = self.current.get(now, Errand { correlation_id: Uuid::new_v4(), deadline }).await?;
        self.take(&certificate, now)?;
        Ok(self.known())
    }

    fn take(&self, certificate: &VaultCertificate, now: UnixTime) -> Result<(), CredentialError> {
        let mut opened = self.lock();
        if opened.first().is_some_and(|(version, _)| *version == certificate.version) {
            return Ok(());
        }
        let VaultKey::Here(bundle) = &certificate.key else {
            let problem = format!("the private key of `{}` cannot leave `{}`", self.name, self.vault);
            let hint =
                "create the certificate with an exportable key: the vault signs for us, but it does not open tokens";
            return Err(error::of_certificate(problem, hint).error);
        };
        let key = key_of(bundle).map_err(|cause| {
            let problem = format!("the key of `{}` in `{}` cannot decrypt: {cause}", self.name, self.vault);
            error::of_certificate(problem, "use a certificate with an RSA key of 2048 bits or more").error
        })?;
        tracing::info!(
            certificate = self.name,
            version = certificate.version,
            now = now.0,
            "a decryption key is in use"
        );
        opened.insert(0, (certificate.version.clone(), Arc::new(key)));
        opened.truncate(KEPT);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(String, Arc<DecryptionKey>)>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever encrypts goes on with the version before for a while.
const KEPT: usize = 2;
