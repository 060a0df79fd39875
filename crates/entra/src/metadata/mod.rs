//! What an authority publishes about itself: its issuer and its signing keys (OpenID Connect Discovery 1.0, RFC 7517).
//!
//! Entra publishes two documents per tenant, one for v1 and one for v2 tokens; a token is judged by its own version's.
//! Nothing is fetched before the first token needs it. After that readers never wait: documents are refreshed behind
//! them, and one that is unreachable, malformed or empty never takes the place of a good one.

mod document;
mod fetch;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod keys;
mod schedule;
#[cfg(test)]
pub(crate) mod scripted;
mod source;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use sidekey_host::Clock;

use crate::Config;

pub(crate) use document::Document;
pub(crate) use keys::{KeySet, PublishedKey};
use source::{Source, Tenancy};

/// The documents of one authority.
#[derive(Debug)]
pub struct Metadata {
    main: Arc<Document>,
    v1: Option<Arc<Document>>,
}

impl Metadata {
    /// Of the configured authority; at `AzureAd:MetadataAddress`, if that is set, and then nowhere else. Fetches nothing yet.
    pub fn new(config: &Config, client: &reqwest::Client, clock: &Arc<dyn Clock>) -> Arc<Self> {
        let (main, v1) = sources(config);
        Self::of_sources(main, v1, client, clock)
    }

    /// Of a changed configuration: the same, with the keys that are known, unless the documents are others.
    pub(crate) fn reconfigured(
        self: &Arc<Self>,
        config: &Config,
        client: &reqwest::Client,
        clock: &Arc<dyn Clock>,
    ) -> Arc<Self> {
        let own = (self.main.source(), self.v1.as_ref().map(|document| document.source()));
        let (main, v1) = sources(config);
        if own == (&main, v1.as_ref()) {
            return Arc::clone(self);
        }
        Self::of_sources(main, v1, client, clock)
    }

    /// Of an authority with one or two documents.
    fn of_sources(main: Source, v1: Option<Source>, client: &reqwest::Client, clock: &Arc<dyn Clock>) -> Arc<Self> {
        let document = |source| Arc::new(Document::new(source, client.clone(), Arc::clone(clock)));
        Arc::new(Self { main: document(main), v1: v1.map(document) })
    }

    /// The document that the authority is known by.
    pub(crate) fn main(&self) -> &Arc<Document> {
        &self.main
    }

    /// The document for tokens of an issuer, told by its form: Entra's v2 issuers end in `/v2.0`, its v1 issuers do not.
    pub(crate) fn for_issuer(&self, issuer: &str) -> &Arc<Document> {
        match &self.v1 {
            Some(v1) if !issuer.trim_end_matches('/').ends_with("/v2.0") => v1,
            _ => &self.main,
        }
    }
}

/// The addresses of the documents: the second is that of v1 tokens.
fn sources(config: &Config) -> (Source, Option<Source>) {
    let (authority, validation) = (&config.authority, &config.validation);
    let tenancy = authority.tenant().map_or(Tenancy::Named, Tenancy::from);
    let source = |address, tenancy| Source { address, tenancy, require_https: validation.require_https_metadata };
    match &validation.metadata_address {
        Some(address) => (source(address.to_string(), tenancy.by_any_name()), None),
        None => (
            source(authority.metadata_url(), tenancy),
            authority.metadata_url_v1().map(|address| source(address, tenancy)),
        ),
    }
}
