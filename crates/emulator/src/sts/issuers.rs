//! The keys of other issuers, fetched from their OpenID metadata and kept for a while.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use sidekey_host::{UnixTime, client};
use sidekey_jose::{JwkSet, VerifyingKey};
use url::{Host, Url};

/// Issuers and their keys. Only issuers that the directory trusts are ever asked, so their number is bounded by it.
#[derive(Debug)]
pub(crate) struct ExternalIssuers {
    client: OnceLock<Result<reqwest::Client, String>>,
    known: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Slot>>>>,
}

/// What came of the last requests to an issuer.
#[derive(Debug, Default)]
struct Slot {
    fetched: Option<(Arc<IssuerKeys>, UnixTime)>,
    /// Who waited while a request failed shares its failure, so that a slow issuer is not asked once for each of them.
    failed: Option<(String, Instant)>,
}

/// One issuer's keys.
#[derive(Debug)]
pub(crate) struct IssuerKeys(Vec<(Option<String>, VerifyingKey)>);

impl IssuerKeys {
    /// The keys that a token with this key id may be signed with; without an id, all.
    pub(crate) fn candidates(&self, kid: Option<&str>) -> impl Iterator<Item = &VerifyingKey> {
        self.0.iter().filter(move |(own, _)| kid.is_none() || own.as_deref() == kid).map(|(_, key)| key)
    }

    fn has(&self, kid: Option<&str>) -> bool {
        self.candidates(kid).next().is_some()
    }
}

impl ExternalIssuers {
    /// Asks with the given client; without one, with a client of its own made on first need.
    pub(crate) fn new(client: Option<reqwest::Client>) -> Self {
        let cell = OnceLock::new();
        if let Some(client) = client {
            let _ = cell.set(Ok(client));
        }
        Self { client: cell, known: Mutex::default() }
    }

    /// An issuer's keys; asked for anew when they are old, or when the key id is unknown. One request at a time for each issuer.
    pub(crate) async fn keys(&self, issuer: &str, kid: Option<&str>, now: UnixTime) -> Result<Arc<IssuerKeys>, String> {
        let slot =
            Arc::clone(self.known.lock().unwrap_or_else(PoisonError::into_inner).entry(issuer.to_owned()).or_default());
        let arrived = Instant::now();
        let mut slot = slot.lock().await;
        if let Some((keys, at)) = &slot.fetched {
            let age = now.since(*at);
            if age < LIFETIME && (keys.has(kid) || age < COOL_DOWN) {
                return Ok(Arc::clone(keys));
            }
        }
        if let Some((why, _)) = slot.failed.as_ref().filter(|(_, at)| *at >= arrived) {
            return Err(why.clone());
        }
        match self.fetch(issuer).await {
            Ok(keys) => Ok(Arc::clone(&slot.fetched.insert((Arc::new(keys), now)).0)),
            Err(why) => {
                slot.failed = Some((why.clone(), Instant::now()));
                Err(why)
            }
        }
    }

    async fn fetch(&self, issuer: &str) -> Result<IssuerKeys, String> {
        let metadata_url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let metadata = self.get(&metadata_url).await?;
        let metadata: IssuerMetadata = serde_json::from_slice(&metadata)
            .map_err(|error| format!("'{metadata_url}' is not OpenID metadata: {error}"))?;
        if metadata.issuer != issuer {
            return Err(format!("'{metadata_url}' names the issuer '{}' instead of '{issuer}'.", metadata.issuer));
        }
        let keys = self.get(&metadata.jwks_uri).await?;
        let keys =
            JwkSet::parse(&keys).map_err(|error| format!("'{}' is not a key set: {error}", metadata.jwks_uri))?;
        let keys = keys.keys.iter().take(MAX_KEYS);
        Ok(IssuerKeys(keys.filter_map(|jwk| Some((jwk.kid.clone(), VerifyingKey::from_jwk(jwk).ok()?))).collect()))
    }

    async fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        check_url(url)?;
        let mut response =
            self.client()?.get(url).timeout(TIMEOUT).send().await.map_err(|error| failure(url, &error))?;
        if !response.status().is_success() {
            return Err(format!("'{url}' answered with status {}.", response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failure(url, &error))? {
            if body.len() + chunk.len() > MAX_DOCUMENT {
                return Err(format!("'{url}' answered with more than {MAX_DOCUMENT} bytes."));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn client(&self) -> Result<&reqwest::Client, String> {
        let build = || {
            let options = client::ClientOptions { timeout: TIMEOUT, ..client::ClientOptions::default() };
            client::build(&options).map_err(|error| error.to_string())
        };
        self.client.get_or_init(build).as_ref().map_err(Clone::clone)
    }
}

/// Metadata of another issuer, as much of it as is needed.
#[derive(serde::Deserialize)]
struct IssuerMetadata {
    issuer: String,
    jwks_uri: String,
}

/// `https`, or `http` on loopback.
fn check_url(url: &str) -> Result<(), String> {
    let parsed: Url = url.parse().map_err(|_| format!("'{url}' is not a URL."))?;
    let is_loopback = match parsed.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    };
    match parsed.scheme() {
        "https" => Ok(()),
        "http" if is_loopback => Ok(()),
        _ => Err(format!("'{url}' must be https, or http on loopback.")),
    }
}

fn failure(url: &str, error: &reqwest::Error) -> String {
    let why = if error.is_timeout() { "did not answer in time" } else { "could not be reached" };
    format!("'{url}' {why}.")
}

const LIFETIME: Duration = Duration::from_hours(1);
const COOL_DOWN: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_DOCUMENT: usize = 1 << 20;
/// Entra keeps the first hundred.
const MAX_KEYS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_or_loopback_is_asked() {
        for good in ["https://a.example/x", "http://localhost:1/x", "http://127.9.9.9/", "http://[::1]:3/"] {
            assert_eq!(check_url(good), Ok(()), "{good}");
        }
        for bad in ["http://a.example/", "ftp://localhost/", "file:///etc/passwd", "x", "http://169.254.169.254/"] {
            assert!(check_url(bad).is_err(), "{bad}");
        }
    }
}
