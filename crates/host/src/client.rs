//! The HTTP client: our own roots, no redirects, no cookies, proxies by the usual variables but never for loopback.

use std::{path::PathBuf, time::Duration};

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
pub fn build(_options: &ClientOptions) -> Result<reqwest::Client, ClientError> {
    todo!()
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
    /// The TLS library or the HTTP client refused the settings.
    #[error("cannot build the HTTP client: {0}")]
    Build(String),
}
