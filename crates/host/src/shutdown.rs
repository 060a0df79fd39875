//! Graceful shutdown: `SIGTERM` or Ctrl-C once to drain, twice to end at once.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

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

    /// Triggers on the first `SIGTERM`, `SIGINT` or Ctrl-C; ends the process at once on the second, with the exit code that
    /// shells give to a process that the signal killed (143 or 130). Call inside a runtime.
    pub fn on_signals(&self) {
        let shutdown = self.clone();
        let signals =
            signal(SignalKind::terminate()).and_then(|terminate| Ok((terminate, signal(SignalKind::interrupt())?)));
        let (mut terminate, mut interrupt) = match signals {
            Ok(signals) => signals,
            Err(error) => {
                tracing::error!(%error, "cannot listen for signals; the process will end without a drain");
                return;
            }
        };
        tokio::spawn(async move {
            loop {
                let code = tokio::select! {
                    _ = terminate.recv() => EXIT_TERMINATED,
                    _ = interrupt.recv() => EXIT_INTERRUPTED,
                };
                if shutdown.is_triggered() {
                    std::process::exit(code);
                }
                shutdown.trigger();
            }
        });
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

/// How long what is in flight may take after the end was asked for.
pub const DRAIN: Duration = Duration::from_secs(30);

/// 128 and the number of the signal.
const EXIT_TERMINATED: i32 = 143;
const EXIT_INTERRUPTED: i32 = 130;
