//! `/sidekey/…`: what a test does to the emulator, and what it asks it.

use axum::{
    Json,
    body::Bytes,
    extract::{Request, State},
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_TYPE, HOST, ORIGIN},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Fault, Site};

/// Pages of other sites may not send anything here, though a browser would let them.
pub(super) async fn same_site(headers: HeaderMap, request: Request, next: Next) -> Response {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let own = text(ORIGIN).is_none_or(|origin| origin.split_once("://").map(|(_, host)| host) == text(HOST));
    if own { next.run(request).await } else { problem(StatusCode::FORBIDDEN, "another site's page may not ask this") }
}

/// `GET /sidekey/health`.
pub(super) async fn health(State(site): State<Site>) -> Response {
    match site.emulator.keys.ring().await {
        Ok(_) => Json(json!({ "status": "Healthy", "issuer": &*site.origin })).into_response(),
        Err(error) => problem(StatusCode::SERVICE_UNAVAILABLE, &error.0),
    }
}

/// `GET /sidekey/ca.pem`: what clients of the https listener have to trust.
pub(super) async fn ca(State(site): State<Site>) -> Response {
    ([(CONTENT_TYPE, "application/x-pem-file")], site.emulator.authority.pem().to_owned()).into_response()
}

/// `GET /sidekey/requests`: the last requests, oldest first.
pub(super) async fn requests(State(site): State<Site>) -> Response {
    Json(site.emulator.requests.list()).into_response()
}

/// `GET /sidekey/faults`: those that are still to come.
pub(super) async fn faults(State(site): State<Site>) -> Response {
    Json(site.emulator.faults.list()).into_response()
}

/// `POST /sidekey/faults`: one more.
pub(super) async fn add_fault(State(site): State<Site>, body: Bytes) -> Response {
    let fault: Result<Fault, _> = serde_json::from_slice(&body).map_err(|error| error.to_string());
    let added =
        fault.and_then(|fault| fault.check().and_then(|()| site.emulator.faults.add(fault.clone())).map(|()| fault));
    match added {
        Ok(fault) => (StatusCode::CREATED, Json(fault)).into_response(),
        Err(error) => problem(StatusCode::BAD_REQUEST, &format!("not a fault: {error}")),
    }
}

/// `DELETE /sidekey/faults`: none any more.
pub(super) async fn clear_faults(State(site): State<Site>) -> Response {
    site.emulator.faults.clear();
    StatusCode::NO_CONTENT.into_response()
}

/// `POST /sidekey/keys/rotate`: the next step. First a new key is published, then it signs, then the old one is dropped.
pub(super) async fn rotate(State(site): State<Site>) -> Response {
    if let Err(error) = site.emulator.keys.ring().await {
        return problem(StatusCode::SERVICE_UNAVAILABLE, &error.0);
    }
    let emulator = site.emulator.clone();
    match tokio::task::spawn_blocking(move || emulator.keys.rotate()).await {
        Ok(Ok((ring, step))) => {
            let keys: Vec<_> = ring.keys.iter().map(|key| &key.kid).collect();
            Json(json!({ "step": step, "signing": ring.signing().map(|key| &key.kid), "keys": keys })).into_response()
        }
        Ok(Err(error)) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.0),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// Whose grants are revoked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revocation {
    /// The user's name.
    user: String,
}

/// `POST /sidekey/revoke`: a user's codes and refresh tokens stop working, and resources that evaluate access continuously
/// refuse the access tokens from before.
pub(super) async fn revoke(State(site): State<Site>, body: Bytes) -> Response {
    let revocation: Revocation = match serde_json::from_slice(&body) {
        Ok(revocation) => revocation,
        Err(error) => {
            return problem(StatusCode::BAD_REQUEST, &format!("write {{\"user\": \"name@domain\"}}: {error}"));
        }
    };
    let directory = &site.emulator.directory;
    let user = directory.tenant_of_upn(&revocation.user).and_then(|tenant| tenant.user(&revocation.user));
    let Some(user) = user else {
        return problem(StatusCode::NOT_FOUND, "there is no such user");
    };
    let now = site.emulator.clock.now();
    site.emulator.revocations.revoke(user.oid, now);
    let count = site.emulator.sessions.revoke(user.oid, now);
    Json(json!({ "revoked": count })).into_response()
}

pub(super) fn problem(status: StatusCode, detail: &str) -> Response {
    let body: Value = json!({ "title": status.canonical_reason(), "status": status.as_u16(), "detail": detail });
    (status, [(CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}
