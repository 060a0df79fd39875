//! A middle tier trades a user's token for another one, on behalf of that user.
//!
//! See <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow>.

use uuid::Uuid;

use super::user_fic;
use crate::{
    directory::App,
    sts::{
        Proof, Refusal, Reply, RequestedClaims, TokenRequest, UserTokens,
        assertion::{Assertion, Claims},
        own_token,
        scope::Requested,
    },
};

pub(super) fn respond(request: &TokenRequest<'_>, client: &App, proof: Proof) -> Result<Reply, Refusal> {
    let form = request.form;
    let assertion = form.require("assertion")?;
    if form.require("requested_token_use")? != "on_behalf_of" {
        return Err(Refusal::malformed("The parameter 'requested_token_use' must be 'on_behalf_of'."));
    }
    if user_fic::is_meant(client, form) {
        return user_fic::exchange(request, client, proof, assertion);
    }
    let mut claims = RequestedClaims::read(form)?;
    let assertion = Assertion::parse(assertion)?;
    own_token::check_signature(&request.ring, &assertion).map_err(Refusal::obo_signature)?;
    let user_claims = assertion.claims();
    let tenant = own_token::tenant(&request.emulator.directory, request.origin, user_claims);
    let tenant = tenant.filter(|tenant| request.place.admits(tenant.id));
    let tenant = tenant.ok_or_else(|| Refusal::malformed_jwt("The token is of another issuer or tenant."))?;
    user_claims.check_time(request.now, Refusal::obo_time)?;
    check_audience(audience_of(request, client), user_claims)?;
    if user_claims.text("scp").is_none() {
        return Err(Refusal::obo_without_user(&client.client_id));
    }
    claims.add_contexts(user_claims.list("acrs"));
    let oid = user_claims.require("oid")?;
    let user = Uuid::try_parse(oid).ok().and_then(|oid| tenant.user_by_oid(oid));
    let user = user.ok_or_else(|| Refusal::user_not_found(oid, tenant.name()))?;
    let requested = Requested::for_user(&request.emulator.directory, tenant, form, request.v1, None)?;
    UserTokens { tenant, client, proof, user, requested, nonce: None }.reply(request, &claims)
}

/// Who a user's token is for: the client; for an agent identity its blueprint, because users sign in there.
fn audience_of<'a>(request: &'a TokenRequest<'_>, client: &'a App) -> &'a App {
    let blueprint = client.kind.agent().and_then(|agent| request.emulator.directory.app(&agent.blueprint));
    blueprint.unwrap_or(client)
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
