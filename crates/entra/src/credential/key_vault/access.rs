//! As whom a vault is asked: by the environment's application, workload identity or managed identity, in this order, which is
//! that of Azure's `DefaultAzureCredential` without the tools of a developer's machine
//! (<https://learn.microsoft.com/dotnet/azure/sdk/authentication/credential-chains>).
//!
//! Reads `AZURE_CLIENT_ID`, `AZURE_TENANT_ID` and one of `AZURE_CLIENT_SECRET`, `AZURE_CLIENT_CERTIFICATE_PATH` (with
//! `AZURE_CLIENT_CERTIFICATE_PASSWORD` and `AZURE_CLIENT_SEND_CERTIFICATE_CHAIN`) and `AZURE_FEDERATED_TOKEN_FILE`; besides
//! `AZURE_AUTHORITY_HOST`, `AZURE_ADDITIONALLY_ALLOWED_TENANTS` and `AZURE_TOKEN_CREDENTIALS`.

mod application;
mod machine;

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use sidekey_host::UnixTime;
use sidekey_oauth::{Secret, TenantId};
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

use self::{application::Application, machine::Machine};
use super::super::{CredentialError, Surroundings};
use crate::{
    Environment, ManagedIdentityId,
    config::{CertificateLocation, CredentialSource, SecretText, VaultCertificateConfig},
};

/// Who gets tokens for a vault.
pub(super) trait VaultAccess: fmt::Debug + Send + Sync {
    /// A token as the vault wants it.
    fn token(&self, ask: VaultAsk) -> TokenFuture<'_>;
}

pub(super) type TokenFuture<'a> = Pin<Box<dyn Future<Output = Result<VaultToken, CredentialError>> + Send + 'a>>;

/// What a vault wants.
#[derive(Clone, Debug)]
pub(super) struct VaultAsk {
    /// Without a slash at its end.
    pub(super) resource: String,
    /// The vault's directory.
    pub(super) tenant: Option<TenantId>,
    /// A claims challenge (JSON text).
    pub(super) claims: Option<String>,
    pub(super) correlation_id: Uuid,
    pub(super) now: UnixTime,
    pub(super) deadline: Instant,
}

/// A token for a vault.
#[derive(Clone, Debug)]
pub(super) struct VaultToken {
    pub(super) token: Secret,
    pub(super) expires_on: UnixTime,
}

/// The way that the environment leads to.
pub(super) fn of(config: &VaultCertificateConfig, surroundings: &Surroundings) -> Arc<dyn VaultAccess> {
    let environment = &surroundings.environment;
    let way = match way(environment) {
        Ok(way) => way,
        Err(error) => return Arc::new(Nobody(error)),
    };
    tracing::debug!(vault = %config.vault, way = way.name(), "how the vault is asked");
    match way {
        Way::Application(source) => match Application::new(source, &config.vault, surroundings) {
            Ok(application) => Arc::new(application),
            Err(error) => Arc::new(Nobody(error)),
        },
        Way::ManagedIdentity => {
            let id = config.managed_identity.as_deref().or_else(|| environment.get("AZURE_CLIENT_ID"));
            let identities = Arc::clone(&surroundings.managed_identities);
            Arc::new(Machine::new(identities, ManagedIdentityId::of_client_id(id)))
        }
    }
}

/// As whom.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    /// An application by a credential of the environment.
    Application(CredentialSource),
    /// The machine, or the identity assigned to it.
    ManagedIdentity,
}

impl Way {
    fn name(&self) -> &'static str {
        match self {
            Self::Application(CredentialSource::AssertionFile(_)) => "workload identity",
            Self::Application(_) => "an application from the environment",
            Self::ManagedIdentity => "a managed identity",
        }
    }
}

/// The first way that is set up, of those that `AZURE_TOKEN_CREDENTIALS` leaves.
fn way(environment: &Environment) -> Result<Way, CredentialError> {
    let wanted = environment.get("AZURE_TOKEN_CREDENTIALS").map(|text| text.trim().to_ascii_lowercase());
    let (application, workload, machine) = match wanted.as_deref() {
        None | Some("prod") => (true, true, true),
        Some("environmentcredential") => (true, false, false),
        Some("workloadidentitycredential") => (false, true, false),
        Some("managedidentitycredential") => (false, false, true),
        Some(other) => {
            let shown: String = other.chars().take(60).flat_map(char::escape_debug).collect();
            return Err(refused(
                format!("`AZURE_TOKEN_CREDENTIALS` is `{shown}`, so there is nobody to ask the vault as"),
                "write `prod`, `EnvironmentCredential`, `WorkloadIdentityCredential` or `ManagedIdentityCredential`",
            ));
        }
    };
    let from_environment = application.then(|| of_environment(environment)).flatten();
    let from_file = || workload.then(|| of_workload(environment)).flatten();
    match from_environment.or_else(from_file) {
        Some(source) => Ok(Way::Application(source)),
        None if machine => Ok(Way::ManagedIdentity),
        None => Err(refused(
            "the variables of the one way that `AZURE_TOKEN_CREDENTIALS` leaves are not all set".to_owned(),
            "set AZURE_CLIENT_ID, AZURE_TENANT_ID and the variable of the credential, or remove AZURE_TOKEN_CREDENTIALS",
        )),
    }
}

fn of_environment(environment: &Environment) -> Option<CredentialSource> {
    if !has_client(environment) {
        return None;
    }
    let inline = |name| environment.get(name).map(|text| SecretText::Inline(Secret::new(text)));
    let certificate = |path: &str| CredentialSource::Certificate {
        location: CertificateLocation::Path(path.into()),
        key_path: None,
        password: inline("AZURE_CLIENT_CERTIFICATE_PASSWORD"),
    };
    let secret = inline("AZURE_CLIENT_SECRET").map(CredentialSource::Secret);
    secret.or_else(|| environment.get("AZURE_CLIENT_CERTIFICATE_PATH").map(certificate))
}

fn of_workload(environment: &Environment) -> Option<CredentialSource> {
    let file = environment.get("AZURE_FEDERATED_TOKEN_FILE").filter(|_| has_client(environment))?;
    Some(CredentialSource::AssertionFile(file.into()))
}

fn has_client(environment: &Environment) -> bool {
    environment.has("AZURE_CLIENT_ID") && environment.has("AZURE_TENANT_ID")
}

/// The authority of the cloud that a vault is in, unless `AZURE_AUTHORITY_HOST` names one.
fn authority(environment: &Environment, vault: &Url) -> String {
    let host = vault.host_str().unwrap_or_default();
    match environment.get("AZURE_AUTHORITY_HOST") {
        // Some tools write the variable without its scheme.
        Some(own) if !own.contains("://") => format!("https://{own}"),
        Some(own) => own.to_owned(),
        None => {
            let cloud = CLOUDS.iter().find(|(domain, _)| host.ends_with(domain));
            cloud.map_or(PUBLIC, |(_, authority)| authority).to_owned()
        }
    }
}

/// Nobody to ask as.
#[derive(Debug)]
struct Nobody(CredentialError);

impl VaultAccess for Nobody {
    fn token(&self, _ask: VaultAsk) -> TokenFuture<'_> {
        Box::pin(std::future::ready(Err(self.0.clone())))
    }
}

fn refused(problem: String, hint: &str) -> CredentialError {
    CredentialError::new(super::error::URL_FIELD, problem, hint)
}

const PUBLIC: &str = "https://login.microsoftonline.com/";
/// Domains of vaults and of managed HSMs outside of the public cloud.
const CLOUDS: &[(&str, &str)] = &[
    (".azure.cn", "https://login.partner.microsoftonline.cn/"),
    (".usgovcloudapi.net", "https://login.microsoftonline.us/"),
];

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: [(&str, &str); 2] = [("AZURE_CLIENT_ID", "c"), ("AZURE_TENANT_ID", "t")];

    fn way_of(pairs: &[(&str, &str)]) -> Result<&'static str, String> {
        way(&Environment::from_pairs(pairs.iter().copied())).map(|way| way.name()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_first_way_that_is_set_up_is_taken() {
        let (secret, file) = (("AZURE_CLIENT_SECRET", "s"), ("AZURE_FEDERATED_TOKEN_FILE", "/f"));
        let certificate = ("AZURE_CLIENT_CERTIFICATE_PATH", "/c.pem");
        let [client, tenant] = CLIENT;
        let (application, workload, machine) =
            ("an application from the environment", "workload identity", "a managed identity");
        let only = |value| ("AZURE_TOKEN_CREDENTIALS", value);
        for (pairs, expected) in [
            (vec![], machine),
            (vec![client, tenant], machine),
            (vec![secret, file, certificate], machine),
            (vec![client, tenant, secret], application),
            (vec![client, tenant, certificate], application),
            (vec![client, tenant, file], workload),
            (vec![client, tenant, file, secret], application),
            (vec![client, tenant, file, secret, only("WorkloadIdentityCredential")], workload),
            (vec![client, tenant, file, secret, only(" managedidentitycredential ")], machine),
            (vec![client, tenant, file, only("prod")], workload),
        ] {
            assert_eq!(way_of(&pairs).as_deref(), Ok(expected), "{pairs:?}");
        }
        for (pairs, why) in [
            (vec![client, tenant, only("dev")], "`AZURE_TOKEN_CREDENTIALS` is `dev`"),
            (vec![client, tenant, only("EnvironmentCredential")], "are not all set"),
            (vec![client, file, only("WorkloadIdentityCredential")], "are not all set"),
        ] {
            let error = way_of(&pairs).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn the_authority_is_that_of_the_vaults_cloud() {
        let of = |vault: &str, pairs: &[(&str, &str)]| {
            authority(&Environment::from_pairs(pairs.iter().copied()), &vault.parse().unwrap())
        };
        assert_eq!(of("https://a.vault.azure.net", &[]), "https://login.microsoftonline.com/");
        assert_eq!(of("https://a.vault.azure.cn", &[]), "https://login.partner.microsoftonline.cn/");
        assert_eq!(of("https://a.vault.usgovcloudapi.net", &[]), "https://login.microsoftonline.us/");
        let own = [("AZURE_AUTHORITY_HOST", "login.example.com")];
        assert_eq!(of("https://a.vault.azure.cn", &own), "https://login.example.com");
    }
}
