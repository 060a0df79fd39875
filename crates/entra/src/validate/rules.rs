//! The rules of one configuration: all that a judgement needs besides the token and the time.

use std::{fmt, time::Duration};

use sidekey_jose::Algorithm;

use super::issuer::IssuerPattern;
use crate::{Config, authority::AuthorityKind};

/// What is accepted.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// For whom a token must be.
    pub(crate) audiences: Audiences,
    /// Issuers that are accepted besides the authority's own.
    pub(crate) issuers: Vec<IssuerPattern>,
    /// Tenants that users may come from; empty: all that the issuer rule allows.
    pub(crate) tenants: Vec<String>,
    /// Client applications that may call; empty: all.
    pub(crate) clients: Vec<String>,
    /// Signature algorithms.
    pub(crate) algorithms: Vec<Algorithm>,
    /// By how much the issuer's clock may differ from ours.
    pub(crate) clock_skew: Duration,
    /// Whether a token without any scope or role is refused.
    pub(crate) needs_access_claim: bool,
    /// Scopes, one of which a user's token needs; empty: none needed.
    pub(crate) scopes: Vec<String>,
    /// Roles, one of which lets an app's token pass where scopes are needed.
    pub(crate) roles: Vec<String>,
}

/// Which audiences are accepted.
#[derive(Clone, Debug)]
pub(crate) enum Audiences {
    /// The configured ones and no others.
    Listed(Vec<String>),
    /// Nothing is configured: what Entra writes into a token for this application, by the token's version.
    ByVersion {
        /// For `ver` 2.0: the client id.
        v2: String,
        /// For `ver` 1.0: `api://` and the client id.
        v1: String,
    },
}

impl Rules {
    /// The rules that a configuration asks for.
    pub(crate) fn of(config: &Config) -> Self {
        let validation = &config.validation;
        Self {
            audiences: Audiences::of(config),
            issuers: validation.valid_issuers.iter().map(|issuer| IssuerPattern::new(issuer)).collect(),
            tenants: validation.allowed_tenants.iter().map(ToString::to_string).collect(),
            clients: validation.allowed_client_apps.iter().map(ToString::to_string).collect(),
            algorithms: validation.algorithms.clone(),
            clock_skew: validation.clock_skew,
            needs_access_claim: !validation.allow_acl,
            scopes: words(&validation.scopes),
            roles: words(&validation.roles),
        }
    }

    /// The algorithms as a list to read.
    pub(crate) fn algorithm_names(&self) -> String {
        joined(self.algorithms.iter())
    }
}

impl Audiences {
    fn of(config: &Config) -> Self {
        let id = config.client_id.as_str();
        if !config.validation.audiences.is_empty() {
            return Self::Listed(config.validation.audiences.clone());
        }
        match config.authority.kind() {
            // B2C numbers its tokens by other rules, and makes them for the client id alone.
            AuthorityKind::B2c { .. } => Self::Listed(vec![id.to_owned()]),
            _ => Self::ByVersion { v2: id.to_owned(), v1: format!("api://{id}") },
        }
    }
}

/// Each of a set that may be written as a list or with blanks between; neither scopes nor roles have blanks in them.
fn words(texts: &[String]) -> Vec<String> {
    texts.iter().flat_map(|text| text.split_ascii_whitespace()).map(str::to_owned).collect()
}

/// A list to read.
pub(super) fn joined<T: fmt::Display>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}
