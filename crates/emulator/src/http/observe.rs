//! Around every authority request: its ids, the log, scripted faults, and refusals turned into replies.

use std::io;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER},
        request::Parts,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use sidekey_host::UnixTime;
use url::form_urlencoded;
use uuid::Uuid;

use super::{
    Fault, Site, hosts,
    request_log::{Entry, show_parameters},
    token::is_form,
};
use crate::sts::Refusal;

/// A refusal travels to [`observe`] as an extension of an empty reply: only there are the request's ids known.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Reads the body, meets the request with a fault if there is one, and finishes the reply.
pub(super) async fn observe(State(site): State<Site>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await;
    let seen = Seen::new(&parts, body.as_deref().unwrap_or_default());
    let fault = site.emulator.faults.take(&seen.path, seen.parameter("grant_type"), seen.parameter("client_id"));
    let response = match body {
        Ok(body) => answer(fault.as_ref(), parts, body, next).await,
        Err(_) => Refusal::too_large(MAX_BODY).into_response(),
    };
    let code = response.extensions().get::<Refusal>().map(|refusal| refusal.code);
    let response = finish(response, &seen, fault.as_ref(), site.emulator.clock.now()).await;
    let status = response.status().as_u16();
    tracing::debug!(method = %seen.method, path = seen.path, status, code, correlation.id = %seen.correlation_id, "answered");
    site.emulator.requests.push(seen.entry(site.emulator.clock.now(), status, code, fault.is_some()));
    response
}

async fn answer(fault: Option<&Fault>, parts: Parts, body: Bytes, next: Next) -> Response {
    if let Some(fault) = fault {
        tokio::time::sleep(fault.delay()).await;
        if let Some(refusal) = fault.refusal() {
            return refusal.into_response();
        }
    }
    next.run(Request::from_parts(parts, Body::from(body))).await
}

/// What is known of a request.
struct Seen {
    method: Method,
    path: String,
    parameters: Vec<(String, zeroize::Zeroizing<String>)>,
    trace_id: Uuid,
    correlation_id: Uuid,
    wants_echo: bool,
}

impl Seen {
    fn new(parts: &Parts, body: &[u8]) -> Self {
        let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let form = form_urlencoded::parse(if is_form(&parts.headers) { body } else { b"" });
        let parameters: Vec<_> =
            query.chain(form).map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect();
        let mut seen = Self {
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            parameters,
            trace_id: Uuid::new_v4(),
            correlation_id: Uuid::nil(),
            wants_echo: false,
        };
        let either = |name: &str| header(&parts.headers, name).or(seen.parameter(name));
        let correlation_id = either("client-request-id").and_then(|id| Uuid::try_parse(id).ok());
        let wants_echo = either("return-client-request-id").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        seen.correlation_id = correlation_id.unwrap_or_else(Uuid::new_v4);
        seen.wants_echo = wants_echo;
        seen
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    fn entry(&self, now: UnixTime, status: u16, code: Option<u64>, fault: bool) -> Entry {
        Entry {
            time: now.0,
            method: self.method.to_string(),
            path: self.path.clone(),
            parameters: show_parameters(self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
            status,
            code,
            correlation_id: self.correlation_id.to_string(),
            fault,
        }
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Writes refusals out, adds the ids, and spoils what a fault wants spoilt.
async fn finish(response: Response, seen: &Seen, fault: Option<&Fault>, now: UnixTime) -> Response {
    let mut response = match response.extensions().get::<Refusal>() {
        Some(refusal) if hosts::is_host_path(&seen.path) => hosts::faulted(refusal),
        Some(refusal) => refused(refusal, seen, now),
        None => response,
    };
    let headers = response.headers_mut();
    let mut put = |name: &'static str, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    put("x-ms-request-id", seen.trace_id.to_string());
    if seen.wants_echo {
        put("client-request-id", seen.correlation_id.to_string());
    }
    let Some(fault) = fault else { return response };
    if let Some(seconds) = fault.retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    let response = spoil_members(response, fault).await;
    if fault.truncate_body { truncated(response).await } else { response }
}

fn refused(refusal: &Refusal, seen: &Seen, now: UnixTime) -> Response {
    let reply = json!(refusal.reply(now, seen.trace_id, seen.correlation_id));
    let mut response = (refusal.status, super::json(&reply)).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if refusal.status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

/// Changes or drops members of a JSON reply.
async fn spoil_members(response: Response, fault: &Fault) -> Response {
    if fault.token_type.is_none() && !fault.omit_expires_in {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let Ok(Value::Object(mut members)) = serde_json::from_slice(&body) else {
        return Response::from_parts(parts, Body::from(body));
    };
    if let Some(kind) = &fault.token_type {
        members.insert("token_type".to_owned(), json!(kind));
    }
    if fault.omit_expires_in {
        members.remove("expires_in");
    }
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(Value::Object(members).to_string()))
}

/// Promises the whole body, sends half of it, and breaks the connection.
pub(super) async fn truncated(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    parts.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    let half = body.slice(..body.len() / 2);
    let fails = async {
        // Lets the server send what it has before the connection breaks.
        tokio::task::yield_now().await;
        Err::<Bytes, _>(io::Error::other("a scripted fault"))
    };
    let broken = stream::once(async { Ok(half) }).chain(stream::once(fails));
    Response::from_parts(parts, Body::from_stream(broken))
}

/// Far above any token request: assertions are at most 250 KiB.
const MAX_BODY: usize = 1 << 20;
