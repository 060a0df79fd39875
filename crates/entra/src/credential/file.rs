//! Files with secrets: read with care, and again when they change.

use std::{
    fs::{self, File, Metadata},
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use zeroize::Zeroizing;

use super::CredentialError;

/// Reads a whole file of at most [`MAX_BYTES`]. `field` is the configuration field that names it.
pub(crate) fn read(path: &Path, field: &'static str) -> Result<Zeroizing<Vec<u8>>, CredentialError> {
    let refuse = |problem: &str, hint: &str| {
        CredentialError::new(field, format!("the file `{}` {problem}", path.display()), hint)
    };
    let io_error = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => {
            let hint = "check the path and that the volume is mounted";
            CredentialError { missing: true, ..refuse("does not exist", hint) }
        }
        ErrorKind::PermissionDenied => refuse("may not be read", "let this process's user read it"),
        _ => refuse(&format!("cannot be read ({error})"), "check the path and the volume"),
    };
    let metadata = fs::metadata(path).map_err(io_error)?;
    if metadata.is_dir() {
        return Err(refuse("is a directory", "write the path of the file in it"));
    }
    if !metadata.is_file() {
        return Err(refuse("is not a regular file", "write the path of a regular file"));
    }
    if may_be_written_by_everyone(&metadata) {
        return Err(refuse("may be written by every user", "let only its owner write it (`chmod o-w`)"));
    }
    // One allocation that is wiped; growing would leave copies behind.
    let mut content = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    let file = File::open(path).map_err(io_error)?;
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut content).map_err(io_error)?;
    match content.len() {
        0 => Err(refuse("is empty", "put the secret into it")),
        length if length > MAX_BYTES => Err(refuse("is larger than 64 KiB", "check that it is the right file")),
        _ => Ok(content),
    }
}

/// A value made from files, and made anew when one of them changes. If that fails, the old value stays.
#[derive(Debug)]
pub(crate) struct Watched<T> {
    files: Vec<PathBuf>,
    state: Mutex<Option<State<T>>>,
}

#[derive(Debug)]
struct State<T> {
    stamps: Vec<Option<Stamp>>,
    value: Arc<T>,
}

/// What tells one version of a file from the next without reading it. Kubernetes swaps a symbolic link: the inode changes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl<T> Watched<T> {
    pub(crate) fn new(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { files: files.into_iter().collect(), state: Mutex::new(None) }
    }

    /// The present value. Others who ask meanwhile wait, so that it is made once.
    pub(crate) fn get(&self, make: impl FnOnce() -> Result<T, CredentialError>) -> Result<Arc<T>, CredentialError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Before reading: a change that comes in between is seen the next time.
        let stamps: Vec<_> = self.files.iter().map(|file| stamp(file)).collect();
        if let Some(known) = state.as_ref().filter(|known| known.stamps == stamps) {
            return Ok(Arc::clone(&known.value));
        }
        let value = match (make(), state.take()) {
            (Ok(value), _) => Arc::new(value),
            (Err(error), Some(known)) => {
                tracing::warn!(%error, "a changed credential file is not usable, the old one stays in use");
                known.value
            }
            (Err(error), None) => return Err(error),
        };
        *state = Some(State { stamps, value: Arc::clone(&value) });
        Ok(value)
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some(Stamp { modified: metadata.modified().ok(), length: metadata.len(), inode: inode(&metadata) })
}

/// Whoever writes such a file decides what the application signs with or is taken for.
#[cfg(unix)]
fn may_be_written_by_everyone(metadata: &Metadata) -> bool {
    const BY_OTHERS: u32 = 0o002;
    std::os::unix::fs::MetadataExt::mode(metadata) & BY_OTHERS != 0
}

#[cfg(not(unix))]
fn may_be_written_by_everyone(_metadata: &Metadata) -> bool {
    false
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_metadata: &Metadata) -> u64 {
    0
}

/// Far above any token, secret or certificate chain.
const MAX_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_bad_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("empty"), "").unwrap();
        fs::write(path("large"), vec![b'a'; MAX_BYTES + 1]).unwrap();
        fs::write(path("full"), vec![b'a'; MAX_BYTES]).unwrap();
        for (name, problem) in [
            ("missing", "does not exist"),
            (".", "is a directory"),
            ("empty", "is empty"),
            ("large", "is larger than 64 KiB"),
            ("full/below", "cannot be read"),
        ] {
            let error = read(&path(name), "ClientSecretPath").unwrap_err();
            assert!(error.problem.contains(problem), "{name}: {error}");
            assert!(error.problem.contains(&*path(name).to_string_lossy()), "{error}");
            assert_eq!(error.field, "ClientSecretPath");
        }
        assert_eq!(read(&path("full"), "ClientSecretPath").unwrap().len(), MAX_BYTES);
    }

    #[cfg(unix)]
    #[test]
    fn pipes_devices_and_files_that_everyone_may_write_are_not_read_and_links_are() {
        use std::os::unix::{fs::PermissionsExt as _, fs::symlink, net::UnixListener};
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let pipe = path("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
        // Waits for a reader, who would find a secret.
        let writer = std::thread::spawn(move || fs::write(pipe, "one"));
        let _socket = UnixListener::bind(path("socket")).unwrap();
        for (name, target) in [("to-pipe", "pipe"), ("to-device", "/dev/zero"), ("loop", "loop"), ("to-folder", ".")] {
            symlink(target, path(name)).unwrap();
        }
        fs::write(path("open"), "one").unwrap();
        fs::set_permissions(path("open"), fs::Permissions::from_mode(0o622)).unwrap();
        symlink("open", path("to-open")).unwrap();
        for (name, problem) in [
            ("pipe", "is not a regular file"),
            ("to-pipe", "is not a regular file"),
            ("to-device", "is not a regular file"),
            ("socket", "is not a regular file"),
            ("to-folder", "is a directory"),
            ("loop", "cannot be read"),
            ("open", "may be written by every user"),
            ("to-open", "may be written by every user"),
        ] {
            let error = read(&path(name), "ClientSecretPath").unwrap_err();
            assert!(error.problem.contains(problem), "{name}: {error}");
        }
        // Nobody came; the writer is let go.
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK;
        let reader = rustix::fs::open(path("pipe"), flags, rustix::fs::Mode::empty()).unwrap();
        assert!(writer.join().unwrap().is_ok());
        drop(reader);
        // Kubernetes: a link in the mounted folder, to a link that is swapped, to the folder with the file.
        fs::create_dir(path("..one")).unwrap();
        fs::write(path("..one/token"), "one").unwrap();
        symlink("..one", path("..data")).unwrap();
        symlink("..data/token", path("token")).unwrap();
        assert_eq!(*read(&path("token"), "ClientSecretPath").unwrap(), b"one");
    }

    #[test]
    fn a_value_is_made_again_only_when_its_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "one").unwrap();
        let watched = Watched::new([path.clone()]);
        let load = || read(&path, "ClientSecretPath").map(|content| content.to_vec());
        let first = watched.get(load).unwrap();
        let second = watched.get(|| unreachable!("the file did not change")).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        fs::write(&path, "three").unwrap();
        assert_eq!(*watched.get(load).unwrap(), b"three");
    }

    #[test]
    fn a_bad_change_leaves_the_old_value_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "one").unwrap();
        let watched = Watched::new([path.clone()]);
        let load = || read(&path, "ClientSecretPath").map(|content| content.to_vec());
        watched.get(load).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(*watched.get(load).unwrap(), b"one");
        fs::write(&path, "fourth").unwrap();
        assert_eq!(*watched.get(load).unwrap(), b"fourth");
        assert!(Watched::new([folder.path().join("none")]).get(|| read(&folder.path().join("none"), "x")).is_err());
    }
}
