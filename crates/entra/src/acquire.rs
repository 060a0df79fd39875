//! The engine's front: a request in, a token out.

use std::sync::Arc;

use sidekey_host::Clock;

use crate::{AccessToken, AcquireError, CacheOutcome, Config, TokenRequest, Validator};

/// The token engine. One per configuration; shared, never cloned inside.
#[derive(Debug)]
pub struct Entra {
    _todo: (),
}

impl Entra {
    /// Builds the engine. Does no I/O: credentials and metadata are loaded on first need.
    pub fn new(_config: Config, _client: reqwest::Client, _clock: Arc<dyn Clock>) -> Arc<Self> {
        todo!()
    }

    /// Gives a token: from the cache if there is a good one, else by one acquisition per key, which a caller that leaves does
    /// not cancel.
    pub async fn acquire(
        self: &Arc<Self>,
        _request: &TokenRequest,
    ) -> Result<(Arc<AccessToken>, CacheOutcome), AcquireError> {
        todo!()
    }

    /// The judge of inbound tokens.
    pub fn validator(&self) -> &Validator {
        todo!()
    }
}
