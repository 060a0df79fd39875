//! A token of another application of Entra ID as assertion: the application trusts the other one by a federated identity
//! credential (<https://learn.microsoft.com/entra/workload-id/workload-identity-federation>).

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sidekey_oauth::{Scopes, Secret};

use super::{CredentialError, Made, Proof, Purpose, Surroundings};
use crate::{AcquireError, CacheOutcome, Entra, Flow, TokenRequest, config::EntraApp, flow};

/// The other application, with an engine of its own that keeps its tokens.
#[derive(Debug)]
pub(super) struct EntraAppAssertion {
    engine: Arc<Entra>,
    app: EntraApp,
    /// Entra did not take the last one.
    refused: AtomicBool,
}

impl EntraAppAssertion {
    pub(super) fn new(app: EntraApp, surroundings: &Surroundings) -> Self {
        let config = crate::Config::clone(&app.config);
        let engine = Entra::new(config, surroundings.http.clone(), Arc::clone(&surroundings.clock));
        Self { engine, app, refused: AtomicBool::new(false) }
    }

    pub(super) async fn proof(&self, purpose: &Purpose) -> Result<Made, CredentialError> {
        let acquired = self.engine.leg(self.request(purpose)?).await;
        let (token, outcome) = acquired.map_err(|error| self.error(&error))?;
        let reused = outcome != CacheOutcome::Authority;
        Ok(Made { proof: Proof::Assertion(Secret::new(token.token())), reused })
    }

    /// The next one is a new one.
    pub(super) fn forget(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }

    fn request(&self, purpose: &Purpose) -> Result<TokenRequest, CredentialError> {
        let fmi_path = purpose.fmi_path.clone().filter(|_| self.app.needs_fmi_path);
        if self.app.needs_fmi_path && fmi_path.is_none() {
            let hint = "set `AcquireTokenOptions:FmiPath`, or leave `RequiresSignedAssertionFmiPath` out";
            return Err(CredentialError::new(FIELD, "the token request has no FMI path, which it requires", hint));
        }
        // Another host may not know the tenant.
        let same_host = self.engine.config().authority.host() == purpose.host;
        Ok(TokenRequest {
            tenant: purpose.tenant.clone().filter(|_| fmi_path.is_some() && same_host),
            fmi_path,
            correlation_id: Some(purpose.correlation_id),
            force_refresh: self.refused.swap(false, Ordering::Relaxed),
            ..TokenRequest::new(Flow::App, self.scope()?)
        })
    }

    fn scope(&self) -> Result<Scopes, CredentialError> {
        let Some(audience) = &self.app.audience else {
            return flow::exchange_scope(self.engine.config()).map_err(|error| self.error(&error));
        };
        let has_suffix = audience.to_ascii_lowercase().ends_with(DEFAULT);
        let scope = if has_suffix { audience.clone() } else { [audience, DEFAULT].concat() };
        let hint = "write an audience such as `api://AzureADTokenExchange`";
        Scopes::parse(&scope).map_err(|cause| CredentialError::new("TokenExchangeUrl", cause.to_string(), hint))
    }

    fn error(&self, cause: &AcquireError) -> CredentialError {
        let section = &self.app.section;
        let hint = format!("check the application and the credentials of `{section}`");
        let error = CredentialError::new(FIELD, format!("the application of `{section}` got no token: {cause}"), hint);
        if matches!(cause, AcquireError::Unavailable { .. }) { error.passing() } else { error }
    }
}

const FIELD: &str = "CustomSignedAssertionProviderData";
const DEFAULT: &str = "/.default";
