//! Certificates out of a vault, with their private key where it may leave. What they are used for is not known here.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sidekey_host::UnixTime;
use x509_parser::{prelude::FromDer as _, prelude::X509Certificate};

use super::{
    super::bundle::{self, Bundle},
    client::{Client, Errand},
    document::{CertificateBundle, CertificateItem, CertificateList, SecretBundle},
    error::{self, Action, VaultError},
};
use crate::config::VaultCertificateConfig;

/// One version of a certificate.
#[derive(Debug)]
pub(in super::super) struct VaultCertificate {
    pub(super) version: String,
    /// DER, the key's own certificate first.
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) key: VaultKey,
    pub(super) valid_to: UnixTime,
}

/// Where the private key is.
#[derive(Debug)]
pub(super) enum VaultKey {
    /// Here: the vault gave it out.
    Here(Box<Bundle>),
    /// It stays in the vault, which signs for us.
    InVault {
        /// The key's version.
        version: String,
    },
}

/// Reads a certificate.
#[derive(Debug)]
pub(super) struct Loader {
    client: Arc<Client>,
    config: VaultCertificateConfig,
}

impl Loader {
    pub(super) fn new(client: Arc<Client>, config: VaultCertificateConfig) -> Self {
        Self { client, config }
    }

    /// The version to use: the pinned one, or the newest that can be used. `None` if that is the known one.
    pub(super) async fn load(
        &self,
        known: Option<&VaultCertificate>,
        now: UnixTime,
        errand: Errand,
    ) -> Result<Option<VaultCertificate>, VaultError> {
        let wanted = self.config.version.as_deref().unwrap_or_default();
        let newest = self.certificate(wanted, errand).await?;
        let Some(problem) = newest.item.attributes.problem(now) else {
            return self.with_key(newest, known, errand).await;
        };
        let version = newest.item.version().unwrap_or_default().to_owned();
        let problem = format!("the version `{version}` of the certificate `{}` {problem}", self.config.name);
        let unusable = || VaultError {
            withdrawn: known.is_some_and(|known| known.version == version),
            ..error::of_certificate(problem.clone(), "add a new version that is enabled and valid now")
        };
        if self.config.version.is_some() {
            return Err(unusable());
        }
        let older = self.newest_usable(now, errand).await.ok().flatten().ok_or_else(unusable)?;
        tracing::warn!(%problem, used = older, "a version in the vault is passed over");
        let older = self.certificate(&older, errand).await?;
        self.with_key(older, known, errand).await
    }

    async fn certificate(&self, version: &str, errand: Errand) -> Result<CertificateBundle, VaultError> {
        let path = ["certificates", &self.config.name, version];
        let path = path.get(..if version.is_empty() { 2 } else { 3 }).unwrap_or(&path);
        self.client.get(path, Action::ReadCertificate, errand).await
    }

    /// The newest version that can be used, of those on the first pages.
    async fn newest_usable(&self, now: UnixTime, errand: Errand) -> Result<Option<String>, VaultError> {
        let path = ["certificates", self.config.name.as_str(), "versions"];
        let mut page: CertificateList = self.client.get(&path, Action::ReadCertificate, errand).await?;
        let mut items: Vec<CertificateItem> = std::mem::take(&mut page.value);
        for _ in 1..MAX_PAGES {
            let Some(link) = page.next_link.take().filter(|link| !link.is_empty()) else { break };
            let Some(next) = self.client.get_link(&link, Action::ReadCertificate, errand).await else { break };
            page = next?;
            items.append(&mut page.value);
        }
        let usable = items.into_iter().filter(|item| item.attributes.problem(now).is_none());
        let newest = usable.max_by_key(|item| item.attributes.created);
        Ok(newest.and_then(|item| item.version().map(str::to_owned)))
    }

    async fn with_key(
        &self,
        certificate: CertificateBundle,
        known: Option<&VaultCertificate>,
        errand: Errand,
    ) -> Result<Option<VaultCertificate>, VaultError> {
        let version = certificate.item.version().ok_or_else(|| self.strange("has no version in its `id`"))?.to_owned();
        if known.is_some_and(|known| known.version == version) {
            return Ok(None);
        }
        let own = STANDARD.decode(&certificate.cer).map_err(|_| self.strange("is not base64 in `cer`"))?;
        let stays = self.config.signs_in_vault || certificate.exportable() == Some(false);
        let secret = if stays { None } else { self.secret(&version, &own, errand).await? };
        let loaded = match secret {
            Some(bundle) => VaultCertificate {
                version,
                chain: bundle.chain.clone(),
                valid_to: bundle.valid_to,
                key: VaultKey::Here(Box::new(bundle)),
            },
            None => self.in_vault(&certificate, version, own)?,
        };
        Ok(Some(loaded))
    }

    /// What is behind the certificate. `None` if it is without the private key.
    async fn secret(&self, version: &str, own: &[u8], errand: Errand) -> Result<Option<Bundle>, VaultError> {
        let path = ["secrets", &self.config.name, version];
        let secret: SecretBundle = self.client.get(&path, Action::ReadSecret, errand).await?;
        let content =
            Bundle::decode_base64(&secret.value).ok_or_else(|| self.strange("has a secret that is not base64"))?;
        match Bundle::read(&content, None, None) {
            Ok(bundle) if bundle.leaf() == own => Ok(Some(bundle)),
            Ok(_) => Err(self.strange("has a secret with another certificate")),
            Err(cause) if cause.keyless => Ok(None),
            Err(cause) => {
                let content_type = secret.content_type.as_deref().unwrap_or("none");
                let shown: String = content_type.chars().take(60).flat_map(char::escape_debug).collect();
                let problem = format!("has a secret (content type `{shown}`) that {}", cause.problem);
                Err(error::of_certificate(self.named(&problem), cause.hint))
            }
        }
    }

    /// A certificate alone, for a key that stays where it is.
    fn in_vault(
        &self,
        certificate: &CertificateBundle,
        version: String,
        own: Vec<u8>,
    ) -> Result<VaultCertificate, VaultError> {
        let (_, parsed) = X509Certificate::from_der(&own).map_err(|_| self.strange("cannot be read"))?;
        let valid_to = UnixTime(u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0));
        if bundle::rsa_modulus(&own).is_none() {
            let problem = self.named("has a key other than RSA");
            return Err(error::of_certificate(problem, "Entra takes RSA keys: create the certificate with one"));
        }
        let key_version = certificate.key_version().unwrap_or(&version).to_owned();
        Ok(VaultCertificate { version, chain: vec![own], key: VaultKey::InVault { version: key_version }, valid_to })
    }

    fn strange(&self, problem: &str) -> VaultError {
        error::of_certificate(self.named(problem), "check that this is the URL of a Key Vault")
    }

    fn named(&self, problem: &str) -> String {
        format!("the certificate `{}` of `{}` {problem}", self.config.name, self.client.name())
    }
}

/// Twenty-five versions each.
const MAX_PAGES: usize = 4;
