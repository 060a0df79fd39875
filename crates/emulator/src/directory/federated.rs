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
