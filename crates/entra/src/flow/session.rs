//! Long-running on-behalf-of: a caller begins a session with the user's token and a key of its own choice, and goes on later
//! by the key alone. Tokens come from the cache, else by the session's refresh token, else (where the user's token is there) by
//! an exchange.
//!
//! A session belongs to the user whom it was begun for, and to the agent that began it, if one did. Whoever has the key has the
//! user's tokens: it is treated like a secret.

use std::sync::Arc;

use aws_lc_rs::digest;
use sidekey_oauth::{TenantId, TokenReply};

use super::{
    Plan, ask, directory,
    on_behalf_of::{self, tenant},
    refresh_token, user_scopes, wants_another_grant,
};
use crate::{
    AcquireError, Config, Entra, Flow, TokenRequest, UserAssertion,
    acquire::GrantParts,
    cache::{
        grant::{BoundUser, Grant},
        key::{Identity, KeyRef},
    },
    http::reply::Failure,
};

/// The session that a request is part of.
#[derive(Debug)]
pub(crate) struct Session {
    user: BoundUser,
    /// Absent where the session is yet to begin.
    grant: Option<Arc<Grant>>,
}

/// Finds the session that a request names. `None` where its flow knows no sessions.
pub(crate) fn find(engine: &Entra, request: &TokenRequest) -> Result<Option<Session>, AcquireError> {
    let assertion = match &request.flow {
        Flow::OnBehalfOf(assertion) | Flow::Agent { assertion: Some(assertion), .. } => Some(assertion),
        Flow::Session { .. } => None,
        Flow::App | Flow::Agent { .. } | Flow::AgentUser { .. } | Flow::ManagedIdentity(_) => return Ok(None),
    };
    let Some(name) = request.session_key.as_deref() else {
        return if assertion.is_some() { Ok(None) } else { Err(AcquireError::NoSession) };
    };
    if name.eq_ignore_ascii_case(ALLOCATE) {
        return Err(AcquireError::Invalid(CANNOT_ALLOCATE.to_owned()));
    }
    let now = engine.clock.now();
    let grant = engine.cache.grant(&key(engine, request)).filter(|grant| grant.is_alive(now));
    let bound = grant.as_ref().and_then(|grant| grant.user.clone());
    let user = match (assertion.map(user).transpose()?, bound) {
        (Some(caller), Some(bound)) if caller != bound => return Err(of_another()),
        (Some(caller), _) => caller,
        (None, Some(bound)) => bound,
        (None, None) => return Err(AcquireError::NoSession),
    };
    Ok(Some(Session { user, grant }))
}

pub(super) fn plan<'a>(
    request: &'a TokenRequest,
    agent: Option<&'a str>,
    session: &'a Session,
    config: &'a Config,
) -> Result<Plan<'a>, AcquireError> {
    let tenant = tenant(request, Some(&session.user.tenant), config);
    let tenant = if agent.is_some() { directory(tenant, config)? } else { tenant };
    let identity = Identity::SessionUser(session.user.hash);
    Ok(Plan { tenant, agent, identity, scopes: user_scopes(request)? })
}

pub(super) async fn run(
    engine: &Arc<Entra>,
    request: &TokenRequest,
    plan: &Plan<'_>,
    session: &Session,
) -> Result<TokenReply, Failure> {
    let reply = match (silently(engine, request, plan, session).await, assertion(request)) {
        (Some(Err(failure)), Some(assertion)) if wants_another_grant(&failure) => {
            ask(engine, request, plan, on_behalf_of::form(request, assertion, plan)).await?
        }
        (Some(answer), _) => answer?,
        (None, Some(assertion)) => ask(engine, request, plan, on_behalf_of::form(request, assertion, plan)).await?,
        (None, None) => return Err(AcquireError::NoSession.into()),
    };
    keep(engine, request, session, &reply)?;
    Ok(reply)
}

/// By the session's refresh token, if there is one.
async fn silently(
    engine: &Arc<Entra>,
    request: &TokenRequest,
    plan: &Plan<'_>,
    session: &Session,
) -> Option<Result<TokenReply, Failure>> {
    let refresh_token = session.grant.as_ref()?.refresh_token.as_ref()?;
    let answer = ask(engine, request, plan, refresh_token::form(refresh_token, plan)).await;
    if answer.as_ref().is_err_and(is_spent) {
        // Tokens that it brought are still good; the session ends with the last of them.
        let key = key(engine, request);
        engine.cache.change_grant(&key, |present| present.map(|grant| grant.clone().without(refresh_token)));
    }
    Some(answer)
}

/// Binds the session to its user, unless another was quicker, and keeps what renews its tokens.
fn keep(engine: &Entra, request: &TokenRequest, session: &Session, reply: &TokenReply) -> Result<(), AcquireError> {
    let now = engine.clock.now();
    let end = now + std::time::Duration::from_secs(reply.expires_in);
    let kept = engine.cache.change_grant(&key(engine, request), |present| {
        let fresh = || Grant { refresh_token: None, user: Some(session.user.clone()), tokens_end: end };
        let grant = present.filter(|grant| grant.is_alive(now)).cloned().unwrap_or_else(fresh);
        let is_ours = grant.user.as_ref() == Some(&session.user);
        Some(if is_ours { grant.renewed(reply.refresh_token.as_ref(), end) } else { grant })
    });
    let is_ours = kept.is_some_and(|grant| grant.user.as_ref() == Some(&session.user));
    if is_ours { Ok(()) } else { Err(of_another()) }
}

/// The user's token, where it came with the request.
fn assertion(request: &TokenRequest) -> Option<&UserAssertion> {
    match &request.flow {
        Flow::OnBehalfOf(assertion) | Flow::Agent { assertion: Some(assertion), .. } => Some(assertion),
        _ => None,
    }
}

/// A session is filed under its key and its agent. The directory is the user's, whatever the request says.
fn key<'a>(engine: &'a Entra, request: &'a TokenRequest) -> KeyRef<'a> {
    let agent = match &request.flow {
        Flow::Agent { agent, .. } => Some(agent.as_str()),
        Flow::Session { agent } => agent.as_deref(),
        _ => None,
    };
    let session_key = request.session_key.as_deref();
    engine.grant_key(&GrantParts { tenant: None, agent, identity: Identity::Session, session_key })
}

fn user(assertion: &UserAssertion) -> Result<BoundUser, AcquireError> {
    let (Some(tenant), Some(object_id)) = (&assertion.tenant, &assertion.user) else {
        let problem = "a long-running session needs a user's token with `tid` and `oid`";
        return Err(AcquireError::Invalid(problem.to_owned()));
    };
    Ok(BoundUser { tenant: tenant.clone(), object_id: object_id.as_str().into(), hash: hash(tenant, object_id) })
}

/// Neither part has a line break.
fn hash(tenant: &TenantId, object_id: &str) -> [u8; 32] {
    let text = format!("{tenant}\n{object_id}");
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest.as_ref().try_into().unwrap_or([0; 32])
}

/// Whether Entra will never again take the refresh token. Anything else (a scope without consent, a policy) leaves it good.
fn is_spent(failure: &Failure) -> bool {
    let AcquireError::Refused(refusal) = &failure.error else { return false };
    let reply = &refusal.reply;
    reply.suberror.as_deref() == Some("bad_token") || reply.error_codes.iter().any(|code| SPENT_CODES.contains(code))
}

fn of_another() -> AcquireError {
    AcquireError::Invalid("this LongRunningWebApiSessionKey belongs to another user; choose a key per user".to_owned())
}

/// What Microsoft's libraries take for "choose a key for me".
const ALLOCATE: &str = "AllocateForMe";
const CANNOT_ALLOCATE: &str = "LongRunningWebApiSessionKey cannot be `AllocateForMe`: an allocated key could not be told to \
    the caller; choose a key of your own that nobody can guess";
/// AADSTS codes of a refresh token that has ended: by time, by a new password, by revocation.
const SPENT_CODES: [u64; 4] = [70008, 700_082, 50173, 70043];
