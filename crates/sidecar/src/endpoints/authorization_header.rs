//! `GET /AuthorizationHeader/{apiName}` and `GET /AuthorizationHeaderUnauthenticated/{apiName}`: the finished header value.

use axum::response::Response;
use http::request::Parts;
use serde::Serialize;
use sidekey_entra::AccessToken;
use utoipa::ToSchema;

use crate::{Sidecar, caller, config::Gate, error::Failure, reply, resolve::resolve, routes::Target};

/// Gets a token for an API.
pub(crate) async fn authorization_header(
    sidecar: &Sidecar,
    target: Target<'_>,
    parts: &Parts,
) -> Result<Response, Failure> {
    let (config, entra) = (&sidecar.config, &sidecar.entra);
    let caller = caller::judge(entra, &parts.headers, target.protected, config.mode).await?;
    let gate = if target.protected { Gate::Header } else { Gate::HeaderUnauthenticated };
    let assertion = caller.as_ref().map(|token| &token.assertion);
    let request = resolve(config, gate, target.api, parts.uri.query(), assertion)?.request;
    let (token, _) = match entra.try_cached(&request) {
        Some(cached) => cached,
        // On the heap, so that what is asked for most, a cached token, makes a small future.
        None => Box::pin(entra.acquire(&request)).await?,
    };
    Ok(reply::json(body(&token)))
}

/// The body of a 200.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthorizationHeaderResult<'t> {
    /// Such as `Bearer eyJ…`.
    authorization_header: &'t str,
}

fn body(token: &AccessToken) -> Vec<u8> {
    let authorization_header = token.authorization.expose();
    let mut json = Vec::with_capacity(authorization_header.len() + FRAME_BYTES);
    // Writing to memory cannot fail.
    let _ = serde_json::to_writer(&mut json, &AuthorizationHeaderResult { authorization_header });
    json
}

const FRAME_BYTES: usize = r#"{"authorizationHeader":""}"#.len();
