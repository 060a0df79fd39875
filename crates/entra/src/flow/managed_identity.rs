//! A token of the machine's own identity, from the host and not from Entra
//! (<https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview>).

use std::time::Duration;

use sidekey_oauth::TokenReply;
use tokio::time::Instant;
use uuid::Uuid;

use super::Plan;
use crate::{
    AcquireError, Entra, ManagedIdentityId, TokenRequest,
    cache::key::{Identity, ScopeSet},
    http::reply::Failure,
    managed_identity::{Ask, resource},
};

pub(super) fn plan<'a>(request: &'a TokenRequest, identity: &'a ManagedIdentityId) -> Result<Plan<'a>, AcquireError> {
    let scope = request.scopes.first().ok_or_else(|| {
        let hint = "name the API in `Scopes`, such as `https://graph.microsoft.com/.default`";
        AcquireError::Configuration(format!("a managed identity's token needs a scope, none is given: {hint}"))
    })?;
    Ok(Plan { tenant: None, agent: None, identity: Identity::Machine(identity), scopes: ScopeSet::One(scope) })
}

/// Asks the host, which is told how long it may take: its own words shall come before the end of the time.
pub(super) async fn run(
    engine: &Entra,
    request: &TokenRequest,
    identity: &ManagedIdentityId,
) -> Result<TokenReply, Failure> {
    let budget = engine.config().acquire_timeout.saturating_sub(GRACE);
    let ask = Ask {
        resource: request.scopes.first().map_or("", |scope| resource(scope.as_str())),
        identity,
        challenged: request.claims.is_some(),
        correlation_id: request.correlation_id.unwrap_or_else(Uuid::new_v4),
        deadline: Instant::now() + budget,
    };
    let token = engine.managed_identities().token(&ask).await.map_err(AcquireError::from)?;
    Ok(token.into_reply())
}

const GRACE: Duration = Duration::from_millis(500);
