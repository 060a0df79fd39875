//! Waits for something to happen where files are. What happened is for the files themselves to say: editors rename,
//! Kubernetes exchanges a link (`..data`), network shares say nothing at all.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::{sync::Notify, time::timeout};

/// The folders of some files.
pub(super) struct Watch {
    /// `None` where the system has no watcher (left); then there is the clock alone.
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<PathBuf>,
    happened: Arc<Notify>,
}

impl Watch {
    pub(super) fn new() -> Self {
        let happened = Arc::new(Notify::new());
        let tell = Arc::clone(&happened);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // To read a file is an event, too: ours would go on for ever.
            if event.map_or(true, |event| !matches!(event.kind, EventKind::Access(_))) {
                tell.notify_one();
            }
        });
        let watcher = watcher.inspect_err(|error| tracing::warn!(%error, "changed files are noticed late")).ok();
        Self { watcher, folders: BTreeSet::new(), happened }
    }

    /// Watches the folders of these files. Again and again, since a folder can be another one under the same name.
    pub(super) fn follow(&mut self, files: &[PathBuf]) {
        let Some(watcher) = &mut self.watcher else { return };
        let folders: BTreeSet<PathBuf> = files.iter().flat_map(|file| folders_of(file)).collect();
        for gone in self.folders.difference(&folders) {
            // It may have taken its watch with it.
            let _ = watcher.unwatch(gone);
        }
        for folder in &folders {
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                tracing::debug!(%error, folder = %folder.display(), "cannot be watched, is looked at instead");
            }
        }
        self.folders = folders;
    }

    /// Returns when something has happened and nothing more happens, or after a while.
    pub(super) async fn changed(&self) {
        if timeout(LOOK_EVERY, self.happened.notified()).await.is_err() {
            return;
        }
        for _ in 0..MAX_ROUNDS {
            if timeout(QUIET, self.happened.notified()).await.is_err() {
                return;
            }
        }
    }
}

/// Where a change can make a path lead to other content: its folder, and those of the links on its way.
fn folders_of(path: &Path) -> Vec<PathBuf> {
    let (mut path, mut folders) = (path.to_owned(), Vec::new());
    for _ in 0..MAX_LINKS {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        folders.push(folder.to_owned());
        match fs::read_link(&path) {
            Ok(target) => path = folder.join(target),
            Err(_) => break,
        }
    }
    folders
}

/// As long as Linux follows links.
const MAX_LINKS: usize = 40;
/// A file is written in several steps; between them it is a bad one.
const QUIET: Duration = Duration::from_millis(100);
/// In a folder where something happens all the time, too, it is looked at.
const MAX_ROUNDS: usize = 20;
/// Where nobody tells us.
const LOOK_EVERY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_folders_of_all_links_on_the_way_are_watched() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("map/..2026")).unwrap();
        fs::create_dir(path("app")).unwrap();
        fs::write(path("map/..2026/appsettings.json"), "{}").unwrap();
        symlink("..2026", path("map/..data")).unwrap();
        symlink("..data/appsettings.json", path("map/appsettings.json")).unwrap();
        symlink(path("map/appsettings.json"), path("app/appsettings.json")).unwrap();
        let expected = [path("app"), path("map"), path("map/..data")];
        assert_eq!(folders_of(&path("app/appsettings.json")), expected);
        assert_eq!(folders_of(Path::new("appsettings.json")), [PathBuf::from(".")]);
        symlink("loop", path("loop")).unwrap();
        assert_eq!(folders_of(&path("loop")).len(), MAX_LINKS);
    }
}
