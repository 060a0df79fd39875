//! Why a host gave no token, sorted by what comes next; and the many forms in which hosts say so.

use std::time::Duration;

use serde_json::Value;

use super::{
    host::Host,
    retry::{UPDATING, UPDATING_PAUSES},
};
use crate::{AcquireError, http::Answer};

/// Why there is no token of a managed identity. The texts name the host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ManagedIdentityError {
    /// The environment or the configuration makes it impossible.
    #[error("{problem}; {hint}")]
    Setting { problem: String, hint: String },
    /// The host says no.
    #[error("{problem}; {hint}")]
    Refused { status: u16, code: String, problem: String, hint: String },
    /// The host does not answer as it should, or asks for patience.
    #[error("{message}")]
    Unavailable { message: String, throttled: bool, retry_after: Option<Duration> },
}

/// The problem begins where the host's name ends.
pub(super) fn setting(host: &str, problem: &str, hint: impl Into<String>) -> ManagedIdentityError {
    ManagedIdentityError::Setting { problem: format!("{host}: {problem}"), hint: hint.into() }
}

/// A good status with an answer that is not.
pub(super) fn unusable(host: &Host, problem: &str) -> ManagedIdentityError {
    unavailable(format!("{} at `{}` answered without a usable token: {problem}", host.name, host.endpoint))
}

/// No answer at all.
pub(super) fn silent(host: &Host, cause: &str) -> ManagedIdentityError {
    unavailable(format!(
        "{} at `{}` did not answer: {cause}; does this machine have a managed identity?",
        host.name, host.endpoint
    ))
}

/// Any other status.
pub(super) fn of(host: &Host, answer: &Answer) -> ManagedIdentityError {
    let (code, message) = said(&answer.body);
    let said = message.as_deref().or(code.as_deref()).map(|text| format!(": {text}")).unwrap_or_default();
    let status = answer.status;
    let text = format!("{} at `{}` answered {status}{said}", host.name, host.endpoint);
    match status {
        UPDATING => {
            let pause = UPDATING_PAUSES.first().map(|seconds| Duration::from_secs((*seconds).into()));
            ManagedIdentityError::Unavailable {
                message: text,
                throttled: false,
                retry_after: answer.retry_after.or(pause),
            }
        }
        404 if code.as_deref() == Some(NOT_THERE) => refused(status, code, message.as_deref(), text),
        404 | 408 | 429 | 500.. => ManagedIdentityError::Unavailable {
            message: text,
            throttled: status == 429,
            retry_after: answer.retry_after,
        },
        300..400 => unavailable(format!("{text}, which is not followed")),
        403 if is_unreachable(&answer.body) => {
            let hint = "it is not reachable from here: use another kind of credential on this machine";
            setting(host.name, &format!("answered {status}"), hint)
        }
        _ => refused(status, code, message.as_deref(), text),
    }
}

fn refused(status: u16, code: Option<String>, message: Option<&str>, problem: String) -> ManagedIdentityError {
    let hint = hint(status, code.as_deref(), message).to_owned();
    let code = code.unwrap_or_else(|| "managed_identity_refused".to_owned());
    ManagedIdentityError::Refused { status, code, problem, hint }
}

impl From<ManagedIdentityError> for AcquireError {
    fn from(error: ManagedIdentityError) -> Self {
        let text = error.to_string();
        match error {
            ManagedIdentityError::Setting { .. } => Self::Configuration(text),
            ManagedIdentityError::Refused { status, code, .. } => Self::identity_refused(status, code, text),
            ManagedIdentityError::Unavailable { message, throttled, retry_after } => {
                Self::Unavailable { message, throttled, retry_after, reply: None }
            }
        }
    }
}

fn unavailable(message: String) -> ManagedIdentityError {
    ManagedIdentityError::Unavailable { message, throttled: false, retry_after: None }
}

fn hint(status: u16, code: Option<&str>, message: Option<&str>) -> &'static str {
    let says = |part: &str| message.is_some_and(|message| message.to_ascii_lowercase().contains(part));
    match (status, code) {
        _ if says("multiple user assigned") => "name the identity that is meant by its client id",
        _ if says("identity not found") => "assign this identity to the machine, or correct its id",
        (_, Some(NOT_THERE)) => "assign an identity to this application in the cluster's manifest",
        (_, Some("unauthorized_client")) => "give the machine a managed identity, or assign one to it",
        (_, Some("invalid_resource")) => "check the scope: it must be that of an API which the tenant knows",
        (401 | 403, _) => "check that the host's variables belong to this process: they change when it is started anew",
        _ => "check the identity's id and the scope",
    }
}

/// What Docker Desktop and some proxies say instead of the metadata service.
fn is_unreachable(body: &[u8]) -> bool {
    std::str::from_utf8(body).is_ok_and(|text| text.contains("unreachable"))
}

/// Code and message of an error in any of its forms. What is not in one of them is not shown.
fn said(body: &[u8]) -> (Option<String>, Option<String>) {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return (None, None) };
    // Service Fabric puts both below `error`, where the others have the code.
    let inner = body.get("error").filter(|error| error.is_object()).unwrap_or(&body);
    let first = |names: &[&str]| {
        let member = names.iter().find_map(|name| inner.get(name)?.as_str()).filter(|text| !text.trim().is_empty());
        member.map(tame)
    };
    (first(&["error", "code", "ErrorCode"]), first(&["error_description", "message", "Message", "ExceptionMessage"]))
}

/// One line of bounded length.
fn tame(text: &str) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    line.join(" ").chars().filter(|char| !char.is_control()).take(MAX_CHARS).collect()
}

/// Service Fabric's word for an identity that is not there, and will not come by waiting.
const NOT_THERE: &str = "ManagedIdentityNotFound";
const MAX_CHARS: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_in_every_form() {
        let some = |text: &str| Some(text.to_owned());
        for (body, code, message) in [
            (
                r#"{"error":"invalid_request","error_description":"Identity\r\nnot found"}"#,
                some("invalid_request"),
                some("Identity not found"),
            ),
            (r#"{"statusCode":400,"message":"No Managed Identity found"}"#, None, some("No Managed Identity found")),
            (
                r#"{"ErrorCode":"service_unavailable","Message":"later","StatusCode":503}"#,
                some("service_unavailable"),
                some("later"),
            ),
            (r#"{"ExceptionMessage":"oh","ErrorCode":"x"}"#, some("x"), some("oh")),
            (
                r#"{"error":{"code":"SecretHeaderNotFound","message":"no header"}}"#,
                some("SecretHeaderNotFound"),
                some("no header"),
            ),
            (r#"{"error":"","error_description":" "}"#, None, None),
            (r#"{"access_token":"s3cret"}"#, None, None),
            ("s3cret", None, None),
            ("[1]", None, None),
        ] {
            assert_eq!(said(body.as_bytes()), (code, message), "{body}");
        }
        assert_eq!(tame(&"é".repeat(9000)).chars().count(), MAX_CHARS);
    }
}
