//! Probes: anyone may ask, nothing is looked up.

use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use sidekey_host::Shutdown;

use crate::reply;

/// `/healthz`, `/health`, `/livez`: the process answers.
pub(crate) fn alive() -> Response {
    reply::success(Bytes::from_static(b"Healthy"), "text/plain")
}

/// `/readyz`: requests are welcome, until the end was asked for.
pub(crate) fn ready(shutdown: &Shutdown) -> Response {
    if !shutdown.is_triggered() {
        return alive();
    }
    let mut response = reply::success(Bytes::from_static(b"Unhealthy"), "text/plain");
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}
