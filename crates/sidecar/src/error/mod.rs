//! What can go wrong, and what the caller is told: one table for both compatibility modes.

mod problem;

use std::{sync::Arc, time::Duration};

use axum::{body::Body, response::Response};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderName, HeaderValue, StatusCode, header};
use sidekey_entra::{AcquireError, EntraRefusal, PopRejection, Rejection};
use uuid::Uuid;

pub(crate) use problem::Problem;

use crate::{
    config::Compatibility,
    events,
    flow::NoFlow,
    query::{AgentRule, BadOverride},
};

/// Why a request gets no result.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The route demands a token and none came.
    NoCredentials,
    /// The token is refused.
    Rejected(Rejection),
    /// The signed HTTP request is refused.
    PopRejected(PopRejection),
    /// The token is good, but has none of the scopes or roles that are asked for.
    Forbidden(String),
    /// The API's name is not configured.
    UnknownApi(String),
    /// The API has no scopes, and the caller gave none.
    NoScopes(String),
    /// Agent parameters on a route whose overrides are off; the key that would turn them on.
    AgentGated(&'static str),
    /// The request contradicts itself or the rules; the text is for the caller.
    BadRequest(String),
    /// No token was got.
    Acquire(AcquireError),
    /// The call of the downstream API came to nothing.
    Downstream(String, CallFault),
    /// All memory for buffered bytes is in use.
    Overloaded,
    /// The request's body is too long.
    BodyTooLarge,
    /// The request's body did not come in time.
    BodyTimeout,
    /// Ours or the configuration's fault; the text is for the log alone.
    Internal(String),
}

/// Why a downstream call gave no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallFault {
    /// No connection, or one that broke; the text is for the log.
    Unreachable(String),
    /// No whole reply in time.
    Timeout(Duration),
    /// A reply beyond the limit.
    TooLarge(usize),
}

impl Failure {
    /// Logs the failure where that is due and makes the reply. `api` is the API's name, where there is one.
    pub(crate) fn into_response(self, api: &str, mode: Compatibility) -> Response {
        let reference = Uuid::new_v4();
        match &self {
            Self::Rejected(why) => events::token_rejected(why),
            Self::PopRejected(why) => events::pop_rejected(why),
            Self::Acquire(error) => events::request_failed(api, error, reference),
            Self::Downstream(_, fault) => events::request_failed(api, fault, reference),
            Self::Internal(cause) => events::request_failed(api, cause, reference),
            Self::Overloaded => events::request_failed(api, &OVERLOADED, reference),
            _ => {}
        }
        answer(&self, mode, reference).into_response()
    }
}

/// The reply to a caller who asks too often.
pub(crate) fn too_often(after: Duration) -> Response {
    Answer::problem(StatusCode::TOO_MANY_REQUESTS, TOO_OFTEN).retry(after).into_response()
}

/// The reply to a failure, as a value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    status: StatusCode,
    body: AnswerBody,
    challenges: Vec<String>,
    reason: Option<String>,
    retry_after: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum AnswerBody {
    Empty,
    Text(String),
    Problem(Box<Problem>),
}

/// The table of failures.
fn answer(failure: &Failure, mode: Compatibility, reference: Uuid) -> Answer {
    use Compatibility::{Strict, Upstream};
    match (failure, mode) {
        (Failure::NoCredentials, _) => Answer::challenge("Bearer".to_owned()),
        (Failure::Rejected(why), _) => Answer::challenge(invalid_token(why.description())).because(why.reason()),
        (Failure::PopRejected(PopRejection::NoRoom), _) => {
            Answer::problem(StatusCode::SERVICE_UNAVAILABLE, NO_ROOM).retry(RETRY_AFTER)
        }
        (Failure::PopRejected(why), _) => pop_rejected(why),
        (Failure::Forbidden(text), Strict) => Answer::problem(StatusCode::FORBIDDEN, text),
        (Failure::Forbidden(text), Upstream) => Answer::text(StatusCode::FORBIDDEN, text),
        (Failure::UnknownApi(api), Strict) => Answer::problem(StatusCode::NOT_FOUND, unknown_api(api)),
        (Failure::UnknownApi(api), Upstream) | (Failure::NoScopes(api), _) => {
            Answer::problem(StatusCode::BAD_REQUEST, no_scopes(api))
        }
        (Failure::AgentGated(key), _) => Answer::problem(StatusCode::BAD_REQUEST, gated(key)),
        (Failure::BadRequest(text), _) => Answer::problem(StatusCode::BAD_REQUEST, text),
        (Failure::Acquire(error), _) => not_acquired(error, mode, reference),
        (Failure::Downstream(api, fault), Strict) => not_called(api, fault),
        (Failure::Overloaded, _) => {
            Answer::problem(StatusCode::SERVICE_UNAVAILABLE, OVERLOADED).retry(Duration::from_secs(1))
        }
        (Failure::BodyTooLarge, _) => Answer::empty(StatusCode::PAYLOAD_TOO_LARGE),
        (Failure::BodyTimeout, _) => Answer::empty(StatusCode::REQUEST_TIMEOUT),
        (Failure::Internal(_), Strict) => unexpected(reference),
        (Failure::Internal(_) | Failure::Downstream(..), Upstream) => unexpected_upstream(),
    }
}

/// The rows about tokens that were not got.
fn not_acquired(error: &AcquireError, mode: Compatibility, reference: Uuid) -> Answer {
    use Compatibility::{Strict, Upstream};
    match (error, mode) {
        (AcquireError::Refused(refusal) | AcquireError::IdentityRefused(refusal), Strict) => refused(refusal),
        (AcquireError::Refused(refusal) | AcquireError::IdentityRefused(refusal), Upstream) => {
            Answer::problem(StatusCode::UNAUTHORIZED, words_of(refusal))
        }
        (AcquireError::NoUser | AcquireError::NoSession, _) => {
            Answer::problem(StatusCode::UNAUTHORIZED, error.to_string())
        }
        (AcquireError::Invalid(text), _) => Answer::problem(StatusCode::BAD_REQUEST, text),
        (AcquireError::Unavailable { message, throttled, retry_after, reply }, Strict) => {
            unavailable(message, *throttled, *retry_after, reply.as_ref())
        }
        (AcquireError::Unavailable { reply: Some(_), .. }, Upstream) => {
            Answer::problem(StatusCode::UNAUTHORIZED, "Service is unavailable to process the request.")
        }
        (_, Strict) => unexpected(reference),
        (_, Upstream) => unexpected_upstream(),
    }
}

/// Entra refused: its words, and its claims challenge passed on as RFC 6750 and Microsoft's clients expect it.
fn refused(refusal: &EntraRefusal) -> Answer {
    let problem = Problem::new(StatusCode::UNAUTHORIZED, words_of(refusal)).with_entra(refusal);
    let challenge =
        refusal.reply.claims.as_ref().map(|claims| {
            format!(r#"Bearer error="insufficient_claims", claims="{}""#, BASE64_STANDARD.encode(claims))
        });
    Answer { challenges: challenge.into_iter().collect(), ..Answer::of(StatusCode::UNAUTHORIZED, problem) }
}

/// Entra's description, as it came; its error, where it gave none.
fn words_of(refusal: &EntraRefusal) -> &str {
    let reply = &refusal.reply;
    if reply.error_description.is_empty() { &reply.error } else { &reply.error_description }
}

fn unavailable(
    message: &str,
    throttled: bool,
    retry_after: Option<Duration>,
    reply: Option<&Arc<EntraRefusal>>,
) -> Answer {
    let status = if throttled { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut problem = Problem::new(status, message);
    if let Some(refusal) = reply {
        problem = problem.with_entra(refusal);
    }
    Answer::of(status, problem).retry(retry_after.unwrap_or(RETRY_AFTER))
}

/// The downstream call gave no reply.
fn not_called(api: &str, fault: &CallFault) -> Answer {
    match fault {
        CallFault::Unreachable(_) => {
            Answer::problem(StatusCode::BAD_GATEWAY, format!("The downstream API '{api}' cannot be reached."))
        }
        CallFault::Timeout(limit) => Answer::problem(
            StatusCode::GATEWAY_TIMEOUT,
            format!("The downstream API '{api}' did not answer within {} s.", limit.as_secs_f32()),
        ),
        CallFault::TooLarge(limit) => Answer::problem(
            StatusCode::BAD_GATEWAY,
            format!("The downstream API '{api}' answered with more than {limit} bytes."),
        ),
    }
}

/// Nothing of the cause, but where to find it.
fn unexpected(reference: Uuid) -> Answer {
    let detail = format!("{UNEXPECTED} The log has the cause under the reference {reference}.");
    let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).with_reference(reference);
    Answer::of(StatusCode::INTERNAL_SERVER_ERROR, problem)
}

fn unexpected_upstream() -> Answer {
    Answer::problem(StatusCode::INTERNAL_SERVER_ERROR, UNEXPECTED)
}

fn invalid_token(description: Option<String>) -> String {
    let description = description.map(|text| format!(", error_description=\"{text}\""));
    format!("Bearer error=\"invalid_token\"{}", description.unwrap_or_default())
}

/// The original's challenge, and behind it the one for plain tokens, which says why.
fn pop_rejected(why: &PopRejection) -> Answer {
    let challenges = vec![r#"PoP error="invalid_token""#.to_owned(), invalid_token(why.description())];
    Answer { challenges, ..Answer::empty(StatusCode::UNAUTHORIZED) }.because(why.reason())
}

fn unknown_api(api: &str) -> String {
    format!(
        "The downstream API '{api}' is not configured. Add a section 'DownstreamApis:{api}' with its 'BaseUrl' and \
         'Scopes'."
    )
}

fn no_scopes(api: &str) -> String {
    format!(
        "No scopes found for the API '{api}' or in optionsOverride. 'scopes' needs to be either a single value or a \
         list of values."
    )
}

fn gated(key: &str) -> String {
    format!("Agent parameters are not allowed on this route. Set '{key}' to 'true' to allow them.")
}

impl Answer {
    fn empty(status: StatusCode) -> Self {
        Self { status, body: AnswerBody::Empty, challenges: Vec::new(), reason: None, retry_after: None }
    }

    fn challenge(challenge: String) -> Self {
        Self { challenges: vec![challenge], ..Self::empty(StatusCode::UNAUTHORIZED) }
    }

    fn text(status: StatusCode, text: &str) -> Self {
        Self { body: AnswerBody::Text(text.to_owned()), ..Self::empty(status) }
    }

    fn of(status: StatusCode, problem: Problem) -> Self {
        Self { body: AnswerBody::Problem(Box::new(problem)), ..Self::empty(status) }
    }

    fn problem(status: StatusCode, detail: impl Into<String>) -> Self {
        Self::of(status, Problem::new(status, detail))
    }

    fn because(self, reason: String) -> Self {
        Self { reason: Some(reason), ..self }
    }

    fn retry(self, after: Duration) -> Self {
        Self { retry_after: Some(after), ..self }
    }

    fn into_response(self) -> Response {
        let (body, content_type) = match self.body {
            AnswerBody::Empty => (Vec::new(), None),
            AnswerBody::Text(text) => (text.into_bytes(), None),
            AnswerBody::Problem(problem) => {
                (serde_json::to_vec(&problem).unwrap_or_default(), Some("application/problem+json"))
            }
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        for challenge in self.challenges {
            let challenge = HeaderValue::from_str(&challenge);
            headers.append(header::WWW_AUTHENTICATE, challenge.unwrap_or(HeaderValue::from_static("Bearer")));
        }
        if let Some(reason) = self.reason.and_then(|reason| HeaderValue::from_str(&reason).ok()) {
            headers.insert(REASON, reason);
        }
        if let Some(after) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
        }
        response
    }
}

/// At least one second, and never less than what is meant.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)).max(1)
}

impl std::fmt::Display for CallFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "the downstream API cannot be reached: {why}"),
            Self::Timeout(limit) => {
                write!(f, "no answer within {} s (`Sidecar:Limits:DownstreamTimeout`)", limit.as_secs_f32())
            }
            Self::TooLarge(limit) => {
                write!(f, "the answer has more than {limit} bytes (`Sidecar:Limits:MaxDownstreamResponseBytes`)")
            }
        }
    }
}

impl From<AcquireError> for Failure {
    fn from(error: AcquireError) -> Self {
        Self::Acquire(error)
    }
}

impl From<AgentRule> for Failure {
    fn from(rule: AgentRule) -> Self {
        Self::BadRequest(rule.to_string())
    }
}

impl From<BadOverride> for Failure {
    fn from(bad: BadOverride) -> Self {
        Self::BadRequest(bad.to_string())
    }
}

impl From<NoFlow> for Failure {
    fn from(why: NoFlow) -> Self {
        match why {
            NoFlow::NoUser => Self::Acquire(AcquireError::NoUser),
            NoFlow::AgentAndManagedIdentity => Self::BadRequest(why.to_string()),
        }
    }
}

/// Which check a token failed. The challenge has the original's words, which say less.
const REASON: HeaderName = HeaderName::from_static("x-sidekey-reason");
const UNEXPECTED: &str = "An unexpected error occurred.";
const TOO_OFTEN: &str = "This caller asks more often than `Sidecar:RateLimit` allows.";
const NO_ROOM: &str = "Too many signed requests are remembered to tell whether this one came before; try again later.";
const OVERLOADED: &str = "Too many bytes are buffered for calls in flight; try again in a moment.";

/// Where Entra gives no time to come again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
