//! Azure Arc-enabled servers: a challenge names a file, its content is the key to the token.
//!
//! See <https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication>.

use axum::{
    extract::State,
    http::{
        HeaderMap, HeaderValue, Method, Uri,
        header::{AUTHORIZATION, WWW_AUTHENTICATE},
    },
    response::Response,
};
use serde_json::{Value, json};

use super::{
    HostError, check_metadata_header, check_version, error::plain, header, long_reply, parameters, selection, token,
    wish,
};
use crate::{
    directory::Host,
    http::{Site, json as reply},
};

pub(super) const PATH: &str = "/hosts/arc/metadata/identity/oauth2/token";

pub(super) async fn show(State(site): State<Site>, method: Method, headers: HeaderMap, uri: Uri) -> Response {
    answer(&site, &method, &headers, &uri).await.unwrap_or_else(|error| plain(&error))
}

async fn answer(site: &Site, method: &Method, headers: &HeaderMap, uri: &Uri) -> Result<Response, HostError> {
    if method != Method::GET {
        return Err(HostError::method(method));
    }
    check_metadata_header(headers)?;
    let form = parameters(uri.query())?;
    check_version(&form, "2019-11-01")?;
    wish(&form)?;
    let (identity, named) = selection::select(&site.emulator.directory, Host::Arc, &TAKES, &form)?;
    let key = header(headers, AUTHORIZATION.as_str()).and_then(|value| value.split_once(' '));
    let key = key.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic")).map(|(_, key)| key.trim());
    if !key.is_some_and(|key| site.emulator.hosts.arc_keys.redeem(key)) {
        return challenge(site);
    }
    let token = token(site, identity, &form).await?;
    let mut members = long_reply(site, identity, &token);
    // Clients look whether they got the identity that they named.
    members.extend(named.map(|(name, value)| (name.to_owned(), json!(value))));
    Ok(reply(&Value::Object(members)))
}

/// A new key, and where it is.
fn challenge(site: &Site) -> Result<Response, HostError> {
    let path = site.emulator.hosts.arc_keys.issue().map_err(HostError::internal)?;
    let value = HeaderValue::from_str(&format!("Basic realm={}", path.display()));
    let value = value.map_err(|_| HostError::internal("the folder of Azure Arc's keys cannot stand in a header"))?;
    let mut response = plain(&HostError::unauthorized("Unauthorized request: read the key file"));
    response.headers_mut().insert(WWW_AUTHENTICATE, value);
    Ok(response)
}

const TAKES: [&str; 3] = ["client_id", "object_id", "msi_res_id"];
