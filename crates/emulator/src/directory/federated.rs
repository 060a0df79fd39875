//! Federated credentials: trust in another issuer's tokens.

use std::time::Duration;

use super::MatchingExpression;

/// A trust in another issuer's tokens as this application's credential.
#[derive(Debug)]
pub(crate) struct FederatedCredential {
    pub(crate) issuer: String,
    pub(crate) subject: SubjectRule,
    pub(crate) audience: String,
    /// How long after the start it is not known yet.
    pub(crate) propagation: Duration,
}

impl FederatedCredential {
    /// Whether it trusts an issuer, by exact, case-sensitive comparison. `{origin}` stands for the emulator's own.
    pub(crate) fn trusts(&self, issuer: &str, origin: &str) -> bool {
        match self.issuer.strip_prefix(ORIGIN) {
            Some(rest) => issuer.strip_prefix(origin) == Some(rest),
            None => self.issuer == issuer,
        }
    }
}

/// Whom a federated credential means.
#[derive(Debug)]
pub(crate) enum SubjectRule {
    /// This subject, case-sensitive.
    Exact(String),
    /// Whom an expression fits.
    Flexible(MatchingExpression),
}

impl SubjectRule {
    /// The subject, where it is one.
    pub(crate) fn exact(&self) -> Option<&str> {
        match self {
            Self::Exact(subject) => Some(subject),
            Self::Flexible(_) => None,
        }
    }

    /// Whether it means the bearer of these claims.
    pub(crate) fn fits<'c>(&self, claim: impl Fn(&str) -> Option<&'c str>) -> bool {
        match self {
            Self::Exact(subject) => claim("sub") == Some(subject),
            Self::Flexible(expression) => expression.holds(claim),
        }
    }
}

/// What a credential writes for the emulator's own origin, whose port may be found only at the start.
const ORIGIN: &str = "{origin}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_compared_to_the_letter_and_the_origin_is_filled_in() {
        let cases = [
            ("https://issuer.example", "https://issuer.example", true),
            ("https://issuer.example", "https://issuer.example/", false),
            ("https://issuer.example", "https://Issuer.example", false),
            ("{origin}/t/v2.0", "https://localhost:5443/t/v2.0", true),
            ("{origin}/t/v2.0", "https://localhost:5444/t/v2.0", false),
            ("{origin}/t/v2.0", "{origin}/t/v2.0", false),
            ("https://x/{origin}", "https://x/https://localhost:5443", false),
        ];
        for (written, issuer, trusted) in cases {
            let subject = SubjectRule::Exact("s".to_owned());
            let (issuer_text, audience) = (written.to_owned(), "a".to_owned());
            let own = FederatedCredential { issuer: issuer_text, subject, audience, propagation: Duration::ZERO };
            assert_eq!(own.trusts(issuer, "https://localhost:5443"), trusted, "{written} {issuer}");
        }
    }
}
