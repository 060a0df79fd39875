//! `GET /Validate`: judges the caller's own token and shows its claims.

use std::sync::Arc;

use axum::response::Response;
use http::HeaderMap;
use sidekey_entra::{VerifiedPop, VerifiedToken};
use utoipa::ToSchema;

use crate::{
    Sidecar,
    caller::{bearer_token, pop_token},
    config::{Compatibility, Config},
    error::Failure,
    original::OriginalRequest,
    reply,
};

/// Judges the token of a request, plain or with proof of possession.
pub(crate) async fn validate(sidecar: &Sidecar, headers: &HeaderMap) -> Result<Response, Failure> {
    if let Some(shr) = pop_token(headers) {
        // Larger and rarer than the rest: on the heap.
        return Box::pin(validate_pop(sidecar, headers, &shr)).await;
    }
    let token = bearer_token(headers).ok_or(Failure::NoCredentials)?;
    let verified = judge(sidecar, &token).await?;
    Ok(reply::json(body("Bearer", &token, &verified.claims_json)))
}

/// Judges a plain token, scopes and roles included.
pub(super) async fn judge(sidecar: &Sidecar, token: &str) -> Result<Arc<VerifiedToken>, Failure> {
    let validator = sidecar.entra.validator();
    let verified = validator.validate(token).await.map_err(Failure::Rejected)?;
    match sidecar.config.mode {
        Compatibility::Strict => validator.authorize(&verified).map_err(Failure::Forbidden)?,
        Compatibility::Upstream => authorize_as_upstream(&sidecar.config, &verified)?,
    }
    Ok(verified)
}

/// The request that was signed is the one that the application got; it says so in two headers.
async fn validate_pop(sidecar: &Sidecar, headers: &HeaderMap, shr: &str) -> Result<Response, Failure> {
    let original = OriginalRequest::of_headers(headers).map_err(Failure::PopRejected)?;
    let verified = judge_pop(sidecar, shr, &original).await?;
    Ok(reply::json(body("PoP", verified.access_token.expose(), &verified.token.claims_json)))
}

/// Judges a signed request, roles included.
pub(super) async fn judge_pop(
    sidecar: &Sidecar,
    shr: &str,
    original: &OriginalRequest<'_>,
) -> Result<VerifiedPop, Failure> {
    let validator = sidecar.entra.validator();
    let verified = validator.validate_pop(shr, original.method, &original.url).await.map_err(Failure::PopRejected)?;
    if sidecar.config.mode == Compatibility::Strict {
        validator.authorize_pop(&verified.token).map_err(Failure::Forbidden)?;
    }
    Ok(verified)
}

/// The original takes `AzureAd:Scopes` for one scope, whatever it holds, and lets no app's token pass.
fn authorize_as_upstream(config: &Config, token: &VerifiedToken) -> Result<(), Failure> {
    match &config.upstream_scope {
        Some(scope) if !token.scopes.iter().any(|own| **own == **scope) => Err(Failure::Forbidden(format!(
            "IDW10203: The 'scope' or 'scp' claim does not contain scopes '{scope}' or was not found. "
        ))),
        _ => Ok(()),
    }
}

/// The body of a 200.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used: the claims are JSON already and are not parsed again")]
pub(crate) struct ValidateAuthorizationHeaderResult {
    /// `Bearer`, or `PoP` for a signed HTTP request.
    protocol: String,
    /// The access token as received; of a signed HTTP request, the one within.
    token: String,
    /// The token's payload.
    #[schema(value_type = Object)]
    claims: serde_json::Value,
}

fn body(protocol: &str, token: &str, claims: &str) -> Vec<u8> {
    let mut json = Vec::with_capacity(token.len() + claims.len() + FRAME_BYTES);
    json.extend_from_slice(br#"{"protocol":""#);
    json.extend_from_slice(protocol.as_bytes());
    json.extend_from_slice(br#"","token":"#);
    reply::push_json_string(&mut json, token);
    json.extend_from_slice(br#","claims":"#);
    json.extend_from_slice(claims.as_bytes());
    json.push(b'}');
    json
}

const FRAME_BYTES: usize = r#"{"protocol":"Bearer","token":"","claims":}"#.len();
