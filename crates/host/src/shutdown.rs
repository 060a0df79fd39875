//! Graceful shutdown: `SIGTERM` or Ctrl-C once to drain, twice to end at once.

use std::time::Duration;

/// Tells everyone that the process is to end. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shutdown {
    sender: tokio::sync::watch::Sender<bool>,
}

impl Shutdown {
    /// Not yet asked for.
    pub fn new() -> Self {
        Self { sender: tokio::sync::watch::Sender::new(false) }
    }

    /// Asks everyone to finish.
    pub fn trigger(&self) {
        self.sender.send_replace(true);
    }

    /// Whether the end was asked for: readiness is false from then on.
    pub fn is_triggered(&self) -> bool {
        *self.sender.borrow()
    }

    /// Waits until the end is asked for.
    pub async fn wait(&self) {
        let mut receiver = self.sender.subscribe();
        let _ = receiver.wait_for(|triggered| *triggered).await;
    }

    /// Triggers on the first `SIGTERM`, `SIGINT` or Ctrl-C; ends the process at once on the second.
    pub fn on_signals(&self) {
        todo!()
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

/// How long what is in flight may take after the end was asked for.
pub const DRAIN: Duration = Duration::from_secs(30);
