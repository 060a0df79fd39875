//! `/{tenant}[/v2.0]/.well-known/openid-configuration`.
//!
//! See <https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc>.

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde_json::{Value, json};

use super::{Site, json, site::Asked};
use crate::sts::{Place, Refusal, user_flow_issuer};

/// The v2 document.
pub(super) async fn v2(
    State(site): State<Site>,
    asked: Asked,
    Path(tenant): Path<String>,
) -> Result<Response, Refusal> {
    let place = find(&site, &tenant)?;
    let (base, issuer) = (format!("{}/{}", asked.0, place.segment()), place.issuer_segment());
    let mut document = common_members(&site, &asked, &format!("{base}/oauth2/v2.0"));
    extend(
        &mut document,
        json!({
            "jwks_uri": format!("{base}/discovery/v2.0/keys"),
            "issuer": match (place, place.tenant()) {
                (Place::UserFlow(..), Some(tenant)) => user_flow_issuer(&site.origin, tenant),
                _ => format!("{}/{issuer}/v2.0", site.origin),
            },
        }),
    );
    Ok(json(&document))
}

/// The v1 document.
pub(super) async fn v1(
    State(site): State<Site>,
    asked: Asked,
    Path(tenant): Path<String>,
) -> Result<Response, Refusal> {
    let place = find(&site, &tenant)?;
    let (base, issuer) = (format!("{}/{}", asked.0, place.segment()), place.issuer_segment());
    let mut document = common_members(&site, &asked, &format!("{base}/oauth2"));
    extend(
        &mut document,
        json!({
            "jwks_uri": format!("{base}/discovery/keys"),
            "issuer": format!("https://sts.windows.net/{issuer}/"),
            "microsoft_multi_refresh_token": true,
        }),
    );
    Ok(json(&document))
}

fn find<'s>(site: &'s Site, tenant: &str) -> Result<Place<'s>, Refusal> {
    Place::find(&site.emulator.directory, tenant).map_err(|refusal| match refusal.code {
        90002 => Refusal::tenant_without_metadata(tenant),
        _ => refusal,
    })
}

/// What both versions say. Only endpoints that are served here are named.
fn common_members(site: &Site, asked: &Asked, endpoints: &str) -> Value {
    json!({
        "authorization_endpoint": format!("{endpoints}/authorize"),
        "token_endpoint": format!("{endpoints}/token"),
        "userinfo_endpoint": format!("{}/oidc/userinfo", asked.0),
        "end_session_endpoint": format!("{endpoints}/logout"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "request_uri_parameter_supported": false,
        "http_logout_supported": true,
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "nbf", "nonce", "name", "oid", "preferred_username", "tid", "ver", "email",
        ],
        "tenant_region_scope": Value::Null,
        "cloud_instance_name": site.emulator.directory.cloud.instance_name(),
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    })
}

fn extend(document: &mut Value, more: Value) {
    if let (Value::Object(document), Value::Object(more)) = (document, more) {
        document.extend(more);
    }
}
