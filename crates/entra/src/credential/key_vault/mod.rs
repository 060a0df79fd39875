//! A certificate in Azure Key Vault. Its private key is fetched if it may leave the vault; else the vault signs
//! (<https://learn.microsoft.com/azure/key-vault/certificates/about-certificates>).
//!
//! [`certificate`] reads certificates, [`current`] keeps the one in use and looks for newer ones, and here client assertions
//! are made with it.

mod access;
mod certificate;
mod challenge;
mod client;
mod current;
mod decryption;
mod document;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod remote_sign;

use std::sync::Arc;

pub(super) use self::decryption::VaultDecryption;
use sidekey_oauth::Secret;
use uuid::Uuid;

use self::{
    certificate::{Loader, VaultCertificate, VaultKey},
    client::{Client, Errand},
    current::Current,
};
use super::{
    CredentialError, Made, Purpose, Surroundings, client_assertion,
    kept::{Assertion, Fetched, Kept},
};
use crate::config::VaultCertificateConfig;

/// The certificate as a client credential.
#[derive(Debug)]
pub(super) struct KeyVault {
    name: String,
    signs_in_vault: bool,
    client: Arc<Client>,
    current: Current,
    clock: Arc<dyn sidekey_host::Clock>,
    signed: Kept,
}

impl KeyVault {
    /// Asks nothing yet.
    pub(super) fn new(config: &VaultCertificateConfig, surroundings: &Surroundings) -> Arc<Self> {
        let access = access::of(config, surroundings);
        let clock = Arc::clone(&surroundings.clock);
        let client = Client::new(surroundings.http.clone(), Arc::clone(&clock), config.vault.clone(), access);
        Self::with(config, client, clock)
    }

    fn with(config: &VaultCertificateConfig, client: Client, clock: Arc<dyn sidekey_host::Clock>) -> Arc<Self> {
        let client = Arc::new(client);
        let signs_in_vault = config.signs_in_vault;
        Arc::new(Self {
            name: config.name.clone(),
            signs_in_vault,
            current: follow(config, Arc::clone(&client), Arc::clone(&clock)),
            client,
            clock,
            signed: Kept::new(source_type(signs_in_vault)),
        })
    }

    /// A signed assertion: a new one, or one that still serves.
    pub(super) async fn assertion(self: &Arc<Self>, purpose: &Purpose) -> Result<Made, CredentialError> {
        let name = format!("{} {} {}", purpose.audience, purpose.takes_ps256, purpose.send_x5c);
        let may_be_old = self.current.may_be_old(purpose.now);
        let (own, wanted) = (Arc::clone(self), purpose.clone());
        let fetch = || Box::pin(async move { own.sign(&wanted).await }) as _;
        let made = self.signed.get(&name, purpose.now, purpose.deadline, fetch).await?;
        // A newer certificate may cure a refusal as a newer assertion may.
        Ok(Made { reused: made.reused || may_be_old, ..made })
    }

    /// Entra refused the last assertion: the next one is new, and of a newer certificate if there is one.
    pub(super) fn forget(&self) {
        self.signed.forget();
        self.current.suspect(self.clock.now());
    }

    /// The `SourceType`.
    pub(super) fn source_type(&self) -> &'static str {
        source_type(self.signs_in_vault)
    }

    async fn sign(self: Arc<Self>, purpose: &Purpose) -> Fetched {
        let errand = Errand { correlation_id: purpose.correlation_id, deadline: purpose.deadline };
        let certificate = self.current.get(purpose.now, errand).await?;
        if certificate.valid_to <= purpose.now {
            let problem =
                format!("the newest version `{}` of the certificate `{}` ended", certificate.version, self.name);
            return Err(error::of_certificate(problem, "add a new version, and register it with the application").error);
        }
        let text = match &certificate.key {
            VaultKey::Here(_) => sign_here(Arc::clone(&certificate), purpose.clone()).await?,
            VaultKey::InVault { version } => {
                let signed = remote_sign::sign(&self.client, (&self.name, version), &certificate.chain, purpose).await;
                signed.map_err(|failure| failure.error)?
            }
        };
        Ok(Assertion { text, serves_until: purpose.now + client_assertion::HALF_LIFE })
    }
}

/// The vault's certificate and whoever keeps it up to date, for all that it may be used for.
fn follow(config: &VaultCertificateConfig, client: Arc<Client>, clock: Arc<dyn sidekey_host::Clock>) -> Current {
    Current::new(Loader::new(client, config.clone()), config.version.is_some(), clock)
}

/// Signatures take a thread of their own.
async fn sign_here(certificate: Arc<VaultCertificate>, purpose: Purpose) -> Result<Secret, CredentialError> {
    let work = move || match &certificate.key {
        VaultKey::Here(bundle) => client_assertion::sign(bundle, &purpose, Uuid::new_v4()).map_err(|cause| {
            let problem = format!("the certificate's key cannot sign: {cause}");
            error::of_certificate(problem, "use a certificate with an RSA key").error
        }),
        VaultKey::InVault { .. } => Err(CredentialError::internal(NAME)),
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(CredentialError::internal(NAME)))
}

fn source_type(signs_in_vault: bool) -> &'static str {
    if signs_in_vault { "SignedAssertionFromVault" } else { NAME }
}

const NAME: &str = "KeyVault";

#[cfg(test)]
mod tests;
