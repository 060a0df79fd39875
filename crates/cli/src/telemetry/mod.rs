//! Logs the way ASP.NET programs write them: categories, level names, event ids, `simple` and `json` console formats.

mod config;
mod console;
mod level;

pub(crate) use config::Config;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

/// Changes what is logged, and how.
pub(crate) struct Handle(Arc<ArcSwap<Config>>);

/// Starts logging. A second call changes nothing.
pub(crate) fn install(config: Config) -> Handle {
    let config = Arc::new(ArcSwap::from_pointee(config));
    let _ = tracing_subscriber::registry().with(console::Console::new(Arc::clone(&config))).try_init();
    Handle(config)
}

impl Handle {
    /// Logs by another configuration from now on.
    pub(crate) fn replace(&self, config: Config) {
        self.0.store(Arc::new(config));
        tracing::callsite::rebuild_interest_cache();
    }
}
