//! Service Fabric: over TLS with a certificate that clients know by its thumbprint.
//!
//! See <https://learn.microsoft.com/azure/service-fabric/how-to-managed-identity-service-fabric-app-code>.

use axum::{
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::Response,
};
use serde_json::Value;

use super::{HostError, check_secret, error::nested, parameters, refuse_forwarded, selection, short_reply, token};
use crate::{
    directory::Host,
    http::{Asked, Site, json},
};

pub(super) const PATH: &str = "/hosts/servicefabric/metadata/identity/oauth2/token";

pub(super) async fn show(
    State(site): State<Site>,
    asked: Asked,
    method: Method,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    answer(&site, &asked, &method, &headers, &uri).await.unwrap_or_else(|error| nested(&error))
}

async fn answer(
    site: &Site,
    asked: &Asked,
    method: &Method,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Response, HostError> {
    if method != Method::GET {
        return Err(HostError::method(method));
    }
    if !asked.0.starts_with("https:") {
        return Err(HostError::bad_request("This host is served over https only"));
    }
    check_secret(site, headers, "Secret")?;
    refuse_forwarded(headers)?;
    let form = parameters(uri.query())?;
    if form.get("api-version") != Some(VERSION) {
        return Err(HostError::bad_request(format!("The api-version is not supported: write {VERSION}")));
    }
    let (identity, _) =
        selection::select(&site.emulator.directory, Host::ServiceFabric, &[], &form).map_err(missing)?;
    let token = token(site, identity, &form).await?;
    Ok(json(&Value::Object(short_reply(identity, &token))))
}

fn missing(error: HostError) -> HostError {
    let status = if error.error == "unauthorized_client" { StatusCode::NOT_FOUND } else { error.status };
    HostError { status, ..error }
}

const VERSION: &str = "2019-07-01-preview";
