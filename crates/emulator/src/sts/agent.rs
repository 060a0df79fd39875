//! Agent identities: the exchange tokens that vouch for them, and the claims that mark them.
//!
//! An agent has no credential of its own. Its blueprint gets an exchange token with the agent's id as path; that token is the agent's
//! client assertion. For its user account the agent shows an exchange token of its own besides.
//!
//! See <https://learn.microsoft.com/entra/agent-id/identity-platform/agent-oauth-protocols> and
//! <https://learn.microsoft.com/entra/agent-id/identity-platform/agent-token-claims>.

use http::StatusCode;
use serde_json::{Map, Value, json};
use sidekey_jose::{Algorithm, base64url};

use super::{
    Refusal, TokenRequest,
    assertion::Assertion,
    fmi,
    issue::{Grant, v2_issuer},
    own_token,
};
use crate::directory::{Agent, App, Tenant};

/// Checks the blueprint's exchange token that an agent authenticates with. It is judged as if the agent had a federated credential:
/// issuer its own tenant, subject its blueprint's path to it.
pub(crate) fn check_blueprint_token(
    request: &TokenRequest<'_>,
    client: &App,
    agent: &Agent,
    assertion: &Assertion<'_>,
) -> Result<(), Refusal> {
    let tenant = request.place.tenant().ok_or_else(Refusal::no_tenant)?;
    let subject = fmi::subject(tenant.id, &agent.blueprint, client.client_id.as_str());
    check(request, tenant, assertion, fmi::TOKEN_EXCHANGE, |found| found == subject)
}

/// Checks the agent's own exchange token, which it shows to get tokens for its user account.
pub(crate) fn check_agent_token(
    request: &TokenRequest<'_>,
    tenant: &Tenant,
    client: &App,
    token: &str,
) -> Result<(), Refusal> {
    let is_own = |found: &str| found == client.client_id.as_str();
    let checked =
        Assertion::parse(token).and_then(|assertion| check(request, tenant, &assertion, fmi::TOKEN_EXCHANGE, is_own));
    // Here the token is the grant and not the client's credential.
    checked.map_err(|refusal| match refusal.error {
        "invalid_client" => Refusal { status: StatusCode::BAD_REQUEST, error: "invalid_grant", ..refusal },
        _ => refusal,
    })
}

/// Checks an exchange token of this tenant, of which the resource and the subject have to be the right ones.
pub(super) fn check(
    request: &TokenRequest<'_>,
    tenant: &Tenant,
    assertion: &Assertion<'_>,
    resource: &str,
    is_subject: impl Fn(&str) -> bool,
) -> Result<(), Refusal> {
    let algorithm = assertion.header().algorithm().map_err(Refusal::malformed_jwt)?;
    if algorithm != Algorithm::RS256 {
        return Err(Refusal::malformed_jwt(format!("The algorithm '{algorithm}' is not supported: use RS256.")));
    }
    let claims = assertion.claims();
    let (issuer, own_subject, audiences) = (claims.require("iss")?, claims.require("sub")?, claims.audiences());
    if issuer != v2_issuer(request.origin, tenant.id) {
        return Err(Refusal::federated_issuer(issuer));
    }
    if audiences != [resource] {
        return Err(Refusal::federated_audience(audiences.join(" ")));
    }
    if !is_subject(own_subject) {
        return Err(Refusal::federated_subject(own_subject));
    }
    own_token::check_signature(&request.ring, assertion).map_err(Refusal::federated_signature)?;
    claims.check_time(request.now, Refusal::assertion_time)
}

/// What an access token says beyond the ordinary: exchange tokens always, others if their resource wants to know about agents.
pub(crate) fn claims(request: &TokenRequest<'_>, grant: &Grant<'_>) -> Map<String, Value> {
    let exchange = fmi::is_exchange(grant.resource);
    let mut claims = Map::new();
    let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    if exchange && grant.user.is_none() {
        put("idtyp", json!("app"));
    }
    if let (true, None, Some(path)) = (exchange, grant.user, request.form.get("fmi_path")) {
        put("sub", json!(fmi::subject(grant.tenant.id, &grant.client.client_id, path)));
        put("xms_act_fct", json!("9 1"));
        put("xms_sub_fct", json!("1 9"));
        put("xms_idrel", json!("14 7"));
        put("xms_ficinfo", json!(base64url::encode(path)));
    }
    if let Some(agent) = grant.client.kind.agent().filter(|_| exchange || grant.resource.agent_claims) {
        claims.extend(agent_claims(grant, agent, exchange));
    }
    claims
}

/// The facets are lists of numbers: 11 is an agent, 13 an agent's user.
fn agent_claims(grant: &Grant<'_>, agent: &Agent, exchange: bool) -> Map<String, Value> {
    let of_agents_user = grant.user.is_some_and(|user| user.agent.is_some());
    let (subject, relation) = match (grant.user, exchange) {
        (None, true) => (Some("11 1 9"), "7 12"),
        (None, false) => (Some("11 9 1"), "7 10"),
        (Some(_), _) => (of_agents_user.then_some("13"), "1 14"),
    };
    let mut claims = Map::new();
    let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    put("idtyp", json!(if grant.user.is_some() { "user" } else { "app" }));
    put("xms_act_fct", json!(if exchange { "1 9 11" } else { "11 9 1" }));
    if let Some(subject) = subject {
        put("xms_sub_fct", json!(subject));
    }
    put("xms_par_app_azp", json!(agent.blueprint.as_str()));
    put("xms_idrel", json!(relation));
    if exchange {
        put("xms_ficinfo", json!(base64url::encode(grant.client.client_id.as_str())));
    }
    claims
}
