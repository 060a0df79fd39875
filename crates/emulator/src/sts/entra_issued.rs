//! Entra's own tokens as federated assertions. Only a user-assigned managed identity's token is one, and only for an application of its
//! own tenant.
//!
//! See <https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity>.

use super::{
    Refusal, TokenRequest,
    assertion::{Assertion, Claims},
    fmi::TOKEN_EXCHANGE,
    issue::v2_issuer,
    own_token,
};
use crate::directory::{App, FederatedCredential, Presence, Tenant};

/// Checks an assertion whose issuer is Entra and is trusted by `trusted`; gives the credential that it matches.
pub(crate) fn check<'a>(
    request: &TokenRequest<'_>,
    app: &App,
    trusted: &[&'a FederatedCredential],
    assertion: &Assertion<'_>,
) -> Result<&'a FederatedCredential, Refusal> {
    let (claims, directory) = (assertion.claims(), &request.emulator.directory);
    let issuer = claims.require("iss")?;
    let tenant = own_token::tenant(directory, request.origin, claims);
    let tenant = tenant.filter(|tenant| issuer == v2_issuer(request.origin, tenant.id));
    let tenant = tenant.ok_or_else(Refusal::entra_issued)?;
    check_kind(request, claims, issuer)?;
    if claims.audiences() != [TOKEN_EXCHANGE] {
        return Err(Refusal::entra_audience(claims.audiences().join(" "), issuer));
    }
    if app.kind.managed_identity().is_some() || !is_home(app, tenant) {
        return Err(Refusal::entra_issuer_not_allowed(issuer, &app.client_id));
    }
    // The credential names the resource, the token holds its id.
    let names = |own: &&&FederatedCredential| {
        directory.resource(&own.audience).is_some_and(|resource| resource.client_id.as_str() == TOKEN_EXCHANGE)
    };
    let by_audience: Vec<_> = trusted.iter().filter(names).copied().collect();
    if by_audience.is_empty() {
        return Err(Refusal::flexible_audience(claims.audiences().join(" ")));
    }
    let subject = claims.require("sub")?;
    let found = by_audience.into_iter().find(|own| own.subject.exact() == Some(subject));
    let found = found.ok_or_else(|| Refusal::federated_subject(subject))?;
    own_token::check_signature(&request.ring, assertion).map_err(Refusal::federated_signature)?;
    claims.check_time(request.now, Refusal::assertion_time)?;
    Ok(found)
}

/// The token has to be a user-assigned managed identity's.
fn check_kind(request: &TokenRequest<'_>, claims: &Claims, issuer: &str) -> Result<(), Refusal> {
    if claims.text("scp").is_some() {
        return Err(Refusal::user_token_assertion());
    }
    if claims.text("xms_mirid").is_none() {
        let meant = claims.audiences() == [TOKEN_EXCHANGE];
        return Err(if meant { Refusal::not_a_managed_identity(issuer) } else { Refusal::entra_issued() });
    }
    let subject = claims.require("sub")?;
    let identities = request.emulator.directory.apps.iter().filter_map(|app| app.kind.managed_identity());
    let mut user_assigned = identities.filter(|identity| !identity.system_assigned);
    if user_assigned.any(|identity| identity.principal_id.to_string() == subject) {
        return Ok(());
    }
    Err(Refusal::not_a_managed_identity(issuer))
}

/// Whether the tenant is where the application is registered.
fn is_home(app: &App, tenant: &Tenant) -> bool {
    match &app.presence {
        Presence::Everywhere => true,
        Presence::Listed(listed) => listed.first() == Some(&tenant.id),
    }
}
