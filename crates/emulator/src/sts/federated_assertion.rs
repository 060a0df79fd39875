//! Client assertions that another issuer signed (workload identity federation).
//!
//! See <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>.

use sidekey_jose::Algorithm;

use super::{Refusal, TokenRequest, assertion::Assertion};
use crate::directory::{App, FederatedCredential};

/// Checks an assertion so that the most specific code appears: issuer, audience, subject, keys, signature, time.
pub(crate) async fn check(request: &TokenRequest<'_>, app: &App, assertion: &Assertion<'_>) -> Result<(), Refusal> {
    let algorithm = assertion.header().algorithm().map_err(Refusal::malformed_jwt)?;
    if algorithm != Algorithm::RS256 {
        let why = format!("The algorithm '{algorithm}' is not supported for federated credentials: use RS256.");
        return Err(Refusal::malformed_jwt(why));
    }
    let issuer = assertion.claims().require("iss")?;
    match_credential(app, assertion, issuer, request.is_entra_issuer(issuer))?;
    check_signature(request, assertion, issuer).await?;
    assertion.claims().check_time(request.now, Refusal::assertion_time)
}

/// Finds the federated credential by exact, case-sensitive comparison.
fn match_credential(app: &App, assertion: &Assertion<'_>, issuer: &str, is_entra: bool) -> Result<(), Refusal> {
    let claims = assertion.claims();
    let (subject, audiences) = (claims.require("sub")?, claims.audiences());
    if app.federated_credentials.is_empty() {
        return Err(Refusal::no_federated_credentials(&app.client_id, &app.name));
    }
    let by_issuer: Vec<_> = app.federated_credentials.iter().filter(|own| own.issuer == issuer).collect();
    if by_issuer.is_empty() {
        return Err(Refusal::federated_issuer(issuer));
    }
    if is_entra {
        return Err(Refusal::entra_issued());
    }
    let names = |own: &&&FederatedCredential| audiences.contains(&own.audience.as_str());
    let by_audience: Vec<_> = by_issuer.iter().filter(names).collect();
    if by_audience.is_empty() {
        return Err(Refusal::federated_audience(audiences.join(" ")));
    }
    if by_audience.iter().any(|own| own.subject == subject) { Ok(()) } else { Err(Refusal::federated_subject(subject)) }
}

async fn check_signature(request: &TokenRequest<'_>, assertion: &Assertion<'_>, issuer: &str) -> Result<(), Refusal> {
    let kid = assertion.header().kid.as_deref();
    let keys = request.emulator.issuers.keys(issuer, kid, request.now).await.map_err(Refusal::issuer_unreachable)?;
    let mut candidates = keys.candidates(kid).peekable();
    if candidates.peek().is_none() {
        return Err(Refusal::federated_signature("The key was not found."));
    }
    if candidates.any(|key| assertion.verify(key, &[Algorithm::RS256]).is_ok()) {
        return Ok(());
    }
    Err(Refusal::federated_signature("The provided signature value did not match the expected signature value."))
}
