//! `/{tenant}/oauth2/v2.0/token` and `/{tenant}/oauth2/token`.

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{
        HeaderMap, Method,
        header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, PRAGMA},
    },
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::{Site, json, site::Asked};
use crate::sts::{self, Form, Refusal, TokenCall};

/// The v2 endpoint.
pub(super) async fn v2(
    State(site): State<Site>,
    asked: Asked,
    Path(segment): Path<String>,
    request: (Method, HeaderMap, Bytes),
) -> Result<Response, Refusal> {
    respond(&site, &asked, &segment, false, request).await
}

/// The v1 endpoint: `resource` instead of `scope`, and numbers as texts.
pub(super) async fn v1(
    State(site): State<Site>,
    asked: Asked,
    Path(segment): Path<String>,
    request: (Method, HeaderMap, Bytes),
) -> Result<Response, Refusal> {
    respond(&site, &asked, &segment, true, request).await
}

async fn respond(
    site: &Site,
    asked: &Asked,
    segment: &str,
    v1: bool,
    (method, headers, body): (Method, HeaderMap, Bytes),
) -> Result<Response, Refusal> {
    if method != Method::POST {
        return Err(Refusal::only_post(method));
    }
    let form = if is_form(&headers) { Form::parse(&body)? } else { Form::default() };
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let call = TokenCall { origin: &site.origin, asked: &asked.0, segment, v1, form: &form, authorization };
    let reply = sts::respond(&site.emulator, call).await?;
    Ok(([(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")], json(&Value::Object(reply))).into_response())
}

/// Another content type has no parameters, which the answer then says, as Entra's does.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
