//! Refusals in the shape that vaults have.
//!
//! See <https://learn.microsoft.com/azure/key-vault/general/rest-error-codes>.

use axum::http::StatusCode;
use serde_json::{Value, json};

/// Why a vault does not do what it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VaultError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    /// `innererror.code`.
    pub(crate) inner: Option<&'static str>,
    pub(crate) message: String,
}

impl VaultError {
    /// 401; the challenge is added where the request is known.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", None, message)
    }

    /// 403 with the reason as inner code.
    pub(crate) fn forbidden(inner: Option<&'static str>, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", inner, message)
    }

    /// 400.
    pub(crate) fn bad_parameter(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadParameter", None, message)
    }

    /// 404 with a code of its own, such as `SecretNotFound`.
    pub(crate) fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, None, message)
    }

    /// 409.
    pub(crate) fn conflict(inner: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "Conflict", Some(inner), message)
    }

    /// 405.
    pub(crate) fn method(message: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", None, message)
    }

    /// 413.
    pub(crate) fn too_large(limit: usize) -> Self {
        let message = format!("The request body is longer than {limit} bytes.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", None, message)
    }

    /// 500: our own fault.
    pub(crate) fn internal(message: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", None, message.to_string())
    }

    /// The reply to a scripted fault.
    pub(crate) fn scripted(status: StatusCode) -> Self {
        let (code, message) = match status {
            StatusCode::TOO_MANY_REQUESTS => {
                ("Throttled", "Request was not processed because too many requests were received.")
            }
            StatusCode::UNAUTHORIZED => ("Unauthorized", "AKV10000: Request is missing a Bearer or PoP token."),
            StatusCode::FORBIDDEN => ("Forbidden", "This is a scripted fault."),
            status if status.is_server_error() => ("ServiceUnavailable", "This is a scripted fault."),
            _ => ("BadParameter", "This is a scripted fault."),
        };
        Self::new(status, code, None, message)
    }

    /// The body.
    pub(crate) fn body(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let (Some(inner), Value::Object(members)) = (self.inner, &mut error) {
            members.insert("innererror".to_owned(), json!({ "code": inner }));
        }
        json!({ "error": error })
    }

    fn new(status: StatusCode, code: &'static str, inner: Option<&'static str>, message: impl Into<String>) -> Self {
        Self { status, code, inner, message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inner_code_is_there_only_where_there_is_one() {
        let with = VaultError::forbidden(Some("ForbiddenByRbac"), "no");
        assert_eq!(
            with.body(),
            json!({ "error": { "code": "Forbidden", "message": "no", "innererror": { "code": "ForbiddenByRbac" } } })
        );
        let without = VaultError::not_found("SecretNotFound", "no");
        assert_eq!(without.body(), json!({ "error": { "code": "SecretNotFound", "message": "no" } }));
    }
}
