//! Tokens that a host hands out: a managed identity's own, and those of a cloud shell's user.
//!
//! See <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::digest;
use serde_json::{Map, Value, json};
use sidekey_host::UnixTime;
use sidekey_oauth::{Secret, grant};

use super::{
    Form, Place, Proof, Refusal, Reply, RequestedClaims, TokenRequest, UserTokens, issue::Grant, reply,
    scope::Requested,
};
use crate::{
    Emulator,
    directory::{App, Tenant},
    text::hex,
};

/// What a client wants of a host.
#[derive(Debug)]
pub(crate) struct Wish<'a> {
    /// The resource, as the v1 endpoint names it.
    pub(crate) resource: &'a str,
    /// The client's capabilities, such as `cp1`.
    pub(crate) capabilities: Vec<String>,
    /// A token that a resource rejected, by its SHA-256 in hex: another one is made.
    pub(crate) rejected: Option<&'a str>,
}

/// A token with what a host says about it.
#[derive(Clone, Debug)]
pub(crate) struct HostToken {
    pub(crate) token: Secret,
    pub(crate) resource: String,
    pub(crate) not_before: UnixTime,
    pub(crate) expires: UnixTime,
    /// The key that signed it.
    kid: Option<String>,
}

/// Tokens that were handed out. A host gives the same one until it is nearly over.
#[derive(Debug, Default)]
pub(crate) struct HostTokens(Mutex<HashMap<String, HostToken>>);

/// A managed identity's token.
pub(crate) async fn host_token(
    emulator: &Emulator,
    origin: &str,
    identity: &App,
    wish: &Wish<'_>,
) -> Result<HostToken, Refusal> {
    let tenant = emulator.directory.home(identity).ok_or_else(Refusal::no_tenant)?;
    let key = format!("{} {} {}", identity.client_id, wish.resource, wish.capabilities.join(" "));
    kept(emulator, origin, tenant, (&key, wish), |request| {
        let requested = Requested::whole(&emulator.directory, tenant, wish.resource)?;
        reply::for_app(request, (tenant, identity, Proof::Signature), &requested, &wish.claims())
    })
    .await
}

/// The token of a cloud shell: its user's, asked for by its application.
pub(crate) async fn shell_token(
    emulator: &Emulator,
    origin: &str,
    (client, name): (&App, &str),
    wish: &Wish<'_>,
) -> Result<HostToken, Refusal> {
    let tenant = emulator.directory.tenant_of_upn(name).ok_or_else(Refusal::no_tenant)?;
    let user = tenant.user(name).ok_or_else(|| Refusal::user_not_found(name, tenant.name()))?;
    let key = format!("{} {} {name}", client.client_id, wish.resource);
    kept(emulator, origin, tenant, (&key, wish), |request| {
        let requested = Requested::whole(&emulator.directory, tenant, wish.resource)?;
        let tokens = UserTokens { tenant, client, proof: Proof::None, user, requested, nonce: None };
        tokens.reply(request, &wish.claims())
    })
    .await
}

/// The claims of a managed identity's tokens, whoever asked for them.
pub(crate) fn claims(grant: &Grant<'_>) -> Map<String, Value> {
    let identity = grant.client.kind.managed_identity().map(|identity| json!(identity.resource_id));
    let claims = identity.into_iter().flat_map(|id| [("idtyp", json!("app")), ("xms_mirid", id)]);
    claims.map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Wish<'_> {
    fn claims(&self) -> RequestedClaims {
        RequestedClaims { capabilities: self.capabilities.clone(), ..RequestedClaims::default() }
    }

    fn rejects(&self, token: &HostToken) -> bool {
        let hash = || hex(digest::digest(&digest::SHA256, token.token.expose().as_bytes()).as_ref());
        self.rejected.is_some_and(|rejected| rejected.eq_ignore_ascii_case(&hash()))
    }
}

/// The token that was given out before if it is still good, else a new one.
async fn kept(
    emulator: &Emulator,
    origin: &str,
    tenant: &Tenant,
    (key, wish): (&str, &Wish<'_>),
    make: impl FnOnce(&TokenRequest<'_>) -> Result<Reply, Refusal>,
) -> Result<HostToken, Refusal> {
    let ring = emulator.keys.ring().await.map_err(Refusal::internal)?;
    let now = emulator.clock.now();
    if let Some(token) = emulator.hosts.tokens.find(key) {
        let published = token.kid.as_deref().is_some_and(|kid| ring.find(kid).is_some());
        if published && token.is_far_from_its_end(now) && !wish.rejects(&token) {
            return Ok(token);
        }
    }
    let kid = ring.signing().map(|key| key.kid.clone());
    let (form, place) = (Form::default(), Place::Tenant(tenant));
    let (asked, segment, grant) = (origin, &*place.segment(), grant::CLIENT_CREDENTIALS);
    let (form, v1, confirmation) = (&form, false, None);
    let request = TokenRequest { emulator, ring, origin, asked, segment, place, v1, grant, form, confirmation, now };
    let reply = make(&request)?;
    let lifetime = reply.get("expires_in").and_then(Value::as_u64).unwrap_or_default();
    let token = reply.get("access_token").and_then(Value::as_str).unwrap_or_default();
    let token = HostToken {
        token: Secret::new(token),
        resource: wish.resource.to_owned(),
        not_before: UnixTime(now.0.saturating_sub(300)),
        expires: UnixTime(now.0 + lifetime),
        kid,
    };
    emulator.hosts.tokens.keep(key, token.clone());
    Ok(token)
}

impl HostToken {
    /// The last hour, or the last quarter of a short life, is near the end.
    fn is_far_from_its_end(&self, now: UnixTime) -> bool {
        let life = self.expires.since(self.not_before).as_secs();
        self.expires.since(now).as_secs() > NEAR_END.min(life / 4)
    }
}

impl HostTokens {
    fn find(&self, key: &str) -> Option<HostToken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn keep(&self, key: &str, token: HostToken) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= MAX_TOKENS {
            tokens.clear();
        }
        tokens.insert(key.to_owned(), token);
    }
}

/// Seconds.
const NEAR_END: u64 = 3600;
const MAX_TOKENS: usize = 10_000;
