//! `/oidc/userinfo`: who the bearer of a Microsoft Graph token is (OpenID Connect Core 1.0 §5.3). Entra has it at Graph's host.

use axum::{
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{AUTHORIZATION, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{Site, json};
use crate::sts;

/// Subject, name and mail address of the user; 401 for anything but a user's own good token.
pub(super) async fn show(State(site): State<Site>, headers: HeaderMap) -> Response {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|text| text.split_once(' '));
    let token = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token);
    let user = match token {
        Some(token) => sts::user_info(&site.emulator, &site.origin, token).await,
        None => Err("there is no bearer token".to_owned()),
    };
    match user {
        Ok(user) => json(&serde_json::Value::Object(user)),
        Err(why) => {
            let body = json!({ "error": { "code": "InvalidAuthenticationToken", "message": why } });
            let headers = [(WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")];
            (StatusCode::UNAUTHORIZED, headers, json(&body)).into_response()
        }
    }
}
