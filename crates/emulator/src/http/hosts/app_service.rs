//! App Service, Functions, Container Apps: `IDENTITY_ENDPOINT` with `IDENTITY_HEADER`.
//!
//! See <https://learn.microsoft.com/azure/app-service/overview-managed-identity>.

use axum::{
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::Response,
};
use serde_json::Value;

use super::{
    HostError, check_secret, check_version, error::with_status, parameters, refuse_forwarded, selection, short_reply,
    token,
};
use crate::{
    directory::Host,
    http::{Site, json},
};

pub(super) const PATH: &str = "/hosts/appservice/msi/token";

pub(super) async fn show(State(site): State<Site>, method: Method, headers: HeaderMap, uri: Uri) -> Response {
    answer(&site, &method, &headers, &uri).await.unwrap_or_else(|error| with_status(&error))
}

async fn answer(site: &Site, method: &Method, headers: &HeaderMap, uri: &Uri) -> Result<Response, HostError> {
    if method != Method::GET {
        return Err(HostError::method(method));
    }
    check_secret(site, headers, "X-IDENTITY-HEADER")?;
    refuse_forwarded(headers)?;
    let form = parameters(uri.query())?;
    check_version(&form, "2019-08-01")?;
    let (identity, _) = selection::select(&site.emulator.directory, Host::AppService, &TAKES, &form)?;
    let token = token(site, identity, &form).await.map_err(as_server_error)?;
    Ok(json(&Value::Object(short_reply(identity, &token))))
}

/// What Entra refuses is this host's own failure to its clients.
fn as_server_error(error: HostError) -> HostError {
    let status = if error.text.starts_with("AADSTS") { StatusCode::INTERNAL_SERVER_ERROR } else { error.status };
    HostError { status, ..error }
}

const TAKES: [&str; 4] = ["client_id", "object_id", "principal_id", "mi_res_id"];
