//! An application asks the vault: with a secret or certificate of the environment, or with a workload's federated token.

use std::sync::Arc;

use reqwest::Client;
use sidekey_host::Clock;
use sidekey_oauth::{ClientId, TenantId, grant};
use tokio::time::Instant;
use url::Url;

use super::{TokenFuture, VaultAccess, VaultAsk, VaultToken, authority, refused};
use crate::{
    AcquireError, TokenScheme,
    authority::{Authority, Endpoints},
    config::{CredentialConfig, CredentialSource},
    credential::{CredentialError, Credentials, Proof, Purpose, Surroundings},
    flow::Form,
    http::{self, reply},
};

/// The application and its credential.
#[derive(Debug)]
pub(super) struct Application {
    http: Client,
    clock: Arc<dyn Clock>,
    endpoints: Endpoints,
    host: String,
    tenant: TenantId,
    /// Other tenants that vaults may be in; `*` stands for any.
    other_tenants: Vec<String>,
    client_id: ClientId,
    credentials: Credentials,
    send_x5c: bool,
}

impl Application {
    /// From the `AZURE_*` variables.
    pub(super) fn new(
        source: CredentialSource,
        vault: &Url,
        surroundings: &Surroundings,
    ) -> Result<Self, CredentialError> {
        let environment = &surroundings.environment;
        let variable = |name: &'static str| environment.get(name).unwrap_or_default();
        let tenant: TenantId = variable("AZURE_TENANT_ID").parse().map_err(|cause| {
            refused(format!("`AZURE_TENANT_ID` names no tenant: {cause}"), "write the tenant's GUID or domain")
        })?;
        let client_id = variable("AZURE_CLIENT_ID").parse().map_err(|cause| {
            refused(format!("`AZURE_CLIENT_ID` names no application: {cause}"), "write the application (client) id")
        })?;
        let instance = authority(environment, vault);
        let authority = Authority::of_instance(&instance, tenant.clone())
            .map_err(|error| refused(format!("`AZURE_AUTHORITY_HOST`: {error}"), &error.hint))?;
        let tenants = variable("AZURE_ADDITIONALLY_ALLOWED_TENANTS").split(';').map(|one| one.trim().to_owned());
        let credential = CredentialConfig { key: "AZURE_*".to_owned(), source };
        Ok(Self {
            http: surroundings.http.clone(),
            clock: Arc::clone(&surroundings.clock),
            host: authority.host().to_owned(),
            endpoints: Endpoints::new(authority, None, surroundings.http.clone()),
            tenant,
            other_tenants: tenants.filter(|tenant| !tenant.is_empty()).collect(),
            client_id,
            credentials: Credentials::new(&[credential], surroundings),
            send_x5c: matches!(variable("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN"), "1" | "true" | "True" | "TRUE"),
        })
    }

    async fn ask(&self, ask: VaultAsk) -> Result<VaultToken, CredentialError> {
        let tenant = self.tenant(ask.tenant.as_ref())?;
        let endpoint = self.endpoints.token_endpoint(Some(tenant), ask.now).await;
        let endpoint = endpoint.map_err(|error| no_token(&error))?;
        let chosen = self.credentials.choose(&self.purpose(&ask, &endpoint, tenant)).await;
        let chosen = chosen.map_err(|none| no_token(&none.into()))?;
        let form = self.form(&ask, chosen.proof);
        let left = ask.deadline.saturating_duration_since(Instant::now());
        let request = self
            .http
            .post(&endpoint)
            .timeout(left)
            .header("client-request-id", ask.correlation_id.to_string())
            .header("return-client-request-id", "true");
        let answer = http::post_form(request, form.fields(), self.clock.now()).await;
        let reply = reply::judge(answer, &endpoint, TokenScheme::Bearer, ask.correlation_id);
        let reply = reply.map_err(|failure| no_token(&failure.error))?;
        Ok(VaultToken {
            expires_on: ask.now + std::time::Duration::from_secs(reply.expires_in),
            token: reply.access_token,
        })
    }

    /// The vault's directory, if the application may ask there. A vault is not to send our credential anywhere else.
    fn tenant<'a>(&'a self, vaults: Option<&'a TenantId>) -> Result<&'a TenantId, CredentialError> {
        let Some(vaults) = vaults.filter(|vaults| self.tenant.guid().is_some() && **vaults != self.tenant) else {
            return Ok(&self.tenant);
        };
        let named = vaults.to_string();
        if self.other_tenants.iter().any(|tenant| tenant == "*" || tenant.eq_ignore_ascii_case(&named)) {
            return Ok(vaults);
        }
        Err(refused(
            format!("the vault is in the tenant `{named}`, `AZURE_TENANT_ID` is `{}`", self.tenant),
            "use an identity of the vault's tenant, or list that tenant in AZURE_ADDITIONALLY_ALLOWED_TENANTS",
        ))
    }

    fn purpose(&self, ask: &VaultAsk, endpoint: &str, tenant: &TenantId) -> Purpose {
        Purpose {
            client_id: self.client_id.clone(),
            audience: endpoint.to_owned(),
            host: self.host.clone(),
            tenant: Some(tenant.clone()),
            takes_ps256: true,
            send_x5c: self.send_x5c,
            fmi_path: None,
            claims: ask.claims.clone(),
            correlation_id: ask.correlation_id,
            now: ask.now,
            deadline: ask.deadline,
        }
    }

    fn form(&self, ask: &VaultAsk, proof: Proof) -> Form {
        let mut form = Form::default();
        form.push("scope", format!("{}/.default", ask.resource));
        form.push("grant_type", grant::CLIENT_CREDENTIALS);
        form.push("client_id", self.client_id.as_str());
        match proof {
            Proof::Secret(secret) => form.push_secret("client_secret", secret),
            Proof::Assertion(assertion) => {
                form.push("client_assertion_type", grant::CLIENT_ASSERTION_TYPE);
                form.push_secret("client_assertion", assertion);
            }
        }
        form.push("claims", ask.claims.as_deref().unwrap_or_default());
        form
    }
}

impl VaultAccess for Application {
    fn token(&self, ask: VaultAsk) -> TokenFuture<'_> {
        Box::pin(self.ask(ask))
    }
}

fn no_token(error: &AcquireError) -> CredentialError {
    let hint = "check AZURE_CLIENT_ID, AZURE_TENANT_ID and the credential beside them";
    let passing = matches!(error, AcquireError::Unavailable { .. });
    CredentialError { passing, ..refused(format!("no token for the vault: {error}"), hint) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Environment, config::SecretText};

    fn application(pairs: &[(&str, &str)]) -> Result<Application, CredentialError> {
        sidekey_host::tls::install_crypto_provider();
        let environment = Environment::from_pairs(pairs.iter().copied());
        let clock = Arc::new(sidekey_host::ManualClock::at(sidekey_host::UnixTime(1)));
        let surroundings = Surroundings::new(Client::new(), clock, environment);
        let source = CredentialSource::Secret(SecretText::Inline(sidekey_oauth::Secret::new("s")));
        Application::new(source, &"https://v.vault.azure.net".parse().unwrap(), &surroundings)
    }

    const OWN: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
    const OTHER: &str = "bbbbcccc-1111-dddd-2222-eeee3333ffff";

    #[test]
    fn a_vault_cannot_send_the_credential_to_a_tenant_of_its_choice() {
        let tenant = |own: &str, allowed: Option<&str>, vaults: Option<&str>| {
            let mut pairs = vec![("AZURE_CLIENT_ID", "c"), ("AZURE_TENANT_ID", own)];
            pairs.extend(allowed.map(|allowed| ("AZURE_ADDITIONALLY_ALLOWED_TENANTS", allowed)));
            let vaults: Option<TenantId> = vaults.map(|vaults| vaults.parse().unwrap());
            let application = application(&pairs).unwrap();
            application.tenant(vaults.as_ref()).map(ToString::to_string)
        };
        assert_eq!(tenant(OWN, None, None).unwrap(), OWN);
        assert_eq!(tenant(OWN, None, Some(OWN)).unwrap(), OWN);
        assert_eq!(tenant("contoso.com", None, Some(OTHER)).unwrap(), "contoso.com");
        assert_eq!(tenant(OWN, Some("*"), Some(OTHER)).unwrap(), OTHER);
        assert_eq!(tenant(OWN, Some(&format!("x; {}", OTHER.to_uppercase())), Some(OTHER)).unwrap(), OTHER);
        let error = tenant(OWN, Some("x"), Some(OTHER)).unwrap_err();
        assert!(error.problem.contains(OTHER) && error.hint.contains("ADDITIONALLY_ALLOWED"), "{error}");
    }

    #[test]
    fn bad_variables_are_named() {
        for (name, value) in [
            ("AZURE_TENANT_ID", "not a tenant"),
            ("AZURE_CLIENT_ID", "not an id"),
            ("AZURE_AUTHORITY_HOST", "http://login.example.com"),
        ] {
            let base = [("AZURE_CLIENT_ID", "c"), ("AZURE_TENANT_ID", OWN)];
            let pairs: Vec<_> = base.into_iter().filter(|(own, _)| *own != name).chain([(name, value)]).collect();
            let error = application(&pairs).unwrap_err();
            assert!(error.problem.contains(name), "{error}");
        }
    }
}
