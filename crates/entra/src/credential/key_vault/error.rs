//! Why a vault gave nothing, and who has to grant what.

use std::time::Duration;

use serde_json::Value;

use super::super::CredentialError;
use crate::http::{Answer, NoAnswer};

/// A failure, and when it is worth another try.
#[derive(Clone, Debug)]
pub(super) struct VaultError {
    pub(super) error: CredentialError,
    /// The vault's own word.
    pub(super) retry_after: Option<Duration>,
    /// The version that is in use was withdrawn.
    pub(super) withdrawn: bool,
}

/// What is asked of a vault, which decides the role that is missing when it says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Read a certificate or list its versions.
    ReadCertificate,
    /// Read the secret behind a certificate: its private key.
    ReadSecret,
    /// Sign with the certificate's key.
    Sign,
}

impl Action {
    fn grant(self) -> &'static str {
        match self {
            Self::ReadCertificate => {
                "grant this identity the role `Key Vault Certificate User` on the vault (or, where it goes by access \
                 policies, the certificate permissions `get` and `list`)"
            }
            Self::ReadSecret => {
                "grant this identity the role `Key Vault Certificate User` or `Key Vault Secrets User` on the vault (or, \
                 where it goes by access policies, the secret permission `get`)"
            }
            Self::Sign => {
                "grant this identity the role `Key Vault Crypto User` on the vault (or, where it goes by access policies, \
                 the key permission `sign`)"
            }
        }
    }

    fn attempt(self) -> &'static str {
        match self {
            Self::ReadCertificate => "read the certificate",
            Self::ReadSecret => "read the certificate's secret",
            Self::Sign => "sign with the certificate's key",
        }
    }
}

impl From<CredentialError> for VaultError {
    fn from(error: CredentialError) -> Self {
        Self { error, retry_after: None, withdrawn: false }
    }
}

/// The vault is not as it should be.
pub(super) fn of_vault(problem: impl Into<String>, hint: impl Into<String>) -> VaultError {
    CredentialError::new(URL_FIELD, problem, hint).into()
}

/// No answer at all.
pub(super) fn silent(vault: &str, cause: &NoAnswer) -> VaultError {
    let hint = "check the vault's URL and that it can be reached from here";
    passing(of_vault(format!("`{vault}` did not answer: {cause}"), hint))
}

/// The certificate is not as it should be.
pub(super) fn of_certificate(problem: impl Into<String>, hint: impl Into<String>) -> VaultError {
    CredentialError::new(NAME_FIELD, problem, hint).into()
}

/// An answer that is no success. `path` is what was asked for, without the vault.
pub(super) fn of_answer(answer: &Answer, action: Action, vault: &str, path: &str) -> VaultError {
    let (code, inner, message) = said(&answer.body);
    let said = [inner.as_deref().or(code.as_deref()), message.as_deref()];
    let said: Vec<&str> = said.into_iter().flatten().collect();
    let status = answer.status;
    let said = if said.is_empty() { String::new() } else { format!(": {}", said.join(": ")) };
    let problem = format!("`{vault}` would not {} `{path}` ({status}{said})", action.attempt());
    let mut error = match (status, inner.as_deref().unwrap_or_default()) {
        (401, _) => of_vault(problem, "check that this identity is of the vault's own tenant and is not disabled"),
        (403, "ForbiddenByFirewall" | "ForbiddenByConnection") => {
            of_vault(problem, "let this network through the vault's firewall, or reach it over its private endpoint")
        }
        (403, "SecretDisabled" | "KeyDisabled" | "CertificateDisabled") => {
            of_certificate(problem, "enable this version, or add a new one")
        }
        (403, _) => of_vault(problem, format!("{}; new role assignments take minutes", action.grant())),
        (404, _) => of_certificate(problem, "check the vault's URL, and the certificate's name and version"),
        (300..=399, _) => of_vault(problem, "redirects are not followed: write the vault's own URL"),
        (408 | 429 | 500.., _) => passing(of_vault(problem, "it is asked again after a moment")),
        _ => of_vault(problem, "check the vault's URL, and the certificate's name and version"),
    };
    error.retry_after = answer.retry_after;
    error
}

/// It may be otherwise after a while.
fn passing(mut error: VaultError) -> VaultError {
    error.error.passing = true;
    error
}

/// Code, inner code and message of an error. What is not in its form is not shown.
fn said(body: &[u8]) -> (Option<String>, Option<String>, Option<String>) {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return (None, None, None) };
    let error = body.get("error").unwrap_or(&Value::Null);
    let text = |value: Option<&Value>| {
        let text = value?.as_str()?;
        Some(tame(text)).filter(|text| !text.is_empty())
    };
    let inner = error.get("innererror").and_then(|inner| inner.get("code"));
    (text(error.get("code")), text(inner), text(error.get("message")))
}

/// One line of bounded length.
fn tame(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().filter(|char| !char.is_control()).take(MAX_CHARS).collect()
}

pub(super) const URL_FIELD: &str = "KeyVaultUrl";
pub(super) const NAME_FIELD: &str = "KeyVaultCertificateName";
const MAX_CHARS: usize = 600;

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, action: Action, body: &str) -> CredentialError {
        let answer = Answer { status, retry_after: None, body: body.as_bytes().to_vec().into() };
        of_answer(&answer, action, "https://contoso.vault.azure.net", "certificates/web").error
    }

    fn forbidden(inner: &str) -> String {
        format!(
            r#"{{"error":{{"code":"Forbidden","message":"Caller is not\r\nauthorized","innererror":{{"code":"{inner}"}}}}}}"#
        )
    }

    #[test]
    fn a_refusal_names_what_to_grant() {
        use Action::{ReadCertificate, ReadSecret, Sign};
        let cases = [
            (403, ReadCertificate, forbidden("ForbiddenByRbac"), URL_FIELD, "`Key Vault Certificate User`"),
            (403, ReadSecret, forbidden("ForbiddenByRbac"), URL_FIELD, "`Key Vault Secrets User`"),
            (403, Sign, forbidden("ForbiddenByRbac"), URL_FIELD, "`Key Vault Crypto User`"),
            (403, ReadSecret, forbidden("ForbiddenByPolicy"), URL_FIELD, "secret permission `get`"),
            (403, Sign, forbidden("AccessDenied"), URL_FIELD, "key permission `sign`"),
            (403, Sign, forbidden("ForbiddenByFirewall"), URL_FIELD, "firewall"),
            (403, ReadSecret, forbidden("SecretDisabled"), NAME_FIELD, "enable this version"),
            (
                404,
                ReadCertificate,
                r#"{"error":{"code":"CertificateNotFound"}}"#.to_owned(),
                NAME_FIELD,
                "name and version",
            ),
            (401, ReadCertificate, String::new(), URL_FIELD, "tenant"),
            (302, ReadCertificate, String::new(), URL_FIELD, "redirects are not followed"),
            (429, ReadCertificate, "slow".to_owned(), URL_FIELD, "asked again"),
            (400, Sign, "[]".to_owned(), URL_FIELD, "check the vault's URL"),
        ];
        for (status, action, body, field, hint) in cases {
            let error = refused(status, action, &body);
            assert_eq!(error.field, field, "{error}");
            assert!(error.hint.contains(hint), "{error}");
            assert!(
                error.problem.contains(&status.to_string()) && error.problem.contains("certificates/web"),
                "{error}"
            );
        }
        let error = refused(403, Sign, &forbidden("ForbiddenByRbac"));
        assert!(error.problem.contains("ForbiddenByRbac: Caller is not authorized"), "{error}");
    }

    #[test]
    fn what_is_no_error_is_not_shown() {
        for body in [r#"{"value":"s3cret"}"#, "s3cret", r#"{"error":"s3cret"}"#, r#"{"error":{"code":["s3cret"]}}"#] {
            let error = refused(500, Action::ReadSecret, body);
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }
}
