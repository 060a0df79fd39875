//! The routes. A new endpoint is one new file and a line in [`router`].

mod admin;
mod authorize;
mod fault;
mod hosts;
mod instance;
mod keys;
mod logout;
mod metadata;
mod observe;
mod page;
mod request_log;
mod resource;
mod site;
mod start_page;
mod test_token;
mod token;
mod user_flow;
mod userinfo;
mod userrealm;
mod vault;

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{Uri, uri::PathAndQuery},
    middleware,
    response::{IntoResponse, Response},
    routing::{any, get},
};
use tower::util::MapRequestLayer;

pub(crate) use fault::{Fault, Faults};
pub(crate) use hosts::Hosts;
pub(crate) use request_log::RequestLog;
pub use site::Scheme;
pub(crate) use site::{Asked, Site};

/// All routes. `{tenant}` is an id, a domain, `common`, `organizations` or `consumers`.
pub(crate) fn router(site: &Site) -> Router {
    let authority = Router::new()
        .route("/{tenant}/.well-known/openid-configuration", get(metadata::v1))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(metadata::v2))
        .route("/{tenant}/discovery/keys", get(keys::v1))
        .route("/{tenant}/discovery/v2.0/keys", get(keys::v2))
        .route("/{tenant}/discovery/instance", get(instance::show))
        .route("/{tenant}/oauth2/token", any(token::v1))
        .route("/{tenant}/oauth2/v2.0/token", any(token::v2))
        .route("/{tenant}/oauth2/authorize", get(authorize::show).post(authorize::submit))
        .route("/{tenant}/oauth2/v2.0/authorize", get(authorize::show).post(authorize::submit))
        .route("/{tenant}/oauth2/logout", get(logout::show).post(logout::show))
        .route("/{tenant}/oauth2/v2.0/logout", get(logout::show).post(logout::show))
        .route("/oidc/userinfo", get(userinfo::show).post(userinfo::show))
        .route("/{tenant}/userrealm/{user}", get(userrealm::show))
        .merge(user_flow::router())
        .merge(hosts::router())
        .layer(middleware::from_fn_with_state(site.clone(), observe::observe));
    let own = Router::new()
        .route("/", get(start_page::show))
        .route("/sidekey/health", get(admin::health))
        .route("/sidekey/ca.pem", get(admin::ca))
        .route("/sidekey/token", get(test_token::show))
        .route("/sidekey/requests", get(admin::requests))
        .route("/sidekey/faults", get(admin::faults).post(admin::add_fault).delete(admin::clear_faults))
        .route("/sidekey/keys/rotate", axum::routing::post(admin::rotate))
        .route("/sidekey/revoke", axum::routing::post(admin::revoke))
        .route("/sidekey/resource", any(resource::show))
        .merge(hosts::env_router())
        .route("/sidekey/vaults/{vault}/certificates/{certificate}/rotate", axum::routing::post(vault::rotate))
        .layer(middleware::from_fn(admin::same_site));
    let routes = authority.merge(own).fallback(page::not_found).with_state(site.clone());
    Router::new()
        .fallback_service(tower::Layer::layer(&MapRequestLayer::new(normalize), routes))
        .layer(middleware::from_fn_with_state(site.clone(), vault::intercept))
}

/// Clients differ in slashes and case: empty segments go, and all but the first segment are lower-cased. (The first is the tenant,
/// which error texts show as it was sent.)
fn normalize(mut request: Request) -> Request {
    let uri = request.uri();
    let mut segments = uri.path().split('/').filter(|segment| !segment.is_empty());
    let first = segments.next().unwrap_or_default();
    let first = if first.eq_ignore_ascii_case("metadata") { "metadata" } else { first }.to_owned();
    let path = segments.fold(format!("/{first}"), |path, segment| format!("{path}/{}", segment.to_ascii_lowercase()));
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    if let Ok(path) = format!("{path}{query}").parse::<PathAndQuery>() {
        parts.path_and_query = Some(path);
    }
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request
}

/// A JSON document as Entra sends it.
fn json(document: &serde_json::Value) -> Response {
    let headers = [(axum::http::header::CONTENT_TYPE, "application/json; charset=utf-8")];
    (headers, Body::from(document.to_string())).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_and_case_do_not_matter_but_the_query_stays() {
        let cases = [
            ("/Contoso.com/OAuth2/V2.0/Token/?A=b%2Dc", "/Contoso.com/oauth2/v2.0/token?A=b%2Dc"),
            ("//x//y", "/x/y"),
            ("/Metadata/Identity/OAuth2/Token/?a=B", "/metadata/identity/oauth2/token?a=B"),
            ("/", "/"),
            ("http://h:1/a/B/", "http://h:1/a/b"),
        ];
        for (sent, expected) in cases {
            let request = Request::builder().uri(sent).body(Body::empty()).unwrap();
            assert_eq!(normalize(request).uri().to_string(), expected);
        }
    }
}
