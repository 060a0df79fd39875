//! The trust domain as an OpenID issuer, for those who cannot ask the Workload API.

use axum::{Json, Router, routing::get};
use serde_json::json;

use crate::TrustDomain;

/// Discovery and keys.
pub(crate) fn router(issuer: &str, domain: &TrustDomain) -> Router {
    let keys = domain.bundle();
    let algorithms: Vec<_> = keys.keys.iter().filter_map(|key| key.alg.clone()).collect();
    let metadata = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
    });
    Router::new()
        .route("/.well-known/openid-configuration", get(async || Json(metadata)))
        .route("/keys", get(async || Json(keys)))
}
