//! A changed configuration takes effect while the sidecar serves. A good change is taken up whole, between two requests; a
//! bad one is logged, and the configuration before it stays.

mod watch;

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
    sync::Arc,
};

use sidekey_config::{Configuration, Faults, Sources, Warning};
use sidekey_sidecar::Current;
use tokio::task::spawn_blocking;

use crate::{
    app::{self, Settings},
    telemetry,
};
use watch::Watch;

/// What is needed to read the configuration again, and to say what has changed.
pub(crate) struct Reload {
    sources: Sources,
    /// What the process was started with: that is what cannot change.
    start: Settings,
    files: Vec<PathBuf>,
    /// What was in the files.
    seen: u64,
}

/// A configuration that was read without a fault.
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    pub(crate) warnings: Vec<Warning>,
    files: Vec<PathBuf>,
}

/// Reads all layers and binds them.
pub(crate) fn load(sources: &Sources) -> Result<Loaded, Faults> {
    let configuration = Configuration::load(sources)?;
    let (settings, warnings) = configuration.bind(|root| Settings::read(root, configuration.environment()))?;
    let certificates = settings.sidecar.certificate_files().iter().cloned();
    let files = configuration.files().iter().cloned().chain(certificates).collect();
    Ok(Loaded { settings, warnings, files })
}

impl Reload {
    /// Of a process that was started with this configuration.
    pub(crate) fn new(sources: Sources, start: &Loaded) -> Self {
        let (files, seen) = (start.files.clone(), content_of(&start.files));
        Self { sources, start: start.settings.clone(), files, seen }
    }

    /// Looks for changes until it is dropped.
    pub(crate) async fn run(mut self, current: Arc<Current>, logging: telemetry::Handle) {
        let mut watch = Watch::new();
        loop {
            // First watched, then looked at: what changed before is seen as well.
            watch.follow(&self.files);
            let (files, sources, seen) = (self.files.clone(), self.sources.clone(), self.seen);
            // Whoever writes a file is not waited for: when the rest of it comes, it is another change.
            let look = spawn_blocking(move || {
                let found = content_of(&files);
                (found, (found != seen).then(|| load(&sources)))
            });
            match look.await {
                Ok((found, Some(Ok(loaded)))) => {
                    self.seen = found;
                    self.take_up(loaded, &current, &logging);
                }
                Ok((found, Some(Err(faults)))) => {
                    self.seen = found;
                    tracing::error!(
                        category = CATEGORY,
                        "The changed configuration is not used, the one before stays: {faults}"
                    );
                }
                Ok((_, None)) | Err(_) => {}
            }
            watch.changed().await;
        }
    }

    fn take_up(&mut self, loaded: Loaded, current: &Current, logging: &telemetry::Handle) {
        let Loaded { settings, warnings, files } = loaded;
        for key in self.start.needs_restart(&settings) {
            tracing::warn!(category = CATEGORY, "`{key}` has changed: restart for it, until then the old value holds");
        }
        if files != self.files {
            // Certificates that are new in the configuration were read just now.
            self.seen = content_of(&files);
            self.files = files;
        }
        logging.replace(settings.logging);
        current.reconfigure(settings.sidecar, settings.entra);
        app::log_warnings(&warnings);
        tracing::info!(category = CATEGORY, "The changed configuration is in force.");
    }
}

/// One number for the content of all files; a file that cannot be read counts as such.
fn content_of(files: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for file in files {
        fs::read(file).ok().hash(&mut hasher);
    }
    hasher.finish()
}

const CATEGORY: &str = "Sidekey.Configuration";
