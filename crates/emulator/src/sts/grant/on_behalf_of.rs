//! A middle tier trades a user's token for another one, on behalf of that user.
//!
//! See <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow>.

use sidekey_jose::Algorithm;
use uuid::Uuid;

use crate::{
    directory::{App, Tenant},
    sts::{
        Proof, Refusal, Reply, RequestedClaims, TokenRequest, UserTokens,
        assertion::{Assertion, Claims},
        issue::{v1_issuer, v2_issuer},
        scope::Requested,
    },
};

pub(super) fn respond(request: &TokenRequest<'_>, client: &App, proof: Proof) -> Result<Reply, Refusal> {
    let form = request.form;
    let assertion = form.require("assertion")?;
    if form.require("requested_token_use")? != "on_behalf_of" {
        return Err(Refusal::malformed("The parameter 'requested_token_use' must be 'on_behalf_of'."));
    }
    let claims = RequestedClaims::read(form)?;
    let assertion = Assertion::parse(assertion)?;
    check_signature(request, &assertion)?;
    let user_claims = assertion.claims();
    let tenant = check_issuer(request, user_claims)?;
    user_claims.check_time(request.now, Refusal::obo_time)?;
    check_audience(client, user_claims)?;
    if user_claims.text("scp").is_none() {
        return Err(Refusal::obo_without_user(&client.client_id));
    }
    let oid = user_claims.require("oid")?;
    let user = Uuid::try_parse(oid).ok().and_then(|oid| tenant.user_by_oid(oid));
    let user = user.ok_or_else(|| Refusal::user_not_found(oid, tenant.name()))?;
    let requested = Requested::for_user(&request.emulator.directory, tenant, form, request.v1, None)?;
    UserTokens { tenant, client, proof, user, requested, nonce: None }.reply(request, &claims)
}

/// One of the published keys has to have signed it.
fn check_signature(request: &TokenRequest<'_>, assertion: &Assertion<'_>) -> Result<(), Refusal> {
    let key = assertion.header().kid.as_deref().and_then(|kid| request.ring.find(kid));
    let key = key.ok_or_else(|| Refusal::obo_signature("The key was not found."))?;
    let verified = assertion.verify(&key.verifying, &[Algorithm::RS256]);
    let why = "The provided signature value did not match the expected signature value.";
    verified.map(|_| ()).map_err(|_| Refusal::obo_signature(why))
}

/// The issuer has to be the one of the token's own tenant, which the endpoint has to admit.
fn check_issuer<'e>(request: &TokenRequest<'e>, claims: &Claims) -> Result<&'e Tenant, Refusal> {
    let wrong = || Refusal::malformed_jwt("The token was issued by another issuer or for another tenant.");
    let id = Uuid::try_parse(claims.require("tid")?).map_err(|_| wrong())?;
    let issuer = claims.require("iss")?;
    let own = issuer == v1_issuer(id) || issuer == v2_issuer(request.origin, id);
    let tenant = request.emulator.directory.tenants.iter().find(|tenant| tenant.id == id);
    tenant.filter(|tenant| own && request.place.admits(tenant.id)).ok_or_else(wrong)
}

/// The token has to be for the application that presents it: its client id or one of its App ID URIs.
fn check_audience(client: &App, claims: &Claims) -> Result<(), Refusal> {
    let audiences = claims.audiences();
    let is_own = |audience: &&str| {
        let audience = audience.trim_end_matches('/');
        client.client_id.as_str() == audience
            || client.identifier_uris.iter().any(|uri| uri.trim_end_matches('/').eq_ignore_ascii_case(audience))
    };
    if audiences.iter().any(is_own) {
        return Ok(());
    }
    Err(Refusal::obo_audience(audiences.join(" "), &client.client_id))
}
