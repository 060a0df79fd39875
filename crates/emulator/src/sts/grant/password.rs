//! A user's name and password (RFC 6749 §4.3): the short way to a test user's token.

use sidekey_oauth::Secret;

use crate::{
    directory::App,
    sts::{Place, Proof, Refusal, Reply, RequestedClaims, TokenRequest, UserTokens, scope::Requested},
};

pub(super) fn respond(request: &TokenRequest<'_>, client: &App, proof: Proof) -> Result<Reply, Refusal> {
    let form = request.form;
    let (username, password) = (form.require("username")?, Secret::new(form.require("password")?));
    let claims = RequestedClaims::read(form)?;
    let tenant = match request.place {
        Place::Tenant(tenant) | Place::UserFlow(tenant, _) => tenant,
        Place::Common | Place::Consumers => return Err(Refusal::grant_needs_tenant()),
        Place::Organizations => request.emulator.directory.tenant_of_upn(username).ok_or_else(Refusal::no_tenant)?,
    };
    let user = tenant.user(username).ok_or_else(|| Refusal::user_not_found(username, tenant.name()))?;
    if user.password.as_ref() != Some(&password) {
        return Err(Refusal::wrong_password());
    }
    let requested = Requested::for_user(&request.emulator.directory, tenant, form, request.v1, None)?;
    UserTokens { tenant, client, proof, user, requested, nonce: None }.reply(request, &claims)
}
