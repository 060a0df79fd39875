//! Agent identities (<https://learn.microsoft.com/entra/agent-id/agent-oauth-protocols>). An agent has no credential: its
//! blueprint, the configured application, asks for an exchange token that names the agent (`fmi_path`), and that token is the
//! agent's client assertion. Exchange tokens are app tokens like others: cached, renewed and shared as such.
//!
//! A claims challenge, `ForceRefresh` and the request's extra parameters are the last request's alone: they are about the token
//! that is asked for, not about those that lead to it. The correlation id goes with all.

use std::sync::Arc;

use sidekey_oauth::{Scopes, Secret, TenantId, TokenReply};

use super::{Form, Plan, client_credentials, directory};
use crate::{
    AccessToken, AcquireError, CacheOutcome, Config, Entra, Flow, TokenRequest,
    credential::token_exchange_audience,
    http::reply::Failure,
    token_client::{Ask, AskAs},
};

/// The agent's own token.
pub(super) fn plan<'a>(
    request: &'a TokenRequest,
    agent: &'a str,
    config: &'a Config,
) -> Result<Plan<'a>, AcquireError> {
    Ok(Plan { agent: Some(agent), ..client_credentials::plan(request, config)? })
}

/// A user's token that an agent asks for. All its requests go to one directory, the agent's.
pub(super) fn delegated<'a>(plan: Plan<'a>, agent: &'a str, config: &'a Config) -> Result<Plan<'a>, AcquireError> {
    Ok(Plan { agent: Some(agent), tenant: directory(plan.tenant, config)?, ..plan })
}

/// Sends a form as the agent.
pub(super) async fn ask(
    engine: &Arc<Entra>,
    request: &TokenRequest,
    plan: &Plan<'_>,
    agent: &str,
    form: Form,
) -> Result<TokenReply, Failure> {
    let speaker = Speaker { engine, request, tenant: plan.tenant, agent };
    let blueprint = speaker.blueprint(false).await?;
    match speaker.send(&blueprint, form.clone()).await {
        Err(failure) if blueprint.reused && blames_the_client(&failure) => {
            let blueprint = speaker.renewed(&failure).await?;
            speaker.send(&blueprint, form).await
        }
        answer => answer,
    }
}

/// Asks as an agent, by the tokens of the requests before.
pub(super) struct Speaker<'a> {
    pub(super) engine: &'a Arc<Entra>,
    pub(super) request: &'a TokenRequest,
    pub(super) tenant: Option<&'a TenantId>,
    pub(super) agent: &'a str,
}

/// A token of a request before.
pub(super) struct Leg {
    token: Arc<AccessToken>,
    /// Whether it was used before, so that Entra may know by now that it is revoked.
    pub(super) reused: bool,
}

impl Leg {
    pub(super) fn secret(&self) -> Secret {
        Secret::new(self.token.token())
    }
}

impl Speaker<'_> {
    /// The blueprint's token for the agent.
    pub(super) async fn blueprint(&self, anew: bool) -> Result<Leg, AcquireError> {
        let mut request = self.leg(Flow::App, anew)?;
        request.fmi_path = Some(self.agent.to_owned());
        self.get(request).await
    }

    /// The agent's own token for the exchange, which stands in for the user's consent.
    pub(super) async fn own(&self, anew: bool) -> Result<Leg, AcquireError> {
        self.get(self.leg(Flow::Agent { agent: self.agent.to_owned(), assertion: None }, anew)?).await
    }

    /// The blueprint's token anew, after Entra refused the agent by the old one: it may have been revoked.
    pub(super) async fn renewed(&self, refused: &Failure) -> Result<Leg, AcquireError> {
        tracing::warn!(agent = self.agent, error = %refused.error, "the agent was refused; its blueprint's token is renewed");
        self.blueprint(true).await
    }

    pub(super) async fn send(&self, blueprint: &Leg, form: Form) -> Result<TokenReply, Failure> {
        let client = AskAs::Agent { id: self.agent, assertion: blueprint.secret() };
        self.engine.ask(&Ask { request: self.request, tenant: self.tenant, client, form }).await
    }

    fn leg(&self, flow: Flow, anew: bool) -> Result<TokenRequest, AcquireError> {
        Ok(TokenRequest {
            tenant: self.tenant.cloned(),
            correlation_id: self.request.correlation_id,
            credential_fmi_path: self.request.credential_fmi_path.clone(),
            force_refresh: anew,
            ..TokenRequest::new(flow, exchange_scope(self.engine.config())?)
        })
    }

    async fn get(&self, request: TokenRequest) -> Result<Leg, AcquireError> {
        let (token, outcome) = self.engine.leg(request).await?;
        Ok(Leg { token, reused: outcome != CacheOutcome::Authority })
    }
}

/// Whether Entra refused the client rather than what it asked for.
pub(super) fn blames_the_client(failure: &Failure) -> bool {
    matches!(&failure.error, AcquireError::Refused(refusal) if refusal.reply.error == "invalid_client")
}

/// The cloud's token exchange as a scope.
pub(crate) fn exchange_scope(config: &Config) -> Result<Scopes, AcquireError> {
    let scope = format!("{}/.default", token_exchange_audience(config.authority.host()));
    Scopes::parse(&scope).map_err(|cause| AcquireError::Configuration(cause.to_string()))
}
