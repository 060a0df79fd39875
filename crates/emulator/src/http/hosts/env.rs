//! `GET /sidekey/env?host=imds`: the environment that points an Azure SDK at the emulator, as shell lines or (`format=json`) as JSON.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{app_service, arc, azure_ml, bundle, cloud_shell, service_fabric};
use crate::http::{Asked, Site, admin::problem, json as reply};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    host: Option<String>,
    format: Option<String>,
}

/// The variables of a host, of the authority, and of the trust in its CA.
pub(super) async fn show(
    State(site): State<Site>,
    asked: Asked,
    wish: Result<Query<Wish>, QueryRejection>,
) -> Response {
    let Ok(Query(wish)) = wish else { return problem(StatusCode::BAD_REQUEST, USAGE) };
    let Some(mut variables) = of_host(&site, &asked.0, wish.host.as_deref()) else {
        return problem(StatusCode::BAD_REQUEST, USAGE);
    };
    let bundle = match site.emulator.hosts.bundle.path(site.emulator.authority.pem()) {
        Ok(path) => path.display().to_string(),
        Err(error) => return problem(StatusCode::INTERNAL_SERVER_ERROR, &format!("cannot write the CAs: {error}")),
    };
    variables.push(("AZURE_AUTHORITY_HOST", site.origin.to_string()));
    variables.extend(TRUST.map(|name| (name, bundle.clone())));
    match wish.format.as_deref() {
        None | Some("shell") => {
            let lines = variables.iter().map(|(name, value)| format!("export {name}={}\n", quoted(value)));
            ([(CONTENT_TYPE, "text/plain; charset=utf-8")], lines.collect::<String>()).into_response()
        }
        Some("json") => {
            let members = variables.into_iter().map(|(name, value)| (name.to_owned(), json!(value)));
            reply(&Value::Object(members.collect::<Map<_, _>>()))
        }
        Some(_) => problem(StatusCode::BAD_REQUEST, USAGE),
    }
}

/// `GET /sidekey/ca-bundle.pem`: the system's CAs and the emulator's own.
pub(super) async fn bundle(State(site): State<Site>) -> Response {
    ([(CONTENT_TYPE, "application/x-pem-file")], bundle::text(site.emulator.authority.pem())).into_response()
}

fn of_host(site: &Site, asked: &str, host: Option<&str>) -> Option<Vec<(&'static str, String)>> {
    let secret = || site.emulator.hosts.secret.expose().to_owned();
    let at = |path: &str| format!("{asked}{path}");
    Some(match host.map(str::to_ascii_lowercase).as_deref() {
        None => vec![],
        Some("imds") => vec![("AZURE_POD_IDENTITY_AUTHORITY_HOST", asked.to_owned())],
        Some("appservice") => {
            vec![("IDENTITY_ENDPOINT", at(app_service::PATH)), ("IDENTITY_HEADER", secret())]
        }
        Some("arc") => vec![("IDENTITY_ENDPOINT", at(arc::PATH)), ("IMDS_ENDPOINT", at("/hosts/arc"))],
        Some("servicefabric") => vec![
            ("IDENTITY_ENDPOINT", format!("{}{}", site.origin, service_fabric::PATH)),
            ("IDENTITY_HEADER", secret()),
            ("IDENTITY_SERVER_THUMBPRINT", site.emulator.authority.thumbprint().ok()?),
        ],
        Some("cloudshell") => vec![("MSI_ENDPOINT", at(cloud_shell::PATH))],
        Some("azureml") => vec![("MSI_ENDPOINT", at(azure_ml::PATH)), ("MSI_SECRET", secret())],
        Some(_) => return None,
    })
}

/// In single quotes, for any shell.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

/// Each of the SDKs and tools reads another one.
const TRUST: [&str; 4] = ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE"];
const USAGE: &str = "write `?host=imds`, `appservice`, `arc`, `servicefabric`, `cloudshell` or `azureml`, and `&format=json` for JSON instead of shell lines";
