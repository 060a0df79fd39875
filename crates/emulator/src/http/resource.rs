//! `/sidekey/resource`: a protected resource. It answers with the token's claims, or with the challenge that a real one would send:
//! `insufficient_claims` after a user was revoked, or when `?acrs=c1` demands an authentication context.
//!
//! See <https://learn.microsoft.com/entra/identity-platform/claims-challenge>.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{
        HeaderMap, StatusCode,
        header::{AUTHORIZATION, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::Value;

use super::{Asked, Site, admin::problem, json};
use crate::sts::{Verdict, judge};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Demand {
    acrs: Option<String>,
}

pub(super) async fn show(
    State(site): State<Site>,
    asked: Asked,
    headers: HeaderMap,
    demand: Result<Query<Demand>, QueryRejection>,
) -> Response {
    let Ok(Query(demand)) = demand else { return problem(StatusCode::BAD_REQUEST, "write `?acrs=c1`, or nothing") };
    let context = demand.acrs.as_deref();
    if context.is_some_and(|context| !context.bytes().all(|b| b.is_ascii_alphanumeric())) {
        return problem(StatusCode::BAD_REQUEST, "`acrs` has letters and digits only");
    }
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|text| text.split_once(' '));
    let token = value.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    let Some(token) = token else { return challenge(&asked, "", "send `Authorization: Bearer <token>`") };
    match judge(&site.emulator, &site.origin, token, context).await {
        Ok(claims) => json(&Value::Object(claims)),
        Err(Verdict::Invalid(why)) => challenge(&asked, ", error=\"invalid_token\"", &why),
        Err(Verdict::InsufficientClaims(claims)) => {
            let parameters = format!(", error=\"insufficient_claims\", claims=\"{}\"", STANDARD.encode(claims));
            challenge(&asked, &parameters, "the token lacks claims: ask for one with those of the challenge")
        }
        Err(Verdict::Forbidden(why)) => problem(StatusCode::FORBIDDEN, &why),
    }
}

fn challenge(asked: &Asked, parameters: &str, why: &str) -> Response {
    let value = format!("Bearer realm=\"\", authorization_uri=\"{}/common/oauth2/authorize\"{parameters}", asked.0);
    let mut response = problem(StatusCode::UNAUTHORIZED, why);
    match value.parse() {
        Ok(value) => {
            response.headers_mut().insert(WWW_AUTHENTICATE, value);
            response
        }
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}
