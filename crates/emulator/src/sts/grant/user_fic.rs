//! An agent identity asks for its user account: `user_fic`, and the older spelling of it by the JWT bearer grant.
//!
//! See <https://learn.microsoft.com/entra/agent-id/identity-platform/agent-user-oauth-flow>.

use http::StatusCode;
use uuid::Uuid;

use crate::{
    directory::{App, Tenant, User},
    sts::{
        Form, Proof, Refusal, Reply, RequestedClaims, TokenRequest, UserTokens, agent::check_agent_token,
        scope::Requested,
    },
};

/// The grant's own name. Some clients say `requested_token_use`, some do not.
pub(super) fn respond(request: &TokenRequest<'_>, client: &App, proof: Proof) -> Result<Reply, Refusal> {
    if request.form.get("requested_token_use").is_some_and(|token_use| token_use != "on_behalf_of") {
        return Err(Refusal::malformed("The parameter 'requested_token_use' must be 'on_behalf_of'."));
    }
    let token = request.form.require("user_federated_identity_credential")?;
    exchange(request, client, proof, token)
}

/// Whether a JWT bearer request means this grant: an agent names a user.
pub(super) fn is_meant(client: &App, form: &Form) -> bool {
    client.kind.agent().is_some() && (form.get("username").is_some() || form.get("user_id").is_some())
}

/// Trades the agent's exchange token for tokens of its user account.
pub(super) fn exchange(request: &TokenRequest<'_>, client: &App, proof: Proof, token: &str) -> Result<Reply, Refusal> {
    let tenant = request.place.tenant().ok_or_else(Refusal::no_tenant)?;
    let named = Named::read(request.form)?;
    let claims = RequestedClaims::read(request.form)?;
    check_agent_token(request, tenant, client, token)?;
    let user = named.find(tenant)?;
    if user.agent.as_ref() != Some(&client.client_id) {
        let refusal = Refusal::federated_subject(&client.client_id);
        return Err(Refusal { status: StatusCode::BAD_REQUEST, error: "invalid_grant", ..refusal });
    }
    let requested = Requested::for_user(&request.emulator.directory, tenant, request.form, request.v1, None)?;
    UserTokens { tenant, client, proof, user, requested, nonce: None }.reply(request, &claims)
}

/// The user, named in one way.
enum Named<'f> {
    Name(&'f str),
    Id(Uuid),
}

impl<'f> Named<'f> {
    fn read(form: &'f Form) -> Result<Self, Refusal> {
        match (form.get("username"), form.get("user_id")) {
            (Some(name), None) => Ok(Self::Name(name)),
            (None, Some(id)) => Uuid::try_parse(id).map(Self::Id).map_err(|_| {
                Refusal::malformed("The parameter 'user_id' must be the user's object id, a GUID with hyphens.")
            }),
            (Some(_), Some(_)) => {
                Err(Refusal::malformed("The parameters 'username' and 'user_id' are mutually exclusive."))
            }
            (None, None) => Err(Refusal::missing_parameter("username' or 'user_id")),
        }
    }

    fn find<'t>(&self, tenant: &'t Tenant) -> Result<&'t User, Refusal> {
        match self {
            Self::Name(name) => tenant.user(name).ok_or_else(|| Refusal::user_not_found(name, tenant.name())),
            Self::Id(id) => tenant.user_by_oid(*id).ok_or_else(|| Refusal::user_not_found(id, tenant.name())),
        }
    }
}
