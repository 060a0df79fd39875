//! Key Vault: `https://{vault}.vault.localhost:{port}/…`, chosen by the host that was asked, and `/sidekey/vault/{name}/…` on any.

mod refusal;
mod reply;
mod target;

use std::sync::Arc;

use axum::{
    Json,
    body::{Bytes, to_bytes},
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use url::form_urlencoded;

use self::{reply::Envelope, target::Target};
use super::{
    Fault, Site,
    admin::problem,
    observe::truncated,
    request_log::{Entry, show_parameters},
};
use crate::{
    sts::bearer,
    vault::{Caller, KEY_VAULT_APP, Operation, Reply, Vault, VaultError, find_route},
};

/// Takes the requests that are for a vault and leaves the others.
pub(super) async fn intercept(State(site): State<Site>, request: Request, next: Next) -> Response {
    let Some(target) = Target::find(&site, &request) else { return next.run(request).await };
    let (parts, body) = request.into_parts();
    let call = Call::new(&site, target, &parts);
    let body = to_bytes(body, MAX_BODY).await.map_err(|_| VaultError::too_large(MAX_BODY));
    let fault = site.emulator.faults.take(&call.target.log_path(), None, None);
    let outcome = call.meet(fault.as_ref(), body).await;
    let response = call.finish(outcome, fault.as_ref()).await;
    call.log(response.status().as_u16(), fault.is_some());
    response
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

/// A request to a vault.
struct Call<'a> {
    site: &'a Site,
    target: Target,
    method: &'a str,
    headers: &'a HeaderMap,
    query: Vec<(String, String)>,
}

impl<'a> Call<'a> {
    fn new(site: &'a Site, target: Target, parts: &'a Parts) -> Self {
        let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        Self { site, target, method: parts.method.as_str(), headers: &parts.headers, query }
    }

    /// Meets the request with a fault if there is one, else does what it asks.
    async fn meet(&self, fault: Option<&Fault>, body: Result<Bytes, VaultError>) -> Result<Reply, VaultError> {
        if let Some(fault) = fault {
            tokio::time::sleep(fault.delay()).await;
            if let Some(error) = refusal::scripted(fault) {
                return Err(error);
            }
        }
        self.run(body?).await
    }

    /// In the order of a vault: who asks, for what version of the interface, what, and whether that is allowed.
    async fn run(&self, body: Bytes) -> Result<Reply, VaultError> {
        let emulator = &self.site.emulator;
        let vault = emulator.vaults.find(&self.target.name);
        let missing = || VaultError::not_found("VaultNotFound", no_vault(self.site, &self.target.name));
        let vault = vault.ok_or_else(missing)?;
        let caller = self.caller(vault).await?;
        refusal::check_api_version(&self.query)?;
        let (route, address) = find_route(self.method, &self.target.segments())?;
        let now = emulator.clock.now();
        vault.authorize(&caller, route.action, address.object.as_deref(), now)?;
        let (vault, query, run) = (Arc::clone(vault), self.query.clone(), route.run);
        let (base, path) = (self.target.base.clone(), self.target.path.clone());
        let operate = move || {
            let (name, version) = (address.name.as_str(), address.version.as_deref());
            let (vault, base, path, query, body) = (&*vault, base.as_str(), path.as_str(), &query[..], &body[..]);
            run(&Operation { vault, base, path, name, version, query, body, now })
        };
        tokio::task::spawn_blocking(operate).await.map_err(VaultError::internal)?
    }

    async fn caller(&self, vault: &Vault) -> Result<Caller, VaultError> {
        let authorization = self.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let sent = authorization.and_then(|text| text.split_once(' '));
        let token = sent.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        let token = token.ok_or_else(refusal::no_token)?;
        let checked = bearer(&self.site.emulator, &self.site.origin, token, KEY_VAULT_APP).await;
        let found = checked.map_err(|error| refusal::bad_token(&error, vault))?;
        if found.tenant != vault.tenant {
            return Err(refusal::wrong_issuer(vault, &found.issuer));
        }
        Ok(Caller { oid: found.oid, app: found.app, issuer: found.issuer })
    }

    async fn finish(&self, outcome: Result<Reply, VaultError>, fault: Option<&Fault>) -> Response {
        let envelope = Envelope {
            client_request_id: self.client_request_id(),
            challenge: self.challenge(fault.and_then(|fault| fault.claims.as_deref())),
            retry_after: fault.and_then(|fault| fault.retry_after),
        };
        let response = envelope.wrap(outcome);
        if fault.is_some_and(|fault| fault.truncate_body) { truncated(response).await } else { response }
    }

    /// Where to get a token, and for what. Claims make it a challenge of continuous access evaluation.
    fn challenge(&self, claims: Option<&str>) -> String {
        let (origin, resource) = (&self.site.origin, &self.target.resource);
        let vault = self.site.emulator.vaults.find(&self.target.name);
        let tenant = vault.map_or_else(|| "common".to_owned(), |vault| vault.tenant.to_string());
        let plain = format!("Bearer authorization=\"{origin}/{tenant}\", resource=\"{resource}\"");
        let Some(claims) = claims else { return plain };
        format!("{plain}, error=\"insufficient_claims\", claims=\"{}\"", STANDARD.encode(claims))
    }

    fn client_request_id(&self) -> Option<&'a str> {
        self.headers.get("x-ms-client-request-id")?.to_str().ok()
    }

    fn log(&self, status: u16, fault: bool) {
        let (emulator, path) = (&self.site.emulator, self.target.log_path());
        tracing::debug!(method = self.method, path, status, "vault answered");
        let parameters = self.query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        emulator.requests.push(Entry {
            time: emulator.clock.now().0,
            method: self.method.to_owned(),
            path,
            parameters: show_parameters(parameters),
            status,
            code: None,
            correlation_id: self.client_request_id().unwrap_or_default().to_owned(),
            fault,
        });
    }
}

fn no_vault(site: &Site, name: &str) -> String {
    let known = site.emulator.vaults.names().join("`, `");
    format!("There is no vault `{name}` in the directory: it has `{known}`.")
}

/// Key Vault's own identifier.
const RESOURCE: &str = "https://vault.azure.net";
/// Far above any request: secrets are at most 25 KiB, certificates some more.
const MAX_BODY: usize = 1 << 20;
