//! What this crate's tests log, on every thread and at every level.
//!
//! One log for all of them: threads that read credentials log too, and a subscriber that comes and goes with a test can miss
//! what another test reaches first.

use std::{
    io,
    sync::{Mutex, OnceLock, PoisonError},
};

use tracing::Level;

/// The log from one moment on; others may write to it meanwhile.
pub(crate) struct Log {
    start: usize,
}

impl Log {
    /// From now on.
    pub(crate) fn start() -> Self {
        static LISTENING: OnceLock<()> = OnceLock::new();
        LISTENING.get_or_init(|| {
            let subscriber = tracing_subscriber::fmt().with_max_level(Level::TRACE).with_ansi(false);
            tracing::subscriber::set_global_default(subscriber.with_writer(|| Writer).finish()).unwrap();
        });
        Self { start: written().len() }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&written()[self.start..]).into_owned()
    }
}

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        written().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn written() -> std::sync::MutexGuard<'static, Vec<u8>> {
    static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    WRITTEN.lock().unwrap_or_else(PoisonError::into_inner)
}
