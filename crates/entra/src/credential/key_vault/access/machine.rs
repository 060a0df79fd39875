//! A managed identity asks the vault.

use std::{sync::Arc, time::Duration};

use super::{TokenFuture, VaultAccess, VaultAsk, VaultToken, refused};
use crate::{
    credential::CredentialError,
    managed_identity::{Ask, ManagedIdentities, ManagedIdentityError, ManagedIdentityId},
};

/// One of the machine's identities.
#[derive(Debug)]
pub(super) struct Machine {
    identities: Arc<ManagedIdentities>,
    identity: ManagedIdentityId,
}

impl Machine {
    pub(super) fn new(identities: Arc<ManagedIdentities>, identity: ManagedIdentityId) -> Self {
        Self { identities, identity }
    }
}

impl VaultAccess for Machine {
    fn token(&self, ask: VaultAsk) -> TokenFuture<'_> {
        Box::pin(async move {
            let asked = Ask {
                resource: &ask.resource,
                identity: &self.identity,
                challenged: ask.claims.is_some(),
                correlation_id: ask.correlation_id,
                // Its own words shall come before the end of the time.
                deadline: ask.deadline.checked_sub(GRACE).unwrap_or(ask.deadline),
            };
            let token = self.identities.token(&asked).await.map_err(|error| match error {
                ManagedIdentityError::Setting { problem, hint } => {
                    refused(format!("no token for the vault: {problem}"), &hint)
                }
                ManagedIdentityError::Refused { status, code, problem, hint } => CredentialError {
                    identity_refused: Some(Box::new((status, code))),
                    ..refused(format!("no token for the vault: {problem}"), &hint)
                },
                ManagedIdentityError::Unavailable { message, .. } => CredentialError {
                    passing: true,
                    ..refused(format!("no token for the vault: {message}"), ELSEWHERE)
                },
            })?;
            Ok(VaultToken { token: token.text, expires_on: token.expires_on })
        })
    }
}

const ELSEWHERE: &str =
    "where there is no managed identity, set the AZURE_* variables of workload identity or of an application";
const GRACE: Duration = Duration::from_millis(250);
