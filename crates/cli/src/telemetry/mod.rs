//! Logs the way ASP.NET programs write them: categories, level names, event ids, `simple` and `json` console formats.

mod config;
mod console;
mod level;

pub(crate) use config::Config;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

/// Starts logging. A second call changes nothing.
pub(crate) fn install(config: Config) {
    let _ = tracing_subscriber::registry().with(console::Console::new(config)).try_init();
}
