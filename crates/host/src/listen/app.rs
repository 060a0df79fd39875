//! What answers requests: a router, or something quicker.

use std::{convert::Infallible, pin::Pin, sync::Arc};

use axum::{Router, extract::Request, response::Response};
use tower::Service as _;

use super::Peer;

/// What answers the requests of a listener.
pub trait App: Send + Sync + 'static {
    /// Answers one request of a peer.
    fn answer(self: Arc<Self>, request: Request, peer: Peer) -> Answer;
}

/// An answer on its way.
pub type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Its handlers find the [`Peer`] among the request's extensions.
impl App for Router {
    fn answer(self: Arc<Self>, mut request: Request, peer: Peer) -> Answer {
        request.extensions_mut().insert(peer);
        let answer = Self::clone(&self).call(request);
        Box::pin(async move {
            let answer: Result<_, Infallible> = answer.await;
            answer.unwrap_or_else(|never| match never {})
        })
    }
}
