//! The HTTP client: our own roots, no redirects, no cookies, proxies by the usual variables but never for loopback.

mod localhost;
mod named;
mod pinned;
mod policy;
mod proxy;
mod roots;

pub use policy::{identity_http_allowed, plain_http_allowed};

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use rustls::{
    ClientConfig,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::CryptoProvider,
};

use crate::tls;

/// How a client is built.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// PEM files whose certificates are trusted besides the system's roots (`Sidecar:AdditionalCaFile`).
    pub additional_ca_files: Vec<PathBuf>,
    /// PEM text that is trusted besides the system's roots, such as the in-process emulator's CA.
    pub additional_ca_pem: Vec<String>,
    /// Time to connect.
    pub connect_timeout: Duration,
    /// Time for the whole exchange.
    pub timeout: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            additional_ca_files: Vec::new(),
            additional_ca_pem: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
        }
    }
}

/// Builds a client. The system's roots are read on first need, so that start-up does not wait for them.
///
/// Reads `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, and at the first TLS handshake `SSL_CERT_FILE` and
/// `SSL_CERT_DIR`, which replace the system's roots.
pub fn build(options: &ClientOptions) -> Result<reqwest::Client, ClientError> {
    let mut builder = builder(options, tls_config(options)?);
    for proxy in proxy::from_variables(&|name| std::env::var(name).ok())? {
        builder = builder.proxy(proxy);
    }
    builder.build().map_err(|error| ClientError::Build(error.to_string()))
}

/// Builds a client for a server whose certificate has this SHA-1 thumbprint, whoever signed it and whatever it is called.
/// Never uses a proxy.
pub fn build_pinned(options: &ClientOptions, sha1: [u8; 20]) -> Result<reqwest::Client, ClientError> {
    let provider = tls::provider();
    let verifier = Arc::new(pinned::PinnedVerifier::new(Arc::clone(&provider), sha1));
    let client = builder(options, tls_config_with(provider, verifier)?).build();
    client.map_err(|error| ClientError::Build(error.to_string()))
}

/// The SHA-1 thumbprint of the certificate that a server showed to a client of [`build_pinned`], where it is not the pinned one.
pub fn unpinned_certificate(error: &reqwest::Error) -> Option<[u8; 20]> {
    pinned::unpinned(error)
}

/// Builds a client that connects to `host` whatever the name in a URL, while that name is the one in the handshake (SNI) and in the
/// server's certificate. With `ca_pem` those certificates are trusted and no others. HTTP/1.1 alone, so that a request can
/// have a `Host` of its own; never uses a proxy.
pub fn build_to_host(
    options: &ClientOptions,
    host: &str,
    ca_pem: Option<&[u8]>,
) -> Result<reqwest::Client, ClientError> {
    let mut tls = match ca_pem {
        None => tls_config(options)?,
        Some(pem) => tls_config_of_ca(pem)?,
    };
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A literal IPv6 address stands in brackets in URLs alone.
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let client = builder(options, tls).http1_only().dns_resolver(Arc::new(named::OneHost(host))).build();
    client.map_err(|error| ClientError::Build(error.to_string()))
}

fn tls_config_of_ca(pem: &[u8]) -> Result<ClientConfig, ClientError> {
    let mut roots = rustls::RootCertStore::empty();
    if roots.add_parsable_certificates(tls::certificates(pem)).0 == 0 {
        return Err(ClientError::Build("the CA holds no PEM certificate".to_owned()));
    }
    let provider = tls::provider();
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    tls_config_with(provider, verifier.map_err(|error| ClientError::Build(error.to_string()))?)
}

fn builder(options: &ClientOptions, tls: ClientConfig) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .dns_resolver(Arc::new(localhost::Resolver))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .user_agent(USER_AGENT)
        .connect_timeout(options.connect_timeout)
        .timeout(options.timeout)
        .tcp_nodelay(true)
        .tcp_keepalive(TCP_KEEP_ALIVE)
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(POOL_SIZE)
}

/// Why no client could be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A CA file could not be read.
    #[error("cannot read the CA file `{}`: {source}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A CA file holds no certificate.
    #[error("the CA file `{}` holds no PEM certificate", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A variable names no proxy. Its value is not shown: it may carry a password.
    #[error("the environment variable `{variable}` holds no proxy URL; write it as `http://host:port`")]
    Proxy {
        /// The variable.
        variable: &'static str,
    },
    /// The TLS library or the HTTP client refused the settings.
    #[error("cannot build the HTTP client: {0}")]
    Build(String),
}

fn tls_config(options: &ClientOptions) -> Result<ClientConfig, ClientError> {
    let provider = tls::provider();
    let verifier = roots::LazyVerifier::new(Arc::clone(&provider), additional_roots(options)?);
    tls_config_with(provider, Arc::new(verifier))
}

fn tls_config_with(
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ClientConfig, ClientError> {
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError::Build(error.to_string()))?
        // The name warns of verifiers of one's own. One of ours only decides when the ordinary one is made, the other
        // knows the one certificate that it accepts.
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn additional_roots(options: &ClientOptions) -> Result<rustls::RootCertStore, ClientError> {
    let mut store = rustls::RootCertStore::empty();
    let mut add = |pem: &[u8]| store.add_parsable_certificates(tls::certificates(pem)).0 > 0;
    for path in &options.additional_ca_files {
        let pem = fs::read(path).map_err(|source| ClientError::CaFile { path: path.clone(), source })?;
        if !add(&pem) {
            return Err(ClientError::NoCertificate { path: path.clone() });
        }
    }
    if options.additional_ca_pem.iter().all(|pem| add(pem.as_bytes())) {
        Ok(store)
    } else {
        Err(ClientError::Build("an additional CA in memory is no PEM certificate".to_owned()))
    }
}

/// How we call ourselves.
const USER_AGENT: &str = concat!("sidekey/", env!("CARGO_PKG_VERSION"));

/// How long an idle connection is kept; servers and load balancers close theirs no earlier than after some minutes.
const POOL_IDLE: Duration = Duration::from_mins(1);

/// Idle connections kept for each host: as many as callers of a busy sidecar have requests in flight.
const POOL_SIZE: usize = 256;

/// Finds connections that a load balancer dropped without a word.
const TCP_KEEP_ALIVE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additional_roots_must_be_there_and_be_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let options = ClientOptions { additional_ca_files: vec![path.clone()], ..ClientOptions::default() };
        assert!(matches!(build(&options), Err(ClientError::CaFile { .. })));
        fs::write(&path, "no certificate").unwrap();
        assert!(matches!(build(&options), Err(ClientError::NoCertificate { .. })));
        let options = ClientOptions { additional_ca_pem: vec!["none".to_owned()], ..ClientOptions::default() };
        assert!(matches!(build(&options), Err(ClientError::Build(_))));
    }
}
