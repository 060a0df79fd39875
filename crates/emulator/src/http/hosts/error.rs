//! What hosts answer when they hand out no token. Each host words it in its own shape.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::sts::{Refusal, one_line};

/// A host's refusal.
#[derive(Debug)]
pub(super) struct HostError {
    pub(super) status: StatusCode,
    /// What programs read.
    pub(super) error: &'static str,
    /// What people read.
    pub(super) text: String,
}

impl HostError {
    pub(super) fn new(status: StatusCode, error: &'static str, text: impl Into<String>) -> Self {
        Self { status, error, text: text.into() }
    }

    pub(super) fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", text)
    }

    pub(super) fn unauthorized(text: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", text)
    }

    pub(super) fn method(method: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", format!("The method {method} is not allowed"))
    }

    pub(super) fn internal(text: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "unknown", text)
    }

    /// The name that Service Fabric and the cloud shell would give it.
    fn code(&self) -> &'static str {
        match self.error {
            "unauthorized" => "SecretHeaderNotFound",
            "unauthorized_client" => "ManagedIdentityNotFound",
            "unknown" => "InternalServerError",
            _ => "ArgumentNullOrEmpty",
        }
    }
}

impl From<Refusal> for HostError {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.status, refusal.error, format!("AADSTS{}: {}", refusal.code, refusal.text))
    }
}

/// The instance metadata service's shape.
pub(super) fn plain(error: &HostError) -> Response {
    json_reply(error.status, &json!({ "error": error.error, "error_description": one_line(&error.text) }))
}

/// App Service's shape.
pub(super) fn with_status(error: &HostError) -> Response {
    json_reply(error.status, &json!({ "statusCode": error.status.as_u16(), "message": one_line(&error.text) }))
}

/// The shape of Service Fabric and the cloud shell.
pub(super) fn nested(error: &HostError) -> Response {
    let (code, message) = (error.code(), one_line(&error.text));
    json_reply(error.status, &json!({ "error": { "correlationId": Uuid::new_v4(), "code": code, "message": message } }))
}

fn json_reply(status: StatusCode, body: &Value) -> Response {
    (status, super::super::json(body)).into_response()
}
