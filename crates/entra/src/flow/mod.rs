//! Flows: what each asks of the token endpoint, and which tenant and scopes make its cache key. A flow is one file here and a
//! line in [`plan`] and [`run`].

mod agent;
mod agent_user;
mod client_credentials;
mod managed_identity;
mod on_behalf_of;
mod refresh_token;
pub(crate) mod session;

pub(crate) use agent::exchange_scope;

use std::sync::Arc;

use sidekey_oauth::{Secret, TenantId, TokenReply, grant};

use self::session::Session;
use crate::{
    AcquireError, Config, Entra, Flow, TokenRequest,
    cache::key::{Identity, ScopeSet},
    http::reply::Failure,
    token_client::{Ask, AskAs},
};

/// What distinguishes the token that a request asks for. Borrowed from the request: it is made for every call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan<'a> {
    /// The tenant to ask; `None` where the authority has none.
    pub(crate) tenant: Option<&'a TenantId>,
    /// The agent identity that is the client, where the application is not.
    pub(crate) agent: Option<&'a str>,
    pub(crate) identity: Identity<'a>,
    pub(crate) scopes: ScopeSet<'a>,
}

/// The fields of a token request, in order. Empty ones are not sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form(Vec<(&'static str, Secret)>);

impl Form {
    pub(crate) fn push(&mut self, name: &'static str, value: impl Into<String>) {
        self.push_secret(name, Secret::new(value));
    }

    pub(crate) fn push_secret(&mut self, name: &'static str, value: Secret) {
        if !value.is_empty() {
            self.0.push((name, value));
        }
    }

    /// Whether the application asks for itself: such tokens come from its region.
    pub(crate) fn is_client_credentials(&self) -> bool {
        self.fields().any(|field| field == ("grant_type", grant::CLIENT_CREDENTIALS))
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.expose()))
    }
}

/// Checks a request against its flow's rules. `session` is the one that the request is part of, as [`session::find`] gives it.
pub(crate) fn plan<'a>(
    request: &'a TokenRequest,
    session: Option<&'a Session>,
    config: &'a Config,
) -> Result<Plan<'a>, AcquireError> {
    check_confirmation(request)?;
    match (&request.flow, session) {
        (Flow::App, _) => client_credentials::plan(request, config),
        (Flow::OnBehalfOf(_), Some(session)) => session::plan(request, None, session, config),
        (Flow::OnBehalfOf(assertion), None) => on_behalf_of::plan(request, assertion, config),
        (Flow::Agent { agent, assertion: None }, _) => agent::plan(request, agent, config),
        (Flow::Agent { agent, assertion: Some(_) }, Some(session)) => {
            session::plan(request, Some(agent), session, config)
        }
        (Flow::Agent { agent, assertion: Some(assertion) }, None) => {
            agent::delegated(on_behalf_of::plan(request, assertion, config)?, agent, config)
        }
        (Flow::AgentUser { agent, user }, _) => agent_user::plan(request, agent, user, config),
        (Flow::Session { agent }, Some(session)) => session::plan(request, agent.as_deref(), session, config),
        (Flow::Session { .. }, None) => Err(AcquireError::NoSession),
        (Flow::ManagedIdentity(identity), _) => managed_identity::plan(request, identity),
    }
}

/// Gets a token from Entra, by as many requests as the flow needs.
pub(crate) async fn run(engine: &Arc<Entra>, request: &TokenRequest) -> Result<TokenReply, Failure> {
    let session = session::find(engine, request)?;
    let plan = plan(request, session.as_ref(), engine.config())?;
    match (&request.flow, &session) {
        (Flow::App | Flow::Agent { assertion: None, .. }, _) => {
            ask(engine, request, &plan, client_credentials::form(request, &plan)).await
        }
        (Flow::AgentUser { agent, user }, _) => agent_user::run(engine, request, &plan, agent, user).await,
        (_, Some(session)) => session::run(engine, request, &plan, session).await,
        (Flow::OnBehalfOf(assertion) | Flow::Agent { assertion: Some(assertion), .. }, None) => {
            ask(engine, request, &plan, on_behalf_of::form(request, assertion, &plan)).await
        }
        (Flow::ManagedIdentity(identity), None) => managed_identity::run(engine, request, identity).await,
        // There was no plan.
        (Flow::Session { .. }, None) => Err(AcquireError::NoSession.into()),
    }
}

/// Sends a form as the plan's client: the application, or an agent for whom its blueprint speaks.
async fn ask(engine: &Arc<Entra>, request: &TokenRequest, plan: &Plan<'_>, form: Form) -> Result<TokenReply, Failure> {
    match plan.agent {
        Some(agent) => agent::ask(engine, request, plan, agent, form).await,
        None => engine.ask(&Ask { request, tenant: plan.tenant, client: AskAs::Application, form }).await,
    }
}

/// A token that is not bound to the key would look like one that is.
fn check_confirmation(request: &TokenRequest) -> Result<(), AcquireError> {
    let is_own = matches!(request.flow, Flow::App | Flow::Agent { assertion: None, .. });
    if request.confirmation.is_some() && !is_own {
        let hint = "ask for an app token (`RequestAppToken`) of the application or an agent";
        return Err(AcquireError::Invalid(format!("only an application's own token can be bound to a key; {hint}")));
    }
    Ok(())
}

/// The tenant that a request names, where the authority lets it choose.
fn named_tenant<'a>(request: &'a TokenRequest, config: &Config) -> Option<&'a TenantId> {
    request.tenant.as_ref().filter(|_| config.authority.allows_other_tenants())
}

/// The tenant of a token that only a directory of its own can give: not `common`, nor `organizations`.
fn directory<'a>(tenant: Option<&'a TenantId>, config: &'a Config) -> Result<Option<&'a TenantId>, AcquireError> {
    let meta = |tenant: &TenantId| tenant.is_meta() && config.authority.allows_other_tenants();
    match tenant.filter(|tenant| meta(tenant)) {
        None => Ok(tenant),
        Some(meta) => config.home_tenant.as_ref().map(Some).ok_or_else(|| {
            let hint = "name the tenant in `AzureAd:TenantId`, or in `AzureAd:AppHomeTenantId` for app tokens";
            AcquireError::Configuration(format!("the tenant `{meta}` gives no app tokens: {hint}"))
        }),
    }
}

/// The scopes of a user's token: what was asked for and what every user flow asks for, sorted.
fn user_scope(plan: &Plan<'_>) -> String {
    let mut scopes: Vec<&str> = plan.scopes.iter().map(sidekey_oauth::Scope::as_str).collect();
    scopes.extend(["offline_access", "openid", "profile"]);
    scopes.sort_unstable();
    scopes.join(" ")
}

/// Scopes that a user's token may have.
fn user_scopes(request: &TokenRequest) -> Result<ScopeSet<'_>, AcquireError> {
    let scopes = ScopeSet::Of(&request.scopes);
    if scopes.iter().next().is_none() {
        let problem = "a user token needs a scope besides `openid`, `profile` and `offline_access`";
        return Err(AcquireError::Configuration(problem.to_owned()));
    }
    Ok(scopes)
}

/// Whether Entra wants something else than what was presented: a newer grant, or the user.
fn wants_another_grant(failure: &Failure) -> bool {
    matches!(&failure.error, AcquireError::Refused(refusal)
        if matches!(refusal.reply.error.as_str(), "invalid_grant" | "interaction_required"))
}

#[cfg(test)]
mod tests;
