//! Azure Machine Learning: `MSI_ENDPOINT` with `MSI_SECRET`.

use axum::{
    extract::State,
    http::{HeaderMap, Method, Uri},
    response::Response,
};
use serde_json::Value;

use super::{HostError, check_secret, error::with_status, parameters, refuse_forwarded, selection, short_reply, token};
use crate::{
    directory::Host,
    http::{Site, json},
};

pub(super) const PATH: &str = "/hosts/azureml/msi/token";

pub(super) async fn show(State(site): State<Site>, method: Method, headers: HeaderMap, uri: Uri) -> Response {
    answer(&site, &method, &headers, &uri).await.unwrap_or_else(|error| with_status(&error))
}

async fn answer(site: &Site, method: &Method, headers: &HeaderMap, uri: &Uri) -> Result<Response, HostError> {
    if method != Method::GET {
        return Err(HostError::method(method));
    }
    check_secret(site, headers, "secret")?;
    refuse_forwarded(headers)?;
    let form = parameters(uri.query())?;
    if form.get("api-version") != Some(VERSION) {
        return Err(HostError::bad_request(format!("The api-version is not supported: write {VERSION}")));
    }
    let (identity, _) = selection::select(&site.emulator.directory, Host::AzureMl, &["clientid"], &form)?;
    let token = token(site, identity, &form).await?;
    Ok(json(&Value::Object(short_reply(identity, &token))))
}

const VERSION: &str = "2017-09-01";
