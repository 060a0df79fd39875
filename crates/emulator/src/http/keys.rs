//! `/{tenant}/discovery[/v2.0]/keys`: the key sets.

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde_json::json;
use sidekey_jose::Jwk;

use super::{Site, json};
use crate::sts::{Place, Refusal};

/// The v2 key set: keys name the issuer that they sign for, as a template, because all tenants have the same.
pub(super) async fn v2(State(site): State<Site>, Path(tenant): Path<String>) -> Result<Response, Refusal> {
    let issuer = format!("{}/{{tenantid}}/v2.0", site.origin);
    let cloud = site.emulator.directory.cloud.instance_name().to_owned();
    let with_issuer = |jwk| Jwk { issuer: Some(issuer.clone()), cloud_instance_name: Some(cloud.clone()), ..jwk };
    show(&site, &tenant, with_issuer).await
}

/// The v1 key set.
pub(super) async fn v1(State(site): State<Site>, Path(tenant): Path<String>) -> Result<Response, Refusal> {
    show(&site, &tenant, |jwk| jwk).await
}

async fn show(site: &Site, tenant: &str, finish: impl Fn(Jwk) -> Jwk) -> Result<Response, Refusal> {
    Place::find(&site.emulator.directory, tenant)?;
    let ring = site.emulator.keys.ring().await.map_err(Refusal::internal)?;
    let keys: Vec<Jwk> = ring.keys.iter().map(|key| finish(key.jwk())).collect();
    Ok(json(&json!({ "keys": keys })))
}
