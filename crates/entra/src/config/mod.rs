//! The `AzureAd` and `TokenCache` sections and our own keys that steer the engine, as checked types.
//!
//! Keys that stand for nothing here but are known elsewhere are listed in `reserved`; a key that asks for something this
//! version cannot do is a fault, never ignored.

mod authority;
mod credentials;
mod decryption;
mod entra_app;
mod key_vault;
mod pop;
mod reserved;
mod validation;

use std::{path::PathBuf, sync::Arc, time::Duration};

use sidekey_config::Section;
use sidekey_jose::{Algorithm, shr::ShrRules};
use sidekey_oauth::{ClientId, Secret, TenantId};
use url::Url;
use uuid::Uuid;

#[cfg(test)]
pub(crate) use self::credentials::source_types;
pub use self::key_vault::VaultCertificateConfig;
pub use crate::credential::FederatedSource;
use crate::{
    Environment, ManagedIdentityId,
    authority::{Authority, Region},
};

/// What the engine needs to know. Read once with all faults collected; replaced whole on a reload.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whose tokens we ask for: instance, kind and tenant.
    pub authority: Authority,
    /// The application (client) id; a blueprint's where agents are used.
    pub client_id: ClientId,
    /// The client's credentials in the order in which they are tried. Empty where only inbound tokens are judged.
    pub credentials: Vec<CredentialConfig>,
    /// Send the certificate itself in client assertions, so that Entra can go by its subject and issuer.
    pub send_x5c: bool,
    /// The tenant of app tokens where the configured one is `common` or `organizations`.
    pub home_tenant: Option<TenantId>,
    /// What the client can do, such as `cp1` (claims challenges).
    pub client_capabilities: Vec<String>,
    /// Query parameters of every token request.
    pub extra_query_parameters: Vec<(String, String)>,
    /// The time that one acquisition may take in all, its retry included.
    pub acquire_timeout: Duration,
    /// How inbound tokens are judged.
    pub validation: ValidationConfig,
    /// Bounds of the token cache.
    pub cache: CacheConfig,
    /// Whose endpoint gives the application's own tokens; `None` is the global one.
    pub region: Option<Region>,
    /// The variables that credential sources and managed identities go by.
    pub environment: Environment,
}

/// One client credential and the key that it was configured under, for logs and errors.
#[derive(Clone, Debug)]
pub struct CredentialConfig {
    /// Such as `AzureAd:ClientCredentials:0`.
    pub key: String,
    /// Where it comes from.
    pub source: CredentialSource,
}

impl CredentialConfig {
    /// The other application whose token is the credential, if it is that kind.
    pub(crate) fn vouching_application(&self) -> Option<&EntraApp> {
        if let CredentialSource::EntraApp(app) = &self.source { Some(app) } else { None }
    }
}

/// Where a client credential comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// A client secret.
    Secret(SecretText),
    /// A certificate with its private key.
    Certificate {
        /// The PFX or PEM.
        location: CertificateLocation,
        /// The private key's own PEM file, where it is apart from the certificate.
        key_path: Option<PathBuf>,
        /// The password of the PFX or of the private key.
        password: Option<SecretText>,
    },
    /// A file with a signed assertion (workload identity), read anew for each exchange.
    AssertionFile(PathBuf),
    /// A token of the machine's managed identity, which the application trusts.
    ManagedIdentity {
        /// Which identity.
        identity: ManagedIdentityId,
        /// What its token is for, where that is not the cloud's own audience of token exchange.
        audience: Option<String>,
    },
    /// A token of another application of Entra ID, which this one trusts (`OidcIdpSignedAssertion`).
    EntraApp(EntraApp),
    /// An assertion that someone else signs.
    Federated(FederatedSource),
    /// A certificate in Azure Key Vault.
    KeyVault(VaultCertificateConfig),
}

/// Another application of Entra ID whose token is a credential.
#[derive(Clone, Debug)]
pub struct EntraApp {
    /// The application: authority, client id and credentials are those of its section.
    pub config: Arc<Config>,
    /// The section, for messages.
    pub section: String,
    /// What its token is for, where that is not its cloud's token exchange.
    pub audience: Option<String>,
    /// Ask with the token request's own `fmi_path`, which then has to have one.
    pub needs_fmi_path: bool,
}

impl PartialEq for EntraApp {
    fn eq(&self, other: &Self) -> bool {
        let key = |app: &Self| (app.section.clone(), app.audience.clone(), app.needs_fmi_path);
        Arc::ptr_eq(&self.config, &other.config) && key(self) == key(other)
    }
}

impl Eq for EntraApp {}

/// A secret in the configuration or in a file of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretText {
    /// The secret itself.
    Inline(Secret),
    /// A file whose content is the secret; a line break at its end does not count.
    File(PathBuf),
}

/// Where a certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateLocation {
    /// A PFX or PEM file.
    Path(PathBuf),
    /// A PFX or PEM in base64.
    Base64(Secret),
}

/// How inbound tokens are judged.
#[derive(Clone, Debug)]
pub struct ValidationConfig {
    /// The accepted audiences. Empty: by the token's version, `{client id}` for 2.0 and `api://{client id}` for 1.0.
    pub audiences: Vec<String>,
    /// Issuers accepted besides those of the authority's metadata; `{tenantid}` stands for the token's tenant.
    pub valid_issuers: Vec<String>,
    /// How far the clocks may be apart.
    pub clock_skew: Duration,
    /// Scopes, any one of which a user's token must have; empty asks for none.
    pub scopes: Vec<String>,
    /// Roles, any one of which lets an app's token pass where `scopes` is set.
    pub roles: Vec<String>,
    /// The accepted signature algorithms.
    pub algorithms: Vec<Algorithm>,
    /// The only clients (`azp` or `appid`) whose tokens are accepted; empty accepts any.
    pub allowed_client_apps: Vec<ClientId>,
    /// The only tenants (`tid`) whose tokens are accepted; empty accepts any that the issuer rule does.
    pub allowed_tenants: Vec<Uuid>,
    /// Accept tokens that have neither scopes nor roles.
    pub allow_acl: bool,
    /// Where the OpenID metadata is, if not where the authority has it.
    pub metadata_address: Option<Url>,
    /// Refuse metadata over plain `http`; on loopback that is accepted all the same.
    pub require_https_metadata: bool,
    /// Certificates whose keys decrypt tokens. Empty: encrypted tokens are refused.
    pub decryption: Vec<CredentialConfig>,
    /// What signed HTTP requests must satisfy.
    pub pop: PopConfig,
    /// How many verified tokens are remembered, so that their signature is not computed again; `None` remembers none.
    pub verified_token_cache: Option<usize>,
}

/// How signed HTTP requests (proof of possession) are judged.
#[derive(Clone, Debug)]
pub struct PopConfig {
    /// What has to be signed, and how long it holds.
    pub rules: ShrRules,
    /// How many requests are remembered, so that none is accepted twice; 0 remembers none.
    pub replay_cache_entries: usize,
}

/// Bounds of the in-memory token cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheConfig {
    /// Tokens at most.
    pub max_entries: usize,
    /// Bytes at most, keys and bookkeeping included.
    pub max_bytes: u64,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { max_entries: 50_000, max_bytes: 64 << 20 }
    }
}

impl Config {
    /// The keys whose change this process cannot take up: what they bound is there since its start.
    pub fn needs_restart(&self, changed: &Self) -> Vec<&'static str> {
        let (own, other) = (&self.validation.pop, &changed.validation.pop);
        let keys = [
            ("TokenCache", self.cache != changed.cache),
            ("Sidecar:PopValidation:ReplayCacheEntries", own.replay_cache_entries != other.replay_cache_entries),
        ];
        keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }

    /// Reads `AzureAd`, `TokenCache` and `Sidecar:{AcquireTimeout,VerifiedTokenCache,TokenValidation}` below the root, and the
    /// `AZURE_*` variables that stand in for them. Faults are recorded in the section. Certificate and secret files are read
    /// to see whether they are good, and read again when they are needed.
    pub fn read(root: &Section<'_>) -> Self {
        Self::of_section(root, "AzureAd", &[])
    }

    /// The same with another section in the place of `AzureAd`. `outer` are the sections whose credentials lead to this one.
    fn of_section(root: &Section<'_>, name: &str, outer: &[&str]) -> Self {
        let azure_ad = root.section(name);
        azure_ad.own();
        reserved::azure_ad(&azure_ad);
        let (authority, mut extra_query_parameters) = authority::read(root, &azure_ad);
        merge_parameters(&mut extra_query_parameters, azure_ad.map("ExtraQueryParameters"));
        let sidecar = root.section("Sidecar");
        let environment = Environment::read(root);
        Self {
            authority,
            client_id: client_id(root, &azure_ad),
            credentials: credentials::read(root, &azure_ad, outer),
            send_x5c: azure_ad.bool("SendX5C", false),
            home_tenant: azure_ad.parse("AppHomeTenantId", "write the tenant's GUID or domain"),
            client_capabilities: azure_ad.list("ClientCapabilities").into_iter().map(str::to_owned).collect(),
            extra_query_parameters,
            acquire_timeout: sidecar.duration("AcquireTimeout", ACQUIRE_TIMEOUT, ACQUIRE_TIMEOUT_BOUNDS),
            validation: validation::read(&azure_ad, &sidecar),
            cache: cache(&root.section("TokenCache")),
            region: region(&azure_ad, &environment),
            environment,
        }
    }
}

fn region(azure_ad: &Section<'_>, environment: &Environment) -> Option<Region> {
    Region::of(azure_ad.text("AzureRegion"), environment).unwrap_or_else(|problem| {
        azure_ad.warn(
            "AzureRegion",
            format!("{problem}, the global endpoint is used; write one such as `westeurope`, or `TryAutoDetect`"),
        );
        None
    })
}

fn client_id(root: &Section<'_>, azure_ad: &Section<'_>) -> ClientId {
    let hint = "write the application (client) id that the app registration shows";
    let (section, name) = first_set(azure_ad, "ClientId", root, "AZURE_CLIENT_ID");
    if section.text(name).is_none() {
        azure_ad.fault("ClientId", "is not set", format!("{hint}, here or in AZURE_CLIENT_ID"));
    }
    section.parse(name, hint).unwrap_or_else(ClientId::nil)
}

fn cache(section: &Section<'_>) -> CacheConfig {
    section.own();
    reserved::token_cache(section);
    if section.bool("EnableDistributedCache", false) {
        section.fault(
            "EnableDistributedCache",
            "the distributed cache is not available in this version",
            "write `false`; tokens are then cached in memory",
        );
    }
    let default = CacheConfig::default();
    let entries = section.integer("MaxEntries", default.max_entries as u64, 1..=100_000_000);
    CacheConfig {
        max_entries: usize::try_from(entries).unwrap_or(usize::MAX),
        max_bytes: section.integer("MaxBytes", default.max_bytes, 65_536..=1 << 40),
    }
}

/// The section and name to read a setting from: the key of its own section, else the environment variable that stands in.
fn first_set<'a, 'b>(
    section: &'b Section<'a>,
    name: &'static str,
    root: &'b Section<'a>,
    variable: &'static str,
) -> (&'b Section<'a>, &'static str) {
    let own = section.text(name).is_some();
    let stand_in = root.text(variable).is_some();
    if !own && stand_in { (root, variable) } else { (section, name) }
}

fn merge_parameters(parameters: &mut Vec<(String, String)>, more: Vec<(&str, &str)>) {
    for (name, value) in more {
        parameters.retain(|(own, _)| own != name);
        parameters.push((name.to_owned(), value.to_owned()));
    }
}

const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
const ACQUIRE_TIMEOUT_BOUNDS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(10);

#[cfg(test)]
mod tests;
