//! Fetches a metadata document and its key set: two GET requests with bounds, no redirects (the client follows none).

use std::{error::Error, time::Duration};

use reqwest::{Client, Response};
use serde::Deserialize;
use sidekey_jose::{JwkSet, parse_object};
use url::Url;

use super::source::Source;
use crate::validate::IssuerPattern;

/// What was published.
#[derive(Debug)]
pub(super) struct Published {
    /// The issuer or its template.
    pub(super) issuer: IssuerPattern,
    /// Entra's name for the cloud.
    pub(super) cloud: Option<String>,
    /// The keys as they stand in the document.
    pub(super) keys: JwkSet,
}

/// Why there is no good document.
#[derive(Debug, thiserror::Error)]
#[error("{address}: {reason}")]
pub(crate) struct FetchError {
    /// What was asked for.
    pub(super) address: String,
    /// What came of it.
    pub(super) reason: String,
}

/// Fetches both documents. Anything that is not as it should be is an error: the caller keeps what it has.
pub(super) async fn fetch(client: &Client, source: &Source) -> Result<Published, FetchError> {
    let failed = |reason| FetchError { address: source.address.clone(), reason };
    let address = source.check_address().map_err(failed)?;
    let document = get(client, address).await?;
    let document = Provider::read(&document).map_err(failed)?;
    let issuer = source.check_issuer(&document.issuer).map_err(failed)?;
    let address = source.check_keys_address(&document.jwks_uri).map_err(failed)?;
    let keys = get(client, address.clone()).await?;
    let keys =
        JwkSet::parse(&keys).map_err(|error| FetchError { address: address.to_string(), reason: error.to_string() })?;
    Ok(Published { issuer, cloud: document.cloud_instance_name, keys })
}

/// What is read of the provider's metadata: no token is asked for here, so that its endpoints may be missing.
#[derive(Deserialize)]
pub(super) struct Provider {
    pub(super) issuer: String,
    pub(super) jwks_uri: String,
    #[serde(default)]
    cloud_instance_name: Option<String>,
}

impl Provider {
    pub(super) fn read(document: &[u8]) -> Result<Self, String> {
        let object = parse_object(document).map_err(|error| error.to_string())?;
        serde_json::from_value(object.into()).map_err(|error| format!("not OpenID metadata: {error}"))
    }
}

async fn get(client: &Client, address: Url) -> Result<Vec<u8>, FetchError> {
    let exchange = async {
        let response = client.get(address.clone()).send().await.map_err(|error| chain(error.without_url()))?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(format!("status {}, expected 200", response.status().as_u16()));
        }
        body(response).await
    };
    let outcome = tokio::time::timeout(EXCHANGE_TIMEOUT, exchange).await;
    outcome
        .unwrap_or_else(|_| Err(format!("no answer within {} s", EXCHANGE_TIMEOUT.as_secs())))
        .map_err(|reason| FetchError { address: address.to_string(), reason })
}

/// Reads no more than is allowed, whatever length was announced.
async fn body(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| chain(error.without_url()))? {
        if body.len() + chunk.len() > MAX_DOCUMENT_BYTES {
            return Err(format!("the document is larger than {MAX_DOCUMENT_BYTES} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// An error with its causes, which in HTTP clients hold what matters (refused, unknown name, bad certificate).
fn chain(error: impl Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;
/// For one request. Longer than any caller waits: what comes late still serves the next one.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(15);
