//! An agent's own user account (<https://learn.microsoft.com/entra/agent-id/agent-user-oauth-flow>): the agent asks with its
//! blueprint's token as client assertion and its own token as the account's credential. The refresh token that comes with the
//! answer renews silently; where Entra no longer takes it, the whole way is gone again.

use std::sync::Arc;

use sidekey_oauth::{Secret, TokenReply, grant};

use super::{
    Form, Plan,
    agent::{self, Leg, Speaker},
    directory, named_tenant, refresh_token, user_scope, user_scopes, wants_another_grant,
};
use crate::{
    AcquireError, AgentUser, Config, Entra, TokenRequest,
    acquire::{GrantParts, bypasses_cache},
    cache::{
        grant::Grant,
        key::{Identity, KeyRef},
    },
    http::reply::Failure,
};

pub(super) fn plan<'a>(
    request: &'a TokenRequest,
    agent: &'a str,
    user: &'a AgentUser,
    config: &'a Config,
) -> Result<Plan<'a>, AcquireError> {
    let tenant = directory(named_tenant(request, config).or_else(|| config.authority.tenant()), config)?;
    Ok(Plan { tenant, agent: Some(agent), identity: Identity::AgentUser(user), scopes: user_scopes(request)? })
}

pub(super) async fn run(
    engine: &Arc<Entra>,
    request: &TokenRequest,
    plan: &Plan<'_>,
    agent: &str,
    user: &AgentUser,
) -> Result<TokenReply, Failure> {
    let key = grant_key(engine, request, plan);
    let reply = match silently(engine, request, plan, agent, &key).await {
        Some(Err(failure)) if !wants_another_grant(&failure) => return Err(failure),
        Some(Ok(reply)) => reply,
        Some(Err(_)) | None => exchange(engine, request, plan, agent, user).await?,
    };
    keep(engine, &key, &reply);
    Ok(reply)
}

/// By the refresh token, if there is one. A caller who insists, or who answers a challenge, wants more than that.
async fn silently(
    engine: &Arc<Entra>,
    request: &TokenRequest,
    plan: &Plan<'_>,
    agent: &str,
    key: &KeyRef<'_>,
) -> Option<Result<TokenReply, Failure>> {
    let grant = engine.cache.grant(key).filter(|_| !bypasses_cache(request))?;
    let refresh_token = grant.refresh_token.as_ref()?;
    let answer = agent::ask(engine, request, plan, agent, refresh_token::form(refresh_token, plan)).await;
    if answer.as_ref().is_err_and(wants_another_grant) {
        // The way is gone again, and brings another one.
        forget(engine, key, refresh_token);
    }
    Some(answer)
}

/// The whole way.
async fn exchange(
    engine: &Arc<Entra>,
    request: &TokenRequest,
    plan: &Plan<'_>,
    agent: &str,
    user: &AgentUser,
) -> Result<TokenReply, Failure> {
    let speaker = Speaker { engine, request, tenant: plan.tenant, agent };
    let (blueprint, own) = (speaker.blueprint(false).await?, speaker.own(false).await?);
    let reused = blueprint.reused || own.reused;
    match speaker.send(&blueprint, form(user, plan, &own)).await {
        Err(failure) if reused && blames_a_leg(&failure) => {
            let blueprint = speaker.renewed(&failure).await?;
            let own = speaker.own(true).await?;
            speaker.send(&blueprint, form(user, plan, &own)).await
        }
        answer => answer,
    }
}

fn form(user: &AgentUser, plan: &Plan<'_>, own: &Leg) -> Form {
    let mut form = Form::default();
    form.push("scope", user_scope(plan));
    form.push("grant_type", grant::USER_FIC);
    form.push_secret("user_federated_identity_credential", own.secret());
    match user {
        AgentUser::Name(name) => form.push("username", name.as_str()),
        AgentUser::ObjectId(id) => form.push("user_id", id.to_string()),
    }
    form.push("client_info", "1");
    form
}

/// Whether Entra refused one of the tokens before: the client assertion, or the account's credential.
fn blames_a_leg(failure: &Failure) -> bool {
    let of_credential = |failure: &Failure| {
        matches!(&failure.error, AcquireError::Refused(refusal)
        if refusal.reply.error_codes.iter().any(|code| ASSERTION_CODES.contains(code)))
    };
    agent::blames_the_client(failure) || of_credential(failure)
}

/// One per agent, account and directory, whatever the scopes: Entra's refresh tokens are for all of them.
fn grant_key<'a>(engine: &'a Entra, request: &'a TokenRequest, plan: &Plan<'a>) -> KeyRef<'a> {
    engine.grant_key(&GrantParts {
        tenant: plan.tenant,
        agent: plan.agent,
        identity: plan.identity,
        session_key: request.session_key.as_deref(),
    })
}

fn keep(engine: &Entra, key: &KeyRef<'_>, reply: &TokenReply) {
    let Some(refresh_token) = &reply.refresh_token else { return };
    engine.cache.change_grant(key, |_| Some(Grant::of(refresh_token.clone())));
}

fn forget(engine: &Entra, key: &KeyRef<'_>, refused: &Secret) {
    let left = |grant: &Grant| grant.clone().without(refused);
    engine.cache.change_grant(key, |present| present.map(left).filter(|grant| grant.refresh_token.is_some()));
}

/// AADSTS codes of an assertion that is not taken: its signature, its audience, its time.
const ASSERTION_CODES: [u64; 3] = [50013, 500_131, 500_133];
