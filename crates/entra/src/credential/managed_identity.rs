//! A managed identity's token as our assertion: the application trusts the identity by a federated credential
//! (<https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity>).

use std::{sync::Arc, time::Duration};

use sidekey_oauth::Cloud;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    CredentialError, Made, Purpose,
    kept::{Assertion, Fetched, Kept},
};
use crate::managed_identity::{Ask, ManagedIdentities, ManagedIdentityError, ManagedIdentityId, resource};

/// The identity, and what its token is for.
#[derive(Debug)]
pub(super) struct ManagedIdentityAssertion {
    identities: Arc<ManagedIdentities>,
    identity: ManagedIdentityId,
    /// `TokenExchangeUrl`, where it is not the cloud's own.
    audience: Option<String>,
    kept: Kept,
}

impl ManagedIdentityAssertion {
    pub(super) fn new(
        identities: Arc<ManagedIdentities>,
        identity: ManagedIdentityId,
        audience: Option<String>,
    ) -> Self {
        Self { identities, identity, audience, kept: Kept::new(NAME) }
    }

    pub(super) async fn proof(&self, purpose: &Purpose) -> Result<Made, CredentialError> {
        let audience = self.audience.as_deref().unwrap_or_else(|| token_exchange_audience(&purpose.host));
        let audience = resource(audience).to_owned();
        let challenged = purpose.claims.is_some();
        if challenged {
            // The challenge may be about this very token.
            self.kept.forget();
        }
        let (identities, identity) = (Arc::clone(&self.identities), self.identity.clone());
        let (name, correlation_id, deadline) = (audience.clone(), purpose.correlation_id, purpose.deadline);
        let fetch = || fetch(identities, identity, audience, challenged, correlation_id, deadline);
        self.kept.get(&name, purpose.now, deadline, || Box::pin(fetch())).await
    }

    pub(super) fn forget(&self) {
        self.kept.forget();
    }
}

async fn fetch(
    identities: Arc<ManagedIdentities>,
    identity: ManagedIdentityId,
    audience: String,
    challenged: bool,
    correlation_id: Uuid,
    deadline: Instant,
) -> Fetched {
    // Its own words shall come before the end of the time.
    let deadline = deadline.checked_sub(GRACE).unwrap_or(deadline);
    let ask = Ask { resource: &audience, identity: &identity, challenged, correlation_id, deadline };
    let token = identities.token(&ask).await.map_err(|error| credential_error(&error, &identity))?;
    let margin = MARGIN.min(Duration::from_secs(token.expires_in / 2));
    Ok(Assertion { serves_until: token.expires_on - margin, text: token.text })
}

/// The audience of federated assertions in the cloud that the authority belongs to.
pub(crate) fn token_exchange_audience(host: &str) -> &'static str {
    Cloud::of_host(host).and_then(|cloud| cloud.token_exchange_audience).unwrap_or("api://AzureADTokenExchange")
}

fn credential_error(error: &ManagedIdentityError, identity: &ManagedIdentityId) -> CredentialError {
    let field = if *identity == ManagedIdentityId::System { "SourceType" } else { "ManagedIdentityClientId" };
    match error {
        ManagedIdentityError::Setting { problem, hint } => CredentialError::new(field, problem, hint),
        ManagedIdentityError::Refused { status, code, problem, hint } => CredentialError {
            identity_refused: Some(Box::new((*status, code.clone()))),
            ..CredentialError::new(field, problem, hint)
        },
        ManagedIdentityError::Unavailable { message, .. } => {
            let hint = "use another source of credentials where there is no managed identity";
            CredentialError::new(field, message, hint).passing()
        }
    }
}

pub(super) const NAME: &str = "SignedAssertionFromManagedIdentity";
/// A token that Entra is shown lives at least this long.
const MARGIN: Duration = Duration::from_mins(5);
const GRACE: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cloud_has_its_own_audience() {
        for (host, expected) in [
            ("login.microsoftonline.com", "api://AzureADTokenExchange"),
            ("login.microsoftonline.us", "api://AzureADTokenExchangeUSGov"),
            ("login.chinacloudapi.cn", "api://AzureADTokenExchangeChina"),
            ("localhost", "api://AzureADTokenExchange"),
        ] {
            assert_eq!(token_exchange_audience(host), expected, "{host}");
        }
    }
}
