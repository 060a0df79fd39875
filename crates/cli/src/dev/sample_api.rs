//! The sample downstream API: a small shop that judges every token as a real API would.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use sidekey_entra::{Entra, VerifiedToken};

/// The routes: every path answers with what arrived and who sent it.
pub(crate) fn router(entra: Arc<Entra>) -> Router {
    Router::new().fallback(answer).with_state(entra)
}

async fn answer(
    State(entra): State<Arc<Entra>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(token) = bearer(&headers) else {
        return challenge("Bearer".to_owned(), "send `Authorization: Bearer <token>`");
    };
    match entra.validator().validate(token).await {
        Err(rejection) => challenge("Bearer error=\"invalid_token\"".to_owned(), &rejection.to_string()),
        Ok(token) => match entra.validator().authorize(&token) {
            Err(reason) => {
                (StatusCode::FORBIDDEN, Json(json!({"error": "forbidden", "reason": reason.trim()}))).into_response()
            }
            Ok(()) => Json(reply(&method, &uri, &headers, &body, &token)).into_response(),
        },
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn challenge(challenge: String, reason: &str) -> Response {
    (
        StatusCode::UNAUTHORIZED,
        [(header::WWW_AUTHENTICATE, challenge)],
        Json(json!({"error": "unauthorized", "reason": reason})),
    )
        .into_response()
}

/// What arrived, without the token, and who sent it.
fn reply(method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes, token: &VerifiedToken) -> Value {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    json!({
        "method": method.as_str(),
        "path": uri.path(),
        "query": uri.query(),
        "contentType": content_type,
        "body": String::from_utf8_lossy(body),
        "caller": {
            "kind": if token.is_app { "app" } else { "user" },
            "app": token.client,
            "user": if token.is_app { None } else { token.assertion.user.as_deref() },
            "scopes": token.scopes,
            "roles": token.roles,
        },
        "orders": [{"id": 1, "item": "espresso"}, {"id": 2, "item": "croissant"}],
    })
}
