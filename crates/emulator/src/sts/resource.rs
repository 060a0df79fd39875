//! A resource that evaluates access continuously: it knows at once when a user was revoked, and can demand more of a token.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    Refusal,
    assertion::{Assertion, Claims},
    conditional_access::context_challenge,
    own_token,
};
use crate::{Emulator, directory::Tenant};

/// Why a resource refuses a token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is no good at all.
    Invalid(String),
    /// Another one is needed, with these claims (JSON).
    InsufficientClaims(String),
    /// It lacks an authentication context, and its client would not understand a challenge.
    Forbidden(String),
}

/// Judges a token of this authority; gives its claims. `context` is an authentication context that it has to carry.
pub(crate) async fn judge(
    emulator: &Emulator,
    origin: &str,
    token: &str,
    context: Option<&str>,
) -> Result<Map<String, Value>, Verdict> {
    let invalid = |refusal: Refusal| Verdict::Invalid(refusal.text);
    let assertion = Assertion::parse(token).map_err(invalid)?;
    let ring = emulator.keys.ring().await.map_err(|error| Verdict::Invalid(error.0))?;
    own_token::check_signature(&ring, &assertion).map_err(|why| Verdict::Invalid(why.to_owned()))?;
    let claims = assertion.claims();
    claims.check_time(emulator.clock.now(), Refusal::obo_time).map_err(invalid)?;
    let tenant = own_token::tenant(&emulator.directory, origin, claims);
    let tenant = tenant.ok_or_else(|| Verdict::Invalid("The token is of another issuer.".to_owned()))?;
    check_revocation(emulator, tenant, claims)?;
    match context.filter(|context| !claims.list("acrs").contains(context)) {
        Some(context) if understands_challenges(claims) => Err(Verdict::InsufficientClaims(context_challenge(context))),
        Some(context) => Err(Verdict::Forbidden(format!("The token lacks the authentication context {context}."))),
        None => Ok(claims.all().clone()),
    }
}

/// A token from before its user's revocation is refused; a client that understands it is told from when on one is good.
fn check_revocation(emulator: &Emulator, tenant: &Tenant, claims: &Claims) -> Result<(), Verdict> {
    let user = claims.text("oid").and_then(|oid| Uuid::try_parse(oid).ok()).and_then(|oid| tenant.user_by_oid(oid));
    let Some(revoked) = user.and_then(|user| emulator.revocations.of(user.oid)) else { return Ok(()) };
    let issued = claims.all().get("iat").and_then(Value::as_u64).unwrap_or_default();
    if issued >= revoked.0 {
        return Ok(());
    }
    if !understands_challenges(claims) {
        return Err(Verdict::Invalid("The user's access was revoked.".to_owned()));
    }
    let since = json!({ "access_token": { "nbf": { "essential": true, "value": revoked.0.to_string() } } });
    Err(Verdict::InsufficientClaims(since.to_string()))
}

/// Whether the client said that it does, and the resource wanted to know.
fn understands_challenges(claims: &Claims) -> bool {
    claims.list("xms_cc").iter().any(|capability| capability.eq_ignore_ascii_case("cp1"))
}
