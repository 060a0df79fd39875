//! Azure AD B2C: the endpoints of user flows, below `/{tenant}/{flow}/` and `/tfp/{tenant}/{flow}/`.
//!
//! See <https://learn.microsoft.com/azure/active-directory-b2c/openid-connect>.

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, Method},
    response::Response,
    routing::{any, get},
};

use super::{Asked, Site, keys, metadata, token};
use crate::sts::Refusal;

/// The tenant segment that the other endpoints have, and the user flow.
type Segments = Path<(String, String)>;

pub(super) fn router() -> Router<Site> {
    ["", "/tfp"].into_iter().fold(Router::new(), |router, prefix| {
        let path = |rest: &str| format!("{prefix}/{{tenant}}/{{flow}}/{rest}");
        router
            .route(&path("v2.0/.well-known/openid-configuration"), get(show_metadata))
            .route(&path("discovery/v2.0/keys"), get(show_keys))
            .route(&path("oauth2/v2.0/token"), any(give_token))
    })
}

async fn show_metadata(site: State<Site>, asked: Asked, Path((tenant, flow)): Segments) -> Result<Response, Refusal> {
    metadata::v2(site, asked, Path(format!("{tenant}/{flow}"))).await
}

async fn show_keys(site: State<Site>, Path((tenant, flow)): Segments) -> Result<Response, Refusal> {
    keys::v1(site, Path(format!("{tenant}/{flow}"))).await
}

async fn give_token(
    site: State<Site>,
    asked: Asked,
    Path((tenant, flow)): Segments,
    request: (Method, HeaderMap, Bytes),
) -> Result<Response, Refusal> {
    token::v2(site, asked, Path(format!("{tenant}/{flow}")), request).await
}
