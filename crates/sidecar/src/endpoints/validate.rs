//! `GET /Validate`: judges the caller's own token and shows its claims.

use axum::response::Response;
use http::HeaderMap;
use sidekey_entra::VerifiedToken;
use utoipa::ToSchema;

use crate::{
    Sidecar,
    caller::bearer_token,
    config::{Compatibility, Config},
    error::Failure,
    reply,
};

/// Judges the token of a request.
pub(crate) async fn validate(sidecar: &Sidecar, headers: &HeaderMap) -> Result<Response, Failure> {
    let token = bearer_token(headers).ok_or(Failure::NoCredentials)?;
    let validator = sidecar.entra.validator();
    let verified = validator.validate(&token).await.map_err(Failure::Rejected)?;
    match sidecar.config.mode {
        Compatibility::Strict => validator.authorize(&verified).map_err(Failure::Forbidden)?,
        Compatibility::Upstream => authorize_as_upstream(&sidecar.config, &verified)?,
    }
    Ok(reply::json(body(&token, &verified.claims_json)))
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
    /// Always `Bearer`.
    protocol: String,
    /// The token as received.
    token: String,
    /// The token's payload.
    #[schema(value_type = Object)]
    claims: serde_json::Value,
}

fn body(token: &str, claims: &str) -> Vec<u8> {
    let mut json = Vec::with_capacity(token.len() + claims.len() + FRAME_BYTES);
    json.extend_from_slice(br#"{"protocol":"Bearer","token":"#);
    reply::push_json_string(&mut json, token);
    json.extend_from_slice(br#","claims":"#);
    json.extend_from_slice(claims.as_bytes());
    json.push(b'}');
    json
}

const FRAME_BYTES: usize = r#"{"protocol":"Bearer","token":"","claims":}"#.len();
