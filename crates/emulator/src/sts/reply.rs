//! The token endpoint's good answer.

use serde_json::{Map, Value, json};
use sidekey_jose::base64url;

use super::{
    Proof, Refusal, RequestedClaims, TokenRequest, conditional_access,
    issue::{self, Grant},
    scope::Requested,
    sessions::SignIn,
};
use crate::directory::{App, Tenant, User};

/// The members of a token reply.
pub(crate) type Reply = Map<String, Value>;

/// An application's own token.
pub(crate) fn for_app(
    request: &TokenRequest<'_>,
    (tenant, client, proof): (&Tenant, &App, Proof),
    requested: &Requested<'_>,
    claims: &RequestedClaims,
) -> Result<Reply, Refusal> {
    let resource = requested.resource;
    let assignments: Vec<_> =
        client.role_assignments.iter().filter(|given| given.resource == resource.client_id).collect();
    if resource.assignment_required && assignments.is_empty() {
        return Err(Refusal::app_not_assigned(&client.client_id, &client.name, &requested.identifier));
    }
    let roles = assignments.into_iter().flat_map(|given| given.roles.clone()).collect();
    let identifier = &requested.identifier;
    let grant = Grant { tenant, client, proof, user: None, resource, identifier, scopes: &[], roles, claims };
    let mut reply = Reply::new();
    put_access_token(request, &grant, &mut reply)?;
    Ok(reply)
}

/// A user's tokens at a client.
#[derive(Debug)]
pub(crate) struct UserTokens<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) client: &'a App,
    pub(crate) proof: Proof,
    pub(crate) user: &'a User,
    pub(crate) requested: Requested<'a>,
    pub(crate) nonce: Option<String>,
}

impl UserTokens<'_> {
    /// Checks consent and assignment, then makes what was asked for: access token, refresh token, id token, client info.
    pub(crate) fn reply(&self, request: &TokenRequest<'_>, claims: &RequestedClaims) -> Result<Reply, Refusal> {
        let Self { tenant, client, proof, user, requested, .. } = self;
        check_account(user, requested.resource)?;
        let scopes = requested.granted(client, user)?;
        let resource = requested.resource;
        conditional_access::check(&request.emulator.directory, (user, resource), &scopes, claims)?;
        let given = user.role_assignments.iter().filter(|given| given.resource == resource.client_id);
        let roles = given.flat_map(|given| given.roles.clone()).collect();
        let (identifier, scopes) = (requested.identifier.as_str(), scopes.as_slice());
        let grant =
            Grant { tenant, client, proof: *proof, user: Some(user), resource, identifier, scopes, roles, claims };
        let scope = if request.v1 { scopes.join(" ") } else { requested.reply_scope(scopes) };
        let mut reply = Reply::from_iter([("scope".to_owned(), json!(scope))]);
        put_access_token(request, &grant, &mut reply)?;
        if requested.has("offline_access") {
            let token = request.emulator.sessions.new_refresh_token(self.sign_in(request, claims))?;
            reply.insert("refresh_token".to_owned(), json!(token.expose()));
        }
        if requested.has("openid") {
            let token = issue::id_token(request, &grant, user, self.nonce.as_deref())?;
            reply.insert("id_token".to_owned(), json!(token.expose()));
        }
        if request.form.get("client_info").is_some() {
            let info = json!({ "uid": user.oid, "utid": tenant.id }).to_string();
            reply.insert("client_info".to_owned(), json!(base64url::encode(info)));
        }
        Ok(reply)
    }

    fn sign_in(&self, request: &TokenRequest<'_>, claims: &RequestedClaims) -> SignIn {
        SignIn {
            client: self.client.client_id.clone(),
            tenant: self.tenant.id,
            oid: self.user.oid,
            scope: self.requested.as_asked(),
            at: request.now,
            contexts: claims.contexts.clone(),
        }
    }
}

/// Whether the account may be used, and used for this resource.
pub(crate) fn check_account(user: &User, resource: &App) -> Result<(), Refusal> {
    if user.disabled {
        return Err(Refusal::user_disabled());
    }
    let assigned = user.role_assignments.iter().any(|given| given.resource == resource.client_id);
    if resource.assignment_required && !assigned {
        return Err(Refusal::user_not_assigned(&user.upn, &resource.name));
    }
    Ok(())
}

/// The access token and its times: numbers, but texts at the v1 endpoint.
fn put_access_token(request: &TokenRequest<'_>, grant: &Grant<'_>, reply: &mut Reply) -> Result<(), Refusal> {
    let made = issue::access_token(request, grant)?;
    let number = |seconds: u64| if request.v1 { json!(seconds.to_string()) } else { json!(seconds) };
    let mut put = |name: &str, value: Value| reply.insert(name.to_owned(), value);
    put("token_type", json!(if request.confirmation.is_some() { "pop" } else { "Bearer" }));
    put("expires_in", number(made.lifetime));
    put("ext_expires_in", number(made.lifetime));
    if made.lifetime >= LONG {
        put("refresh_in", number(made.lifetime / 2));
    }
    if request.v1 {
        put("expires_on", number(request.now.0 + made.lifetime));
        put("not_before", number(request.now.0.saturating_sub(300)));
        put("resource", json!(grant.identifier));
    }
    put("access_token", json!(made.token.expose()));
    Ok(())
}

/// From this lifetime on, in seconds, a client is told when to ask again.
const LONG: u64 = 7200;
