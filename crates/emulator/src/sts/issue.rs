//! Makes access tokens and id tokens.
//!
//! See <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>.

use std::time::Duration;

use aws_lc_rs::{digest, rand};
use serde_json::{Map, Value, json};
use sidekey_jose::{Algorithm, base64url, sign_compact};
use sidekey_oauth::Secret;
use uuid::Uuid;

use super::{Proof, Refusal, RequestedClaims, TokenRequest, agent, managed_identity, user_flow};
use crate::{
    directory::{App, OptionalClaim, Tenant, TokenVersion, User},
    keys::TokenKey,
};

/// Everything that an access token says.
#[derive(Debug)]
pub(crate) struct Grant<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) client: &'a App,
    pub(crate) proof: Proof,
    /// The user; without one the token is the application's own.
    pub(crate) user: Option<&'a User>,
    pub(crate) resource: &'a App,
    /// The resource as it was asked for.
    pub(crate) identifier: &'a str,
    /// Delegated scopes.
    pub(crate) scopes: &'a [String],
    pub(crate) roles: Vec<String>,
    pub(crate) claims: &'a RequestedClaims,
}

/// An access token and how long it lives.
#[derive(Debug)]
pub(crate) struct AccessToken {
    pub(crate) token: Secret,
    /// Seconds.
    pub(crate) lifetime: u64,
}

/// Makes an access token in the form that its resource takes.
pub(crate) fn access_token(request: &TokenRequest<'_>, grant: &Grant<'_>) -> Result<AccessToken, Refusal> {
    let continuous = grant.resource.wants(OptionalClaim::XmsCc) && grant.claims.handles_challenges();
    let lifetimes = &request.emulator.directory.lifetimes;
    let range = match grant.client.kind.managed_identity() {
        _ if continuous => lifetimes.continuous_access,
        Some(_) => lifetimes.managed_identity,
        None => lifetimes.access_token,
    };
    let lifetime = request.emulator.jitter.between(range);
    let mut claims = standard_claims(request, lifetime)?;
    if let Some(since) = grant.claims.not_before {
        let from = json!(since.min(request.now).max(request.now - Duration::from_secs(BACKDATED)).0);
        claims.extend([("iat".to_owned(), from.clone()), ("nbf".to_owned(), from)]);
    }
    claims.extend(request.confirmation.clone().map(|confirmation| ("cnf".to_owned(), confirmation)));
    claims.extend(match grant.resource.token_version {
        TokenVersion::V1 => v1_claims(grant),
        TokenVersion::V2 => v2_claims(request, grant),
    });
    claims.extend(common_claims(grant));
    claims.extend(agent::claims(request, grant));
    claims.extend(managed_identity::claims(grant));
    user_flow::adapt(request, &mut claims, (grant.tenant, grant.client, grant.resource), grant.user);
    let token = sign(request, &claims, grant.resource.token_version)?;
    Ok(AccessToken { token, lifetime })
}

/// Makes an id token in the form of the endpoint that was asked.
pub(crate) fn id_token(
    request: &TokenRequest<'_>,
    grant: &Grant<'_>,
    user: &User,
    nonce: Option<&str>,
) -> Result<Secret, Refusal> {
    let mut claims = standard_claims(request, request.emulator.directory.lifetimes.id_token)?;
    let tenant = grant.tenant.id;
    claims.extend(object(json!({
        "aud": grant.client.client_id.as_str(),
        "name": user.display_name,
        "oid": user.oid,
        "sub": pairwise_subject(&grant.client.client_id, user),
        "tid": tenant,
    })));
    claims.extend(nonce.map(|nonce| ("nonce".to_owned(), json!(nonce))));
    let version = if request.v1 { TokenVersion::V1 } else { TokenVersion::V2 };
    claims.extend(match version {
        TokenVersion::V1 => object(json!({
            "iss": v1_issuer(tenant), "unique_name": user.upn, "upn": user.upn, "ver": "1.0", "amr": ["pwd"],
        })),
        TokenVersion::V2 => object(json!({
            "iss": v2_issuer(request.origin, tenant), "preferred_username": user.upn, "ver": "2.0",
        })),
    });
    user_flow::adapt(request, &mut claims, (grant.tenant, grant.client, grant.client), Some(user));
    sign(request, &claims, version)
}

/// The issuer of v1 tokens.
pub(crate) fn v1_issuer(tenant: Uuid) -> String {
    format!("https://sts.windows.net/{tenant}/")
}

/// The issuer of v2 tokens.
pub(crate) fn v2_issuer(origin: &str, tenant: Uuid) -> String {
    format!("{origin}/{tenant}/v2.0")
}

/// Times and the marks that only Entra reads. Tokens are valid from five minutes before they were made, for receivers whose clock is late.
fn standard_claims(request: &TokenRequest<'_>, lifetime: u64) -> Result<Map<String, Value>, Refusal> {
    let from = request.now.0.saturating_sub(BACKDATED);
    Ok(object(json!({
        "iat": from, "nbf": from, "exp": request.now.0 + lifetime,
        "aio": random()?, "rh": format!("1.{}.", random()?), "uti": random()?,
    })))
}

/// The claims of both forms.
fn common_claims(grant: &Grant<'_>) -> Map<String, Value> {
    let (resource, tenant) = (grant.resource, grant.tenant.id);
    let mut claims = match grant.user {
        None => {
            let oid = grant.client.service_principal(tenant);
            object(json!({ "oid": oid, "sub": oid }))
        }
        Some(user) => object(json!({
            "oid": user.oid, "sub": pairwise_subject(&resource.client_id, user), "name": user.display_name,
            "scp": grant.scopes.join(" "),
        })),
    };
    claims.insert("tid".to_owned(), json!(tenant));
    let mut optional = |name: &str, value: Option<Value>| claims.extend(value.map(|value| (name.to_owned(), value)));
    optional("roles", (!grant.roles.is_empty()).then(|| json!(grant.roles)));
    let idtyp = if grant.user.is_some() { "user" } else { "app" };
    optional("idtyp", resource.wants(OptionalClaim::Idtyp).then(|| json!(idtyp)));
    let capabilities = resource.wants(OptionalClaim::XmsCc) && grant.claims.handles_challenges();
    optional("xms_cc", capabilities.then(|| json!(grant.claims.capabilities)));
    optional("acrs", (!grant.claims.contexts.is_empty()).then(|| json!(grant.claims.contexts)));
    if let Some(user) = grant.user {
        optional("email", resource.wants(OptionalClaim::Email).then(|| json!(user.upn)));
        optional("upn", resource.wants(OptionalClaim::Upn).then(|| json!(user.upn)));
    }
    claims
}

fn v1_claims(grant: &Grant<'_>) -> Map<String, Value> {
    let issuer = v1_issuer(grant.tenant.id);
    let mut claims = object(json!({
        "aud": grant.identifier, "iss": issuer, "ver": "1.0",
        "appid": grant.client.client_id.as_str(), "appidacr": grant.proof.as_str(),
    }));
    match grant.user {
        None => claims.extend(object(json!({ "idp": issuer }))),
        Some(user) => {
            claims.extend(object(json!({ "acr": "1", "unique_name": user.upn, "upn": user.upn })));
            // An agent's user never signs in.
            claims.extend(user.agent.is_none().then(|| ("amr".to_owned(), json!(["pwd"]))));
        }
    }
    claims
}

fn v2_claims(request: &TokenRequest<'_>, grant: &Grant<'_>) -> Map<String, Value> {
    let mut claims = object(json!({
        "aud": grant.resource.client_id.as_str(), "iss": v2_issuer(request.origin, grant.tenant.id), "ver": "2.0",
        "azp": grant.client.client_id.as_str(), "azpacr": grant.proof.as_str(),
    }));
    claims.extend(grant.user.map(|user| ("preferred_username".to_owned(), json!(user.upn))));
    claims
}

/// A subject that is the same for the same user at the same application, and says nothing at another.
pub(crate) fn pairwise_subject(app: impl std::fmt::Display, user: &User) -> String {
    base64url::encode(digest::digest(&digest::SHA256, format!("subject {app} {}", user.oid).as_bytes()))
}

/// Signs with the present key. v1 headers name the certificate beside the key, v2 headers the key alone.
fn sign(request: &TokenRequest<'_>, claims: &Map<String, Value>, version: TokenVersion) -> Result<Secret, Refusal> {
    let key: &TokenKey = request.ring.signing().ok_or_else(|| Refusal::internal("There is no signing key."))?;
    let mut header = object(json!({ "typ": "JWT", "kid": key.kid }));
    if version == TokenVersion::V1 {
        header.insert("x5t".to_owned(), json!(key.kid));
    }
    let payload = Value::Object(claims.clone()).to_string();
    let token = sign_compact(&header, payload.as_bytes(), &key.key, Algorithm::RS256);
    token.map(Secret::new).map_err(Refusal::internal)
}

fn random() -> Result<String, Refusal> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| Refusal::internal("The system gave no random numbers."))?;
    Ok(base64url::encode(bytes))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

const BACKDATED: u64 = 300;
