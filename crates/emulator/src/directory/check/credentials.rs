//! What applications prove themselves with.

use std::collections::HashSet;

use sidekey_host::UnixTime;

use super::{Checker, each};
use crate::directory::{
    AppSecret, FederatedCredential, RegisteredCertificate, TrustedSubject, certificate,
    file::{FederatedCredentialFile, SecretFile, TrustedSubjectFile},
};

impl Checker<'_> {
    pub(super) fn secret(&mut self, file: SecretFile, path: &str) -> AppSecret {
        if file.value.is_empty() {
            self.fault(&format!("{path}.value"), "is empty");
        }
        let expires = file.expires.map(|text| time(&text));
        let expires = expires.and_then(|time| self.ok(&format!("{path}.expires"), time));
        AppSecret { value: file.value, expires }
    }

    pub(super) fn trusted_subject(&mut self, file: TrustedSubjectFile, path: &str) -> Option<TrustedSubject> {
        let path = format!("{path}.issuer");
        let issuer = certificate::read(&file.issuer, self.folder);
        match self.ok(&path, issuer)? {
            RegisteredCertificate::Certificate(issuer) => Some(TrustedSubject { subject: file.subject, issuer }),
            RegisteredCertificate::Thumbprint(_) => {
                self.fault(&path, "a thumbprint is not enough to check signatures: write `pem` or `path`");
                None
            }
        }
    }

    /// The limits that Entra has: 20 of them, exact and unpadded texts of at most 600 characters, issuer and subject unique.
    pub(super) fn federated_credentials(
        &mut self,
        files: Vec<FederatedCredentialFile>,
        path: &str,
    ) -> Vec<FederatedCredential> {
        let path = format!("{path}.federatedCredentials");
        if files.len() > MAX_FEDERATED_CREDENTIALS {
            self.fault(&path, format!("has {} entries: at most {MAX_FEDERATED_CREDENTIALS} are allowed", files.len()));
        }
        let mut seen = HashSet::new();
        each(files, &path, |file, path| {
            if !is_credential_name(&file.name) {
                let what = "3 to 120 letters, digits, `-` and `_`, a letter or digit first";
                self.fault(&format!("{path}.name"), format!("`{}` is not allowed: write {what}", file.name));
            }
            for (key, text) in [("issuer", &file.issuer), ("subject", &file.subject), ("audience", &file.audience)] {
                if text.is_empty() || text.trim() != text || text.chars().count() > 600 {
                    self.fault(&format!("{path}.{key}"), "write 1 to 600 characters without blanks around them");
                }
            }
            if !seen.insert((file.issuer.clone(), file.subject.clone())) {
                self.fault(path, "this issuer and subject are there twice");
            }
            Some(FederatedCredential { issuer: file.issuer, subject: file.subject, audience: file.audience })
        })
    }
}

/// Reads an RFC 3339 time.
pub(super) fn time(text: &str) -> Result<UnixTime, String> {
    let time = text.parse::<jiff::Timestamp>().ok().and_then(|time| u64::try_from(time.as_second()).ok());
    time.map(UnixTime).ok_or_else(|| format!("`{text}` is no time such as `2030-01-31T00:00:00Z`"))
}

fn is_credential_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (3..=120).contains(&name.len())
        && name.bytes().all(allowed)
        && name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
}

/// Entra's limit per application.
const MAX_FEDERATED_CREDENTIALS: usize = 20;
