//! An access token at one of the emulator's own resources: whether it is really one of ours, for that resource, and good now.

use uuid::Uuid;

use super::{
    Refusal,
    assertion::{Assertion, Claims},
    own_token,
};
use crate::Emulator;

/// A token that was checked: who it speaks for.
#[derive(Debug)]
pub(crate) struct Bearer {
    /// The tenant that it was made in.
    pub(crate) tenant: Uuid,
    /// The user or service principal.
    pub(crate) oid: Uuid,
    /// The client.
    pub(crate) app: String,
    pub(crate) issuer: String,
}

/// Why a token is no good.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BearerError {
    /// Not a token.
    Malformed,
    /// None of the published keys signed it.
    Signature,
    /// Over, or not valid yet.
    Time,
    /// Of another issuer.
    Issuer(String),
    /// For another resource.
    Audience(String),
    /// The keys are not there.
    Unavailable(String),
}

/// Checks a token for the resource with this client id.
pub(crate) async fn bearer(
    emulator: &Emulator,
    origin: &str,
    token: &str,
    resource: &str,
) -> Result<Bearer, BearerError> {
    let assertion = Assertion::parse(token).map_err(|_| BearerError::Malformed)?;
    let ring = emulator.keys.ring().await.map_err(|error| BearerError::Unavailable(error.0))?;
    own_token::check_signature(&ring, &assertion).map_err(|_| BearerError::Signature)?;
    let claims = assertion.claims();
    let directory = &emulator.directory;
    let is_meant = |audience: &&str| directory.resource(audience).is_some_and(|app| app.client_id.as_str() == resource);
    if !claims.audiences().iter().any(is_meant) {
        return Err(BearerError::Audience(claims.audiences().join(" ")));
    }
    let issuer = claims.text("iss").unwrap_or_default().to_owned();
    let tenant = own_token::tenant(directory, origin, claims);
    let tenant = tenant.ok_or_else(|| BearerError::Issuer(issuer.clone()))?.id;
    claims.check_time(emulator.clock.now(), Refusal::assertion_time).map_err(|_| BearerError::Time)?;
    let oid = oid(claims).ok_or(BearerError::Malformed)?;
    let app = claims.text("appid").or(claims.text("azp")).unwrap_or_default().to_owned();
    Ok(Bearer { tenant, oid, app, issuer })
}

fn oid(claims: &Claims) -> Option<Uuid> {
    Uuid::try_parse(claims.text("oid")?).ok()
}
