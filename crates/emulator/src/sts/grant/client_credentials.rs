//! An application asks for itself (RFC 6749 §4.4).

use crate::{
    directory::App,
    sts::{Place, Proof, Refusal, Reply, RequestedClaims, TokenRequest, fmi, reply, scope::Requested},
};

pub(super) fn respond(request: &TokenRequest<'_>, client: &App, proof: Proof) -> Result<Reply, Refusal> {
    let tenant = match request.place {
        Place::Tenant(tenant) | Place::UserFlow(tenant, _) => tenant,
        Place::Consumers => return Err(Refusal::grant_needs_tenant()),
        Place::Common | Place::Organizations => return Err(Refusal::no_tenant()),
    };
    let claims = RequestedClaims::read(request.form)?;
    let requested = Requested::by_app(&request.emulator.directory, tenant, request.form, request.v1)?;
    fmi::check_app_request(request.form, client, requested.resource)?;
    reply::for_app(request, (tenant, client, proof), &requested, &claims)
}
