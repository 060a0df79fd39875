//! A local Entra ID, as strict as the real one: authority, keys, token endpoint.
//!
//! A stranger to the token engine: it shares the value crates with it and nothing else, so that the two cannot share a mistake. The
//! rules are in `sts`, the routes in `http`, what exists in `directory`. Times come from the clock that the emulator is given.

mod directory;
mod http;
mod keys;
mod sts;
mod text;
mod time;
mod vault;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sidekey_host::{Clock, UnixTime};

use crate::{
    directory::Directory,
    http::{Faults, Hosts, RequestLog, Site},
    keys::{CertificateAuthority, Store, TokenKeys},
    sts::{ExternalIssuers, Revocations, Sessions, UsedAssertions},
    time::Jitter,
    vault::Vaults,
};

pub use crate::http::Scheme;

/// How the emulator is run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where keys and the CA are kept between runs; in memory only if absent.
    pub state_folder: Option<PathBuf>,
    /// Fixes the lifetimes' jitter, for tests.
    pub seed: Option<u64>,
    /// What relative paths in the directory start from; the working folder if absent.
    pub directory_folder: Option<PathBuf>,
    /// Where Azure Arc's key files are written; `/var/opt/azcmagent/tokens` if absent, the only folder that clients take them from.
    pub arc_key_folder: Option<PathBuf>,
    /// Asks other issuers for their keys (federated credentials). It must not follow redirects. Without one the emulator makes its own.
    pub client: Option<reqwest::Client>,
}

/// A directory, its keys and its endpoints.
#[derive(Debug)]
pub struct Emulator {
    directory: Directory,
    keys: TokenKeys,
    authority: CertificateAuthority,
    clock: Arc<dyn Clock>,
    jitter: Jitter,
    issuers: ExternalIssuers,
    sessions: Sessions,
    used_assertions: UsedAssertions,
    faults: Faults,
    requests: RequestLog,
    hosts: Hosts,
    vaults: Vaults,
    revocations: Revocations,
    started: UnixTime,
}

/// Why an emulator cannot start: names the file, the line and what to write instead.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct EmulatorError(pub String);

impl Emulator {
    /// The built-in directory, as YAML.
    pub const DEFAULT_DIRECTORY: &'static str = include_str!("directory/default.yaml");

    /// An emulator for a directory written in YAML. Returns at once: the first signing key is made in the background.
    pub fn new(directory: &str, options: Options, clock: Arc<dyn Clock>) -> Result<Arc<Self>, EmulatorError> {
        let folder = options.directory_folder.as_deref().unwrap_or(Path::new("."));
        let mut directory = directory::read(directory, folder)?;
        let hosts = Hosts::new(options.arc_key_folder, options.state_folder.clone());
        let store = options.state_folder.as_deref().map(Store::open).transpose()?;
        let seed = options.seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
        let now = clock.now();
        Ok(Arc::new(Self {
            authority: CertificateAuthority::open(store.as_ref())?,
            keys: TokenKeys::open(store)?,
            started: now,
            clock,
            jitter: Jitter::seeded(seed),
            issuers: ExternalIssuers::new(options.client),
            sessions: Sessions::default(),
            used_assertions: UsedAssertions::default(),
            faults: Faults::new(directory.faults.clone()),
            requests: RequestLog::default(),
            hosts,
            vaults: Vaults::new(std::mem::take(&mut directory.vaults), now),
            revocations: Revocations::default(),
            directory,
        }))
    }

    /// The routes. `origin` is the canonical one (`https://localhost:5443`): v2 issuers start with it on every listener, while
    /// the endpoints in metadata follow the listener that was asked. Which scheme that listener has follows from the port: the
    /// canonical one has the canonical scheme, any other is plain. Where that is not so, use [`Emulator::router_for`].
    pub fn router(self: &Arc<Self>, origin: &str) -> axum::Router {
        self.routes(origin, None)
    }

    /// The same for a listener whose scheme is known.
    pub fn router_for(self: &Arc<Self>, origin: &str, scheme: Scheme) -> axum::Router {
        self.routes(origin, Some(scheme))
    }

    fn routes(self: &Arc<Self>, origin: &str, scheme: Option<Scheme>) -> axum::Router {
        let origin = origin.trim_end_matches('/').into();
        http::router(&Site { emulator: Arc::clone(self), origin, scheme })
    }

    /// TLS for the https listener: a leaf for `localhost`, loopback addresses and Entra's host names, from the own CA.
    pub fn tls(&self) -> Result<Arc<rustls::ServerConfig>, EmulatorError> {
        self.authority.tls()
    }

    /// From when on a user's tokens count, where the user (an object id) was revoked: what a resource is told that evaluates
    /// access continuously.
    pub fn revoked(&self, user: &str) -> Option<UnixTime> {
        self.revocations.of(user.parse().ok()?)
    }

    /// The CA's certificate as PEM.
    pub fn ca_pem(&self) -> Result<String, EmulatorError> {
        Ok(self.authority.pem().to_owned())
    }
}
