//! The sample downstream API: a small shop that judges every token as a real API would.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use sidekey_emulator::Emulator;
use sidekey_entra::{Entra, VerifiedToken};

use super::continuous_access::{self, Revoked};

/// The API's own judge of tokens, and who tells it that a user was revoked.
#[derive(Clone)]
pub(crate) struct SampleApi {
    pub(crate) entra: Arc<Entra>,
    pub(crate) emulator: Arc<Emulator>,
}

/// The routes: every path answers with what arrived and who sent it.
pub(crate) fn router(api: SampleApi) -> Router {
    Router::new().fallback(answer).with_state(api)
}

async fn answer(State(api): State<SampleApi>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let Some(token) = bearer(&headers) else {
        return challenge("Bearer".to_owned(), "send `Authorization: Bearer <token>`");
    };
    match api.judge(token).await {
        Ok(token) => Json(reply(&method, &uri, &headers, &body, &token)).into_response(),
        Err(refusal) => *refusal,
    }
}

impl SampleApi {
    async fn judge(&self, token: &str) -> Result<Arc<VerifiedToken>, Box<Response>> {
        let validator = self.entra.validator();
        let token = validator.validate(token).await.map_err(|rejection| Box::new(invalid(&rejection.to_string())))?;
        self.check_revocation(&token)?;
        validator.authorize(&token).map_err(|reason| {
            let body = Json(json!({"error": "forbidden", "reason": reason.trim()}));
            Box::new((StatusCode::FORBIDDEN, body).into_response())
        })?;
        Ok(token)
    }

    fn check_revocation(&self, token: &VerifiedToken) -> Result<(), Box<Response>> {
        let revoked = token.user.as_deref().and_then(|user| self.emulator.revoked(user));
        let Some(revoked) = revoked else { return Ok(()) };
        continuous_access::check(&token.claims_json, revoked).map_err(|why| match why {
            Revoked::Challenge(claims) => {
                let claims = BASE64_STANDARD.encode(claims);
                let parameters = format!("Bearer error=\"insufficient_claims\", claims=\"{claims}\"");
                Box::new(challenge(parameters, "the user's access was revoked: get a newer token"))
            }
            Revoked::Refusal => Box::new(invalid("the user's access was revoked")),
        })
    }
}

fn invalid(reason: &str) -> Response {
    challenge("Bearer error=\"invalid_token\"".to_owned(), reason)
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
            "user": if token.is_app { None } else { token.user.as_deref() },
            "scopes": token.scopes,
            "roles": token.roles,
        },
        "orders": [{"id": 1, "item": "espresso"}, {"id": 2, "item": "croissant"}],
    })
}
