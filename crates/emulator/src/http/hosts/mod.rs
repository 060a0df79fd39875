//! The hosts that hand out tokens of managed identities: one file for each, with its own header rules and its own shape of replies.
//!
//! See <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview>.

mod app_service;
mod arc;
mod arc_keys;
mod azure_ml;
mod bundle;
mod cloud_shell;
mod env;
mod error;
mod imds;
mod instance;
mod selection;
mod service_fabric;

use std::path::PathBuf;

use axum::{
    Router,
    http::HeaderMap,
    response::Response,
    routing::{any, get},
};
use serde_json::{Map, Value, json};
use sidekey_oauth::Secret;
use uuid::Uuid;

use self::{arc_keys::ArcKeys, bundle::Bundle, error::HostError};
use super::Site;
use crate::{
    directory::App,
    sts::{Form, HostToken, HostTokens, Refusal, Wish, host_token},
};

/// The routes of all hosts. A new host is a file and a line here.
pub(super) fn router() -> Router<Site> {
    Router::new()
        .route(imds::PATH, any(imds::show))
        .route("/metadata/identity/info", any(instance::identity))
        .route("/metadata/instance", any(instance::show))
        .route("/metadata/instance/{*path}", any(instance::show))
        .route(app_service::PATH, any(app_service::show))
        .route(arc::PATH, any(arc::show))
        .route(service_fabric::PATH, any(service_fabric::show))
        .route(cloud_shell::PATH, any(cloud_shell::show))
        .route(azure_ml::PATH, any(azure_ml::show))
}

/// The route that says how a client is pointed at a host.
pub(super) fn env_router() -> Router<Site> {
    Router::new().route("/sidekey/env", get(env::show)).route("/sidekey/ca-bundle.pem", get(env::bundle))
}

/// What the hosts remember.
#[derive(Debug)]
pub(crate) struct Hosts {
    /// The header value that App Service, Service Fabric and Azure ML want to see, against requests that others were tricked into.
    secret: Secret,
    arc_keys: ArcKeys,
    bundle: Bundle,
    pub(crate) tokens: HostTokens,
}

impl Hosts {
    /// With Azure Arc's key files in that folder, and the bundle of CAs in the other.
    pub(crate) fn new(arc_folder: Option<PathBuf>, state_folder: Option<PathBuf>) -> Self {
        Self {
            secret: Secret::new(Uuid::new_v4().to_string()),
            arc_keys: ArcKeys::new(arc_folder),
            bundle: Bundle::new(state_folder),
            tokens: HostTokens::default(),
        }
    }
}

/// Whether a path is a host's and not the authority's.
pub(super) fn is_host_path(path: &str) -> bool {
    path.starts_with("/metadata/") || path.starts_with("/hosts/")
}

/// A scripted fault as a host would word it.
pub(super) fn faulted(refusal: &Refusal) -> Response {
    let error = match refusal.status.as_u16() {
        404 => "not_found",
        410 => "gone",
        429 => "too_many_requests",
        _ => "unknown",
    };
    error::plain(&HostError::new(refusal.status, error, &refusal.text))
}

/// The parameters of a request's query.
fn parameters(query: Option<&str>) -> Result<Form, HostError> {
    Form::parse(query.unwrap_or_default().as_bytes()).map_err(|refusal| HostError::bad_request(refusal.text))
}

/// `Metadata: true` has to be there, and no sign of a proxy: a request that someone was tricked into has it otherwise.
fn check_metadata_header(headers: &HeaderMap) -> Result<(), HostError> {
    if !header(headers, "metadata").is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
        return Err(HostError::bad_request("Required metadata header not specified"));
    }
    refuse_forwarded(headers)
}

fn refuse_forwarded(headers: &HeaderMap) -> Result<(), HostError> {
    if headers.contains_key("x-forwarded-for") {
        return Err(HostError::bad_request("Requests with the header X-Forwarded-For are refused"));
    }
    Ok(())
}

/// The header that carries the host's secret, by a comparison whose time tells nothing.
fn check_secret(site: &Site, headers: &HeaderMap, name: &str) -> Result<(), HostError> {
    let given =
        header(headers, name).ok_or_else(|| HostError::unauthorized(format!("The header {name} is missing")))?;
    if Secret::new(given) == site.emulator.hosts.secret {
        return Ok(());
    }
    Err(HostError::unauthorized(format!("The header {name} is wrong")))
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// `api-version` is a date, not before the first that there was.
fn check_version(form: &Form, first: &str) -> Result<(), HostError> {
    let version = form.get("api-version");
    let version = version.ok_or_else(|| HostError::bad_request("Required query variable 'api-version' is missing"))?;
    if is_date(version) && version >= first {
        return Ok(());
    }
    Err(HostError::bad_request(format!("The api-version '{version}' is not supported: write {first} or later")))
}

fn is_date(text: &str) -> bool {
    let shape: Vec<_> = text.bytes().map(|b| if b.is_ascii_digit() { b'0' } else { b }).collect();
    shape == b"0000-00-00"
}

/// The token that a request asks for.
async fn token(site: &Site, identity: &App, form: &Form) -> Result<HostToken, HostError> {
    let wish = wish(form)?;
    host_token(&site.emulator, &site.origin, identity, &wish).await.map_err(HostError::from)
}

fn wish(form: &Form) -> Result<Wish<'_>, HostError> {
    let resource = form.get("resource");
    let resource = resource.ok_or_else(|| HostError::bad_request("Required query variable 'resource' is missing"))?;
    let capabilities = form.get("xms_cc").unwrap_or_default().split(',').map(str::trim).filter(|one| !one.is_empty());
    let capabilities = capabilities.map(str::to_owned).collect();
    Ok(Wish { resource, capabilities, rejected: form.get("token_sha256_to_refresh") })
}

/// The whole reply, as the instance metadata service has it: numbers are texts.
fn long_reply(site: &Site, identity: &App, token: &HostToken) -> Map<String, Value> {
    let left = token.expires.since(site.emulator.clock.now()).as_secs().to_string();
    let mut reply = short_reply(identity, token);
    let more = [("expires_in", left.clone()), ("ext_expires_in", left), ("not_before", token.not_before.0.to_string())];
    reply.extend(more.map(|(name, value)| (name.to_owned(), json!(value))));
    reply
}

/// The reply of App Service and its likes: no `expires_in`.
fn short_reply(identity: &App, token: &HostToken) -> Map<String, Value> {
    let members = [
        ("access_token", token.token.expose().to_owned()),
        ("client_id", identity.client_id.to_string()),
        ("expires_on", token.expires.0.to_string()),
        ("resource", token.resource.clone()),
        ("token_type", "Bearer".to_owned()),
    ];
    members.map(|(name, value)| (name.to_owned(), json!(value))).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_dates_from_the_first_on() {
        let check = |query: &str| check_version(&Form::parse(query.as_bytes()).unwrap(), "2018-02-01").is_ok();
        for good in ["api-version=2018-02-01", "api%2Dversion=2023-11-15"] {
            assert!(check(good), "{good}");
        }
        for bad in ["", "api-version=", "api-version=2017-12-01", "api-version=latest", "api-version=2018-02-01x"] {
            assert!(!check(bad), "{bad}");
        }
    }
}
