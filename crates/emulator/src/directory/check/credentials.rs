//! What applications prove themselves with.

use std::{collections::HashSet, time::Duration};

use sidekey_host::UnixTime;

use super::{Checker, each};
use crate::directory::{
    AppSecret, FederatedCredential, MatchingExpression, RegisteredCertificate, SubjectRule, TrustedSubject,
    certificate,
    file::{ExpressionFile, FederatedCredentialFile, SecretFile, TrustedSubjectFile},
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
            for (key, text) in [("issuer", &file.issuer), ("audience", &file.audience)] {
                self.federated_text(&format!("{path}.{key}"), text);
            }
            let written =
                file.subject.clone().or(file.claims_matching_expression.as_ref().map(|own| own.value.clone()));
            if !seen.insert((file.issuer.clone(), written)) {
                self.fault(path, "this issuer and subject are there twice");
            }
            let propagation = file.propagation.as_deref().map_or(Ok(Duration::ZERO), duration);
            let propagation = self.ok(&format!("{path}.propagation"), propagation);
            let subject = self.subject_rule(file.subject, file.claims_matching_expression, (path, &file.issuer));
            let FederatedCredentialFile { issuer, audience, .. } = file;
            Some(FederatedCredential { issuer, subject: subject?, audience, propagation: propagation? })
        })
    }

    /// A subject, or an expression in the only version that there is.
    fn subject_rule(
        &mut self,
        subject: Option<String>,
        expression: Option<ExpressionFile>,
        (path, issuer): (&str, &str),
    ) -> Option<SubjectRule> {
        match (subject, expression) {
            (Some(subject), None) => {
                self.federated_text(&format!("{path}.subject"), &subject);
                Some(SubjectRule::Exact(subject))
            }
            (None, Some(expression)) => {
                let path = format!("{path}.claimsMatchingExpression");
                if let Some(version) = expression.language_version.filter(|version| *version != 1) {
                    self.fault(&format!("{path}.languageVersion"), format!("is {version}: write 1"));
                }
                let parsed = MatchingExpression::parse(&expression.value, issuer);
                self.ok(&format!("{path}.value"), parsed).map(SubjectRule::Flexible)
            }
            _ => {
                self.fault(path, "write exactly one of `subject` and `claimsMatchingExpression`");
                None
            }
        }
    }

    fn federated_text(&mut self, path: &str, text: &str) {
        if text.is_empty() || text.trim() != text || text.chars().count() > 600 {
            self.fault(path, "write 1 to 600 characters without blanks around them");
        }
    }
}

/// Seconds, minutes or hours: `30s`, `2m`, `1h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let units = [('s', 1), ('m', 60), ('h', 3600)];
    let found = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, seconds)));
    let seconds =
        found.and_then(|(number, seconds)| number.parse::<u32>().ok().map(|number| u64::from(number) * seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| format!("`{text}` is no duration such as `30s`, `2m` or `1h`"))
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
