//! The cloud shell: tokens of the user whose session it is.

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use serde_json::{Value, json};

use super::{HostError, check_metadata_header, error::nested, long_reply, wish};
use crate::{
    http::{Site, json as reply, token::is_form},
    sts::{Form, shell_token},
};

pub(super) const PATH: &str = "/hosts/cloudshell/oauth2/token";

pub(super) async fn show(State(site): State<Site>, method: Method, headers: HeaderMap, body: Bytes) -> Response {
    answer(&site, &method, &headers, &body).await.unwrap_or_else(|error| nested(&error))
}

async fn answer(site: &Site, method: &Method, headers: &HeaderMap, body: &[u8]) -> Result<Response, HostError> {
    if method != Method::POST {
        return Err(HostError::method(method));
    }
    check_metadata_header(headers)?;
    let body = if is_form(headers) { body } else { b"" };
    let form = Form::parse(body).map_err(|refusal| HostError::bad_request(refusal.text))?;
    let wish = wish(&form)?;
    let directory = &site.emulator.directory;
    let shell = directory.hosts.cloud_shell.as_ref();
    let shell = shell.and_then(|(client, user)| Some((directory.app(client)?, user.as_str())));
    let (client, user) = shell.ok_or_else(|| {
        HostError::new(StatusCode::NOT_FOUND, "unauthorized_client", "The directory has no `hosts.cloudShell`")
    })?;
    let token = shell_token(&site.emulator, &site.origin, (client, user), &wish).await?;
    let mut members = long_reply(site, client, &token);
    members.insert("refresh_token".to_owned(), json!(""));
    Ok(reply(&Value::Object(members)))
}
