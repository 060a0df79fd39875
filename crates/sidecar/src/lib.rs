//! The sidecar's HTTP surface: a drop-in for the Microsoft Entra auth sidecar.

mod config;

pub use config::Config;

use std::sync::Arc;

use sidekey_entra::Entra;

/// Everything the handlers need; built once, replaced whole on a reload.
#[derive(Debug)]
pub struct Sidecar {
    _todo: (),
}

impl Sidecar {
    /// Puts the parts together. `downstream` is the client for calls to downstream APIs.
    pub fn new(
        _config: Config,
        _entra: Arc<Entra>,
        _downstream: reqwest::Client,
        _shutdown: sidekey_host::Shutdown,
    ) -> Arc<Self> {
        todo!()
    }

    /// The routes with the door (callers, hosts, origins) before them.
    pub fn router(self: &Arc<Self>) -> axum::Router {
        todo!()
    }

    /// The OpenAPI document as it is served and kept in `docs/openapi.json`.
    pub fn openapi() -> String {
        todo!()
    }
}
