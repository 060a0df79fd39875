//! Problem details (RFC 9457): the members that the original has, in its order, and ours behind them.

use http::StatusCode;
use serde::Serialize;
use sidekey_entra::EntraRefusal;
use utoipa::ToSchema;
use uuid::Uuid;

/// The body of an error reply.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ProblemDetails)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Problem {
    /// A page about the status.
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    /// What went wrong, for people.
    detail: String,
    /// Entra's OAuth 2.0 error, such as `invalid_grant`.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Finer than `error`, such as `consent_required`.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    suberror: Option<String>,
    /// The AADSTS codes as numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    error_codes: Vec<u64>,
    /// A claims challenge: JSON as text, to be sent back as `optionsOverride.AcquireTokenOptions.Claims`.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<String>,
    /// The id that Entra's sign-in log has for the request.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<String>,
    /// Entra's own id for the request.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    /// What to look for in the log.
    #[schema(value_type = String, required = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    reference_id: Option<Uuid>,
}

impl Problem {
    /// A problem of one of the statuses that we use.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let (r#type, title) = words(status);
        Self { r#type, title, status: status.as_u16(), detail: detail.into(), ..Self::default() }
    }

    /// With Entra's words as members. What it left out is left out.
    pub(crate) fn with_entra(self, refusal: &EntraRefusal) -> Self {
        let said = |text: &String| (!text.is_empty()).then(|| text.clone());
        let reply = &refusal.reply;
        Self {
            error: said(&reply.error),
            suberror: reply.suberror.clone(),
            error_codes: reply.error_codes.clone(),
            claims: reply.claims.clone(),
            correlation_id: said(&reply.correlation_id),
            trace_id: said(&reply.trace_id),
            ..self
        }
    }

    /// With the reference that the log line has.
    pub(crate) fn with_reference(self, reference: Uuid) -> Self {
        Self { reference_id: Some(reference), ..self }
    }
}

/// The page about a status and its title.
fn words(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::BAD_REQUEST => ("https://tools.ietf.org/html/rfc9110#section-15.5.1", "Bad Request"),
        StatusCode::UNAUTHORIZED => ("https://tools.ietf.org/html/rfc9110#section-15.5.2", "Unauthorized"),
        StatusCode::FORBIDDEN => ("https://tools.ietf.org/html/rfc9110#section-15.5.4", "Forbidden"),
        StatusCode::NOT_FOUND => ("https://tools.ietf.org/html/rfc9110#section-15.5.5", "Not Found"),
        StatusCode::TOO_MANY_REQUESTS => ("https://tools.ietf.org/html/rfc6585#section-4", "Too Many Requests"),
        StatusCode::BAD_GATEWAY => ("https://tools.ietf.org/html/rfc9110#section-15.6.3", "Bad Gateway"),
        StatusCode::SERVICE_UNAVAILABLE => {
            ("https://tools.ietf.org/html/rfc9110#section-15.6.4", "Service Unavailable")
        }
        StatusCode::GATEWAY_TIMEOUT => ("https://tools.ietf.org/html/rfc9110#section-15.6.5", "Gateway Timeout"),
        _ => ("https://tools.ietf.org/html/rfc9110#section-15.6.1", "An error occurred while processing your request."),
    }
}
