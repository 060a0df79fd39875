//! The sidecar of the moment: a change of the configuration takes its place between two requests.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::Request;
use sidekey_host::listen::{Answer, App, Peer};

use crate::{Config, Sidecar};

/// Serves by the configuration that is in force. A request goes on with the one that it began with, so that none fails
/// because of a change.
#[derive(Debug)]
pub struct Current(ArcSwap<Sidecar>);

impl Current {
    /// Begins with a sidecar.
    pub fn new(sidecar: Arc<Sidecar>) -> Arc<Self> {
        Arc::new(Self(ArcSwap::new(sidecar)))
    }

    /// Takes up a changed configuration: what comes from now on is served by it. Listeners, and the bounds of what is there
    /// since the start, stay; see [`Config::needs_restart`].
    pub fn reconfigure(&self, config: Config, engine: sidekey_entra::Config) {
        self.0.store(self.0.load().reconfigured(config, engine));
    }
}

impl App for Current {
    fn answer(self: Arc<Self>, request: Request, peer: Peer) -> Answer {
        self.0.load_full().answer(request, peer)
    }
}
