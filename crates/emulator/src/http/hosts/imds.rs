//! The instance metadata service of virtual machines: `/metadata/identity/oauth2/token`.

use axum::{
    extract::State,
    http::{HeaderMap, Method, Uri},
    response::Response,
};
use serde_json::Value;

use super::{HostError, check_metadata_header, check_version, error::plain, long_reply, parameters, selection, token};
use crate::{
    directory::Host,
    http::{Site, json},
};

pub(super) const PATH: &str = "/metadata/identity/oauth2/token";

pub(super) async fn show(State(site): State<Site>, method: Method, headers: HeaderMap, uri: Uri) -> Response {
    answer(&site, &method, &headers, &uri).await.unwrap_or_else(|error| plain(&error))
}

async fn answer(site: &Site, method: &Method, headers: &HeaderMap, uri: &Uri) -> Result<Response, HostError> {
    if method != Method::GET {
        return Err(HostError::method(method));
    }
    check_metadata_header(headers)?;
    let form = parameters(uri.query())?;
    check_version(&form, "2018-02-01")?;
    let (identity, _) = selection::select(&site.emulator.directory, Host::Imds, &TAKES, &form)?;
    let token = token(site, identity, &form).await?;
    Ok(json(&Value::Object(long_reply(site, identity, &token))))
}

const TAKES: [&str; 5] = ["client_id", "object_id", "principal_id", "msi_res_id", "mi_res_id"];
