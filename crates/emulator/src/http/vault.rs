//! Key Vault: `https://{vault}.vault.localhost:{port}/…`, chosen by the host that was asked, and `/sidekey/vault/{name}/…` on any.

use std::sync::Arc;

use axum::{
    Json,
    body::{Body, Bytes, to_bytes},
    extract::{Path, Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{AUTHORIZATION, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE},
        uri::Authority,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use serde_json::json;
use url::form_urlencoded;
use uuid::Uuid;

use super::{
    Fault, Site,
    admin::problem,
    observe::truncated,
    request_log::{Entry, show_parameters},
};
use crate::{
    sts::{BearerError, bearer},
    vault::{Caller, KEY_VAULT_APP, Operation, Reply, Vault, VaultError, VaultHost, find_route},
};

/// Takes the requests that are for a vault and leaves the others.
pub(super) async fn intercept(State(site): State<Site>, request: Request, next: Next) -> Response {
    match Target::find(&site, &request) {
        Some(target) => answer(&site, target, request).await,
        None => next.run(request).await,
    }
}

/// `POST /sidekey/vaults/{vault}/certificates/{certificate}/rotate`: a new version by the certificate's policy.
pub(super) async fn rotate(State(site): State<Site>, Path((vault, certificate)): Path<(String, String)>) -> Response {
    let Some(vault) = site.emulator.vaults.find(&vault).cloned() else {
        return problem(StatusCode::NOT_FOUND, &no_vault(&site, &vault));
    };
    let now = site.emulator.clock.now();
    match tokio::task::spawn_blocking(move || vault.rotate(&certificate, now)).await {
        Ok(Ok((version, expires))) => Json(json!({ "version": version, "expires": expires.0 })).into_response(),
        Ok(Err(error)) => problem(error.status, &error.message),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// Which vault a request is for, and by what names it was asked.
#[derive(Debug)]
struct Target {
    name: String,
    /// The vault's address, without a slash at its end.
    base: String,
    /// What tokens are to be asked for.
    resource: String,
    /// The path below the address, decoded, without empty segments.
    segments: Vec<String>,
}

impl Target {
    fn find(site: &Site, request: &Request) -> Option<Self> {
        let asked = site.asked(request.headers(), request.uri());
        let (scheme, authority) = asked.split_once("://")?;
        let mut segments = segments(request.uri().path());
        if let Some(host) = authority.parse::<Authority>().ok().as_ref().and_then(VaultHost::find) {
            let resource = format!("{scheme}://{}", host.resource);
            return Some(Self { name: host.name.to_owned(), base: asked.clone(), resource, segments });
        }
        let is_own =
            segments.iter().zip(["sidekey", "vault"]).filter(|(own, known)| own.eq_ignore_ascii_case(known)).count();
        if is_own < 2 || segments.len() < 3 {
            return None;
        }
        let name = segments.drain(..3).next_back()?;
        let base = format!("{asked}/sidekey/vault/{name}");
        Some(Self { name, base, resource: RESOURCE.to_owned(), segments })
    }

    /// The path as the log and scripted faults have it: the same for both ways to ask.
    fn log_path(&self) -> String {
        format!("/sidekey/vault/{}/{}", self.name, self.segments.join("/"))
    }
}

fn segments(path: &str) -> Vec<String> {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned()).collect()
}

async fn answer(site: &Site, target: Target, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let query: Vec<(String, String)> =
        form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let body = to_bytes(body, MAX_BODY).await;
    let path = target.log_path();
    let fault = site.emulator.faults.take(&path, None, None);
    let call = Call { site, target, method: parts.method.as_str(), headers: &parts.headers, query: &query };
    let outcome = match (&fault, body) {
        (Some(fault), _) if fault.status.or(fault.code.map(|_| 0)).is_some() => {
            tokio::time::sleep(fault.delay()).await;
            Err(scripted(fault))
        }
        (fault, Ok(body)) => {
            tokio::time::sleep(fault.as_ref().map(Fault::delay).unwrap_or_default()).await;
            call.run(body).await
        }
        (_, Err(_)) => Err(VaultError::too_large(MAX_BODY)),
    };
    let response = call.finish(outcome, fault.as_ref()).await;
    let (now, status) = (site.emulator.clock.now(), response.status().as_u16());
    tracing::debug!(method = call.method, path, status, "vault answered");
    site.emulator.requests.push(Entry {
        time: now.0,
        method: call.method.to_owned(),
        path,
        parameters: show_parameters(query.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
        status,
        code: None,
        correlation_id: call.client_request_id().unwrap_or_default().to_owned(),
        fault: fault.is_some(),
    });
    response
}

/// A request to a vault.
struct Call<'a> {
    site: &'a Site,
    target: Target,
    method: &'a str,
    headers: &'a HeaderMap,
    query: &'a [(String, String)],
}

impl Call<'_> {
    /// In the order of a vault: who asks, for what version of the interface, what, and whether that is allowed.
    async fn run(&self, body: Bytes) -> Result<Reply, VaultError> {
        let emulator = &self.site.emulator;
        let vault = emulator.vaults.find(&self.target.name);
        let vault =
            vault.ok_or_else(|| VaultError::not_found("VaultNotFound", no_vault(self.site, &self.target.name)))?;
        let caller = self.caller(vault).await?;
        check_api_version(self.query)?;
        let (route, address) = find_route(self.method, &self.target.segments)?;
        let now = emulator.clock.now();
        vault.authorize(&caller, route.action, address.object.as_deref(), now)?;
        let (vault, query, run) = (Arc::clone(vault), self.query.to_vec(), route.run);
        let (base, path) = (self.target.base.clone(), self.target.segments.join("/"));
        let operate = move || {
            run(&Operation {
                vault: &vault,
                base: &base,
                path: &path,
                name: &address.name,
                version: address.version.as_deref(),
                query: &query,
                body: &body,
                now,
            })
        };
        tokio::task::spawn_blocking(operate).await.map_err(VaultError::internal)?
    }

    async fn caller(&self, vault: &Vault) -> Result<Caller, VaultError> {
        let authorization = self.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer_token = authorization
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = bearer_token else { return Err(VaultError::unauthorized(MISSING)) };
        let checked = bearer(&self.site.emulator, &self.site.origin, token.trim(), KEY_VAULT_APP).await;
        let found = checked.map_err(|error| refused_token(&error, vault))?;
        if found.tenant != vault.tenant {
            return Err(wrong_issuer(vault, &found.issuer));
        }
        Ok(Caller { oid: found.oid, app: found.app, issuer: found.issuer })
    }

    /// Writes the outcome, with the headers that vaults send.
    async fn finish(&self, outcome: Result<Reply, VaultError>, fault: Option<&Fault>) -> Response {
        let (status, body) = match outcome {
            Ok(reply) => (StatusCode::from_u16(reply.status).unwrap_or_default(), reply.body),
            Err(error) => (error.status, Some(error.body())),
        };
        let mut response = match body {
            Some(body) => (status, super::json(&body)).into_response(),
            None => (status, Body::empty()).into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let mut put = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        put(HeaderName::from_static("x-ms-keyvault-region"), "local");
        put(HeaderName::from_static("x-ms-request-id"), &Uuid::new_v4().to_string());
        if let Some(id) = self.client_request_id() {
            put(HeaderName::from_static("x-ms-client-request-id"), id);
        }
        if status == StatusCode::UNAUTHORIZED {
            put(WWW_AUTHENTICATE, &self.challenge(fault.and_then(|fault| fault.claims.as_deref())));
        }
        if let Some(seconds) = fault.and_then(|fault| fault.retry_after) {
            put(RETRY_AFTER, &seconds.to_string());
        }
        if fault.is_some_and(|fault| fault.truncate_body) { truncated(response).await } else { response }
    }

    /// Where to get a token, and for what. Claims make it a challenge of continuous access evaluation.
    fn challenge(&self, claims: Option<&str>) -> String {
        let (origin, resource) = (&self.site.origin, &self.target.resource);
        let vault = self.site.emulator.vaults.find(&self.target.name);
        let tenant = vault.map_or_else(|| "common".to_owned(), |vault| vault.tenant.to_string());
        let plain = format!("Bearer authorization=\"{origin}/{tenant}\", resource=\"{resource}\"");
        match claims {
            None => plain,
            Some(claims) => {
                format!("{plain}, error=\"insufficient_claims\", claims=\"{}\"", STANDARD.encode(claims))
            }
        }
    }

    fn client_request_id(&self) -> Option<&str> {
        self.headers.get("x-ms-client-request-id")?.to_str().ok()
    }
}

fn check_api_version(query: &[(String, String)]) -> Result<(), VaultError> {
    let version = query.iter().find(|(name, _)| name.eq_ignore_ascii_case("api-version")).map(|(_, value)| value);
    match version {
        Some(version) if API_VERSIONS.contains(&version.as_str()) => Ok(()),
        Some(version) => {
            let known = API_VERSIONS.join("', '");
            Err(VaultError::bad_parameter(format!(
                "The specified version ({version}) is not supported: use one of '{known}'."
            )))
        }
        None => Err(VaultError::bad_parameter("api-version must be specified")),
    }
}

fn refused_token(error: &BearerError, vault: &Vault) -> VaultError {
    match error {
        BearerError::Malformed => {
            VaultError::unauthorized("The token is not a JWT with the claims of an access token.")
        }
        BearerError::Signature => {
            VaultError::unauthorized("AKV10046: Unable to resolve the key used for signature validation.")
        }
        BearerError::Time => VaultError::unauthorized("[TokenExpired] The token has expired or is not yet valid."),
        BearerError::Issuer(found) => wrong_issuer(vault, found),
        BearerError::Audience(found) => {
            VaultError::unauthorized(format!("AKV10022: Invalid audience. Expected {RESOURCE}, found: {found}."))
        }
        BearerError::Unavailable(why) => VaultError::internal(why),
    }
}

fn wrong_issuer(vault: &Vault, found: &str) -> VaultError {
    let expected = format!("https://sts.windows.net/{}/", vault.tenant);
    VaultError::unauthorized(format!("AKV10032: Invalid issuer. Expected one of {expected}, found {found}."))
}

fn no_vault(site: &Site, name: &str) -> String {
    let known = site.emulator.vaults.names().join("`, `");
    format!("There is no vault `{name}` in the directory: it has `{known}`.")
}

/// What a fault answers with. A fault with claims is a challenge; other codes of Entra's have no meaning here.
fn scripted(fault: &Fault) -> VaultError {
    if fault.claims.is_some() {
        return VaultError::unauthorized("The token was revoked: get another one that satisfies the claims.");
    }
    let status = fault.status.and_then(|status| StatusCode::from_u16(status).ok());
    VaultError::scripted(status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE))
}

const MISSING: &str = "AKV10000: Request is missing a Bearer or PoP token.";
/// Key Vault's own identifier.
const RESOURCE: &str = "https://vault.azure.net";
/// Those that Azure's own clients know.
const API_VERSIONS: [&str; 10] =
    ["2016-10-01", "7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "2025-07-01", "2026-04-01"];
/// Far above any request: secrets are at most 25 KiB, certificates some more.
const MAX_BODY: usize = 1 << 20;
