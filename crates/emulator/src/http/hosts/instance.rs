//! `/metadata/instance`: what a virtual machine knows of itself; and the tenant of its identity.
//!
//! See <https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service>.

use aws_lc_rs::digest;
use axum::{
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{HostError, check_metadata_header, check_version, error::plain, parameters};
use crate::{
    directory::{Directory, Host},
    http::{Site, json as reply},
    sts::Form,
};

/// The whole document, or the part of it that the path names.
pub(super) async fn show(State(site): State<Site>, method: Method, headers: HeaderMap, uri: Uri) -> Response {
    match read(&method, &headers, &uri) {
        Err(error) => plain(&error),
        Ok(form) if check_version(&form, FIRST_VERSION).is_err() => unsupported_version(),
        Ok(form) => part(&document(&site.emulator.directory), uri.path(), &form).unwrap_or_else(|error| plain(&error)),
    }
}

/// `/metadata/identity/info`.
pub(super) async fn identity(State(site): State<Site>, method: Method, headers: HeaderMap, uri: Uri) -> Response {
    let directory = &site.emulator.directory;
    let checked = read(&method, &headers, &uri).and_then(|form| check_version(&form, "2018-02-01"));
    let home = || directory.managed_identities(Host::Imds).next().and_then(|(app, _)| directory.home(app));
    let tenant = || {
        let tenant = home().or(directory.tenants.first());
        tenant.ok_or_else(|| HostError::bad_request("There is no tenant"))
    };
    match checked.and_then(|()| tenant()) {
        Ok(tenant) => reply(&json!({ "tenantId": tenant.id })),
        Err(error) => plain(&error),
    }
}

fn read(method: &Method, headers: &HeaderMap, uri: &Uri) -> Result<Form, HostError> {
    if method != Method::GET {
        return Err(HostError::method(method));
    }
    check_metadata_header(headers)?;
    parameters(uri.query())
}

/// The part of the document that a path names; names in a path have no case here.
fn part(document: &Value, path: &str, form: &Form) -> Result<Response, HostError> {
    let mut part = document;
    for segment in path.split('/').skip(3) {
        let members = part.as_object().into_iter().flatten();
        let found = members.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(segment));
        part = found.map(|(_, value)| value).ok_or_else(|| {
            HostError::new(StatusCode::NOT_FOUND, "not_found", format!("There is no '{segment}' in the metadata"))
        })?;
    }
    match (form.get("format").unwrap_or("json"), part) {
        ("text", Value::String(text)) => {
            Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text.clone()).into_response())
        }
        ("json", _) => Ok(reply(part)),
        (format, _) => Err(HostError::bad_request(format!("The format '{format}' is not supported for this part"))),
    }
}

/// The machine is the one that the system-assigned identity belongs to, or one like it.
fn document(directory: &Directory) -> Value {
    let own = directory.managed_identities(Host::Imds).find(|(_, identity)| identity.system_assigned);
    let id = own.map_or(USUAL_ID, |(_, identity)| identity.resource_id.as_str());
    let after = |name: &str| {
        let mut segments = id.split('/');
        segments.find(|segment| segment.eq_ignore_ascii_case(name)).and(segments.next()).unwrap_or_default()
    };
    json!({ "compute": {
        "azEnvironment": directory.cloud.az_environment(),
        "location": directory.hosts.region,
        "name": id.rsplit('/').next().unwrap_or_default(),
        "osType": "Linux",
        "resourceGroupName": after("resourceGroups"),
        "resourceId": id,
        "subscriptionId": after("subscriptions"),
        "tagsList": [],
        "vmId": machine_id(id),
        "vmScaleSetName": "",
        "vmSize": "Standard_D2s_v5",
        "zone": "1",
    } })
}

/// Always the same for the same machine.
fn machine_id(resource_id: &str) -> Uuid {
    let digest = digest::digest(&digest::SHA256, resource_id.to_ascii_lowercase().as_bytes());
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

fn unsupported_version() -> Response {
    let body = json!({
        "error": "Bad request. api-version is invalid or was not specified in the request.",
        "newest-versions": NEWEST_VERSIONS,
    });
    (StatusCode::BAD_REQUEST, reply(&body)).into_response()
}

const FIRST_VERSION: &str = "2017-04-02";
const NEWEST_VERSIONS: [&str; 3] = ["2023-07-01", "2021-12-13", "2021-11-15"];
const USUAL_ID: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/sidekey/providers/Microsoft.Compute/virtualMachines/sidekey";
