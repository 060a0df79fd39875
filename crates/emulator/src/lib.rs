//! A local Entra ID, as strict as the real one: authority, keys, token endpoint.
//!
//! A stranger to the token engine: it shares the value crates with it and nothing else.

use std::{path::PathBuf, sync::Arc};

use sidekey_host::Clock;

/// How the emulator is run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where keys and the CA are kept between runs; in memory only if absent.
    pub state_folder: Option<PathBuf>,
    /// Fixes the lifetimes' jitter, for tests.
    pub seed: Option<u64>,
}

/// A directory, its keys and its endpoints.
#[derive(Debug)]
pub struct Emulator {
    _todo: (),
}

/// Why an emulator cannot start: names the file, the line and what to write instead.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct EmulatorError(pub String);

impl Emulator {
    /// The built-in directory, as YAML.
    pub const DEFAULT_DIRECTORY: &'static str = "";

    /// An emulator for a directory written in YAML.
    pub fn new(_directory: &str, _options: Options, _clock: Arc<dyn Clock>) -> Result<Arc<Self>, EmulatorError> {
        todo!()
    }

    /// The routes. `origin` is the canonical one (`https://localhost:5443`): v2 issuers start with it on every listener, while
    /// the endpoints in metadata follow the listener that was asked.
    pub fn router(self: &Arc<Self>, _origin: &str) -> axum::Router {
        todo!()
    }

    /// TLS for the https listener: a leaf for `localhost`, loopback addresses and Entra's host names, from the own CA.
    pub fn tls(&self) -> Result<Arc<rustls::ServerConfig>, EmulatorError> {
        todo!()
    }

    /// The CA's certificate as PEM.
    pub fn ca_pem(&self) -> Result<String, EmulatorError> {
        todo!()
    }
}
