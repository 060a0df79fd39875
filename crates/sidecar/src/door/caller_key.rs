//! `Sidecar:CallerKeyPath`: a key that callers show in `X-Sidekey-Caller-Key`, for hosts on which not every process may have
//! tokens. It comes from a file, so that it can be mounted and replaced like any secret.

use std::{
    fs::{self, File, Metadata},
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use arc_swap::ArcSwap;
use http::HeaderMap;
use sidekey_oauth::Secret;
use tokio::time::Instant;

/// The key, read again when its file changes.
#[derive(Debug)]
pub(crate) struct CallerKey {
    path: PathBuf,
    kept: ArcSwap<Kept>,
    opened: Instant,
    /// When to look at the file again, in milliseconds since it was opened.
    look_at: AtomicU64,
}

#[derive(Debug)]
struct Kept {
    key: Secret,
    stamp: Stamp,
}

/// What tells one version of the file from the next. Kubernetes swaps a symbolic link: the inode changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

/// What is wrong with the file, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file `{}` {problem}", path.display())]
pub(crate) struct KeyFault {
    path: PathBuf,
    /// The end of a sentence that begins with the file.
    problem: String,
    pub(crate) hint: &'static str,
}

impl CallerKey {
    /// Reads the key.
    pub(crate) fn open(path: &Path) -> Result<Self, KeyFault> {
        let kept = ArcSwap::from_pointee(read(path)?);
        Ok(Self { path: path.to_owned(), kept, opened: Instant::now(), look_at: AtomicU64::new(LOOK_EVERY) })
    }

    /// Whether a request shows the key, once. Takes as long for a wrong key as for the right one.
    pub(crate) fn admits(&self, headers: &HeaderMap) -> bool {
        self.look();
        let mut shown = headers.get_all(HEADER).iter();
        let (Some(first), None) = (shown.next(), shown.next()) else { return false };
        first.to_str().is_ok_and(|text| Secret::new(text) == self.kept.load().key)
    }

    /// Reads the file again if it has changed since the last look; a bad change leaves the good key in use.
    fn look(&self) {
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        let due = self.look_at.load(Ordering::Relaxed);
        let next = now.saturating_add(LOOK_EVERY);
        if now < due || self.look_at.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let has_changed = fs::metadata(&self.path).is_ok_and(|file| Stamp::of(&file) != self.kept.load().stamp);
        if has_changed {
            match read(&self.path) {
                Ok(kept) => self.kept.store(kept.into()),
                Err(fault) => {
                    tracing::warn!(%fault, hint = fault.hint, "the changed caller key is not usable, the old one stays in use");
                }
            }
        }
    }
}

impl Stamp {
    fn of(file: &Metadata) -> Self {
        Self { modified: file.modified().ok(), length: file.len(), inode: file.ino() }
    }
}

fn read(path: &Path) -> Result<Kept, KeyFault> {
    let fault = |problem: &str, hint| KeyFault { path: path.to_owned(), problem: problem.to_owned(), hint };
    let failed =
        |error: std::io::Error| fault(&format!("cannot be read ({error})"), "check the path and who may read it");
    // Before it is opened: opening a pipe would wait for its other end.
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(fault("is not a regular file", "write the path of a file with the key in it"));
    }
    if metadata.mode() & WRITABLE_BY_OTHERS != 0 {
        return Err(fault("may be written by every user", "let only its owner write it (`chmod o-w`)"));
    }
    let mut content = String::with_capacity(MAX_BYTES + 1);
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_BYTES as u64 + 1).read_to_string(&mut content).map_err(failed)?;
    let content = Secret::new(content);
    let key = content.expose().trim_end_matches(['\r', '\n']);
    if !(MIN_BYTES..=MAX_BYTES).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let problem =
            format!("does not hold a key of {MIN_BYTES} to {MAX_BYTES} letters, digits and signs on one line");
        return Err(fault(&problem, "write one with `openssl rand -hex 32`"));
    }
    Ok(Kept { key: Secret::new(key), stamp: Stamp::of(&metadata) })
}

/// The header that callers show the key in.
const HEADER: &str = "x-sidekey-caller-key";
/// Milliseconds between two looks at the file.
const LOOK_EVERY: u64 = 1_000;
/// Below this, trying keys would pay.
const MIN_BYTES: usize = 16;
const MAX_BYTES: usize = 4096;
const WRITABLE_BY_OTHERS: u32 = 0o002;

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, time::Duration};

    use http::HeaderValue;

    use super::*;

    const ONE: &str = "0123456789abcdef";
    const OTHER: &str = "fedcba9876543210";

    fn shows(keys: &[&str]) -> HeaderMap {
        let header = http::HeaderName::from_static(HEADER);
        let mut headers = HeaderMap::new();
        for key in keys {
            headers.append(&header, HeaderValue::from_str(key).unwrap());
        }
        headers
    }

    #[tokio::test]
    async fn only_the_whole_key_shown_once_opens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, format!("{ONE}\r\n")).unwrap();
        let key = CallerKey::open(&path).unwrap();
        assert!(key.admits(&shows(&[ONE])));
        let upper = ONE.to_uppercase();
        for wrong in
            [&[][..], &[""], &[&ONE[1..]], &["0123456789abcdef0"], &[&upper], &[ONE, ONE], &[ONE, OTHER], &[OTHER]]
        {
            assert!(!key.admits(&shows(wrong)), "{wrong:?}");
        }
        assert!(!format!("{key:?}").contains(ONE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_key_counts_within_a_second_and_a_bad_one_never() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, ONE).unwrap();
        let key = CallerKey::open(&path).unwrap();
        fs::write(&path, format!("{OTHER}\n")).unwrap();
        assert!(key.admits(&shows(&[ONE])), "not looked at yet");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(key.admits(&shows(&[OTHER])) && !key.admits(&shows(&[ONE])));
        for bad in ["", "short"] {
            fs::write(&path, bad).unwrap();
            tokio::time::advance(Duration::from_secs(1)).await;
            assert!(key.admits(&shows(&[OTHER])), "{bad:?}");
        }
        fs::remove_file(&path).unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(key.admits(&shows(&[OTHER])));
    }

    #[tokio::test]
    async fn files_that_hold_no_good_key_are_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let problem = |path: &Path| {
            let fault = CallerKey::open(path).unwrap_err();
            format!("{fault}; {}", fault.hint)
        };
        assert!(problem(&path).contains("cannot be read"), "{}", problem(&path));
        assert!(problem(folder.path()).contains("is not a regular file"));
        let long = "x".repeat(MAX_BYTES + 1);
        for bad in ["", "\n", "short", "0123456789abcde\n", "two words are no key", "0123456789abcdef\nx", &long] {
            fs::write(&path, bad).unwrap();
            assert!(problem(&path).contains("does not hold a key of 16 to 4096"), "{bad}");
            assert!(problem(&path).contains("openssl rand -hex 32"));
        }
        fs::write(&path, b"\xff\xfe0123456789abcdef").unwrap();
        assert!(problem(&path).contains("cannot be read"));
        fs::write(&path, ONE).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o646)).unwrap();
        assert!(problem(&path).contains("may be written by every user"));
        rustix::fs::mkfifoat(rustix::fs::CWD, folder.path().join("pipe"), rustix::fs::Mode::RWXU).unwrap();
        assert!(problem(&folder.path().join("pipe")).contains("is not a regular file"), "and nobody waits for it");
    }
}
