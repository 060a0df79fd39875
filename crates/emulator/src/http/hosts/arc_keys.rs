//! Azure Arc's key files: who can read one may have a token.

use std::{
    collections::VecDeque,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::rand;
use sidekey_jose::base64url;
use sidekey_oauth::Secret;
use uuid::Uuid;

/// The keys that are out, oldest first. Each opens the door once; their files go with them.
#[derive(Debug)]
pub(super) struct ArcKeys {
    folder: PathBuf,
    out: Mutex<VecDeque<(PathBuf, Secret)>>,
}

impl ArcKeys {
    /// Keys in the folder where the real agent has them, unless another one is named.
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder: folder.unwrap_or_else(|| PathBuf::from(USUAL)), out: Mutex::default() }
    }

    /// Writes a new key, and says where it is.
    pub(super) fn issue(&self) -> Result<PathBuf, String> {
        let path = self.folder.join(format!("{}.key", Uuid::new_v4()));
        let key = write(&path).map_err(|error| {
            format!("cannot write Azure Arc's key `{}`: {error}; name another folder with `--arc-keys`", path.display())
        })?;
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.push_back((path.clone(), key));
        if out.len() > MAX_OUT
            && let Some((oldest, _)) = out.pop_front()
        {
            remove(&oldest);
        }
        Ok(path)
    }

    /// Takes a key in; it works once.
    pub(super) fn redeem(&self, given: &str) -> bool {
        let given = Secret::new(given);
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = out.iter().position(|(_, key)| *key == given) else { return false };
        if let Some((path, _)) = out.remove(at) {
            remove(&path);
        }
        true
    }
}

impl Drop for ArcKeys {
    fn drop(&mut self) {
        let out = self.out.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (path, _) in out.iter() {
            remove(path);
        }
    }
}

/// A new key in a file that only its owner reads.
fn write(path: &Path) -> io::Result<Secret> {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    rand::fill(&mut *bytes).map_err(|_| io::Error::other("the system gave no random numbers"))?;
    let key = Secret::new(base64url::encode(*bytes));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(key.expose().as_bytes())?;
    Ok(key)
}

/// A file that is gone already is as good.
fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "cannot remove a key file of Azure Arc");
    }
}

/// The only folder from which clients take keys on Linux.
const USUAL: &str = "/var/opt/azcmagent/tokens";
const MAX_OUT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_works_once_and_its_file_goes() {
        let folder = tempfile::tempdir().unwrap();
        let keys = ArcKeys::new(Some(folder.path().join("tokens")));
        let path = keys.issue().unwrap();
        let key = fs::read_to_string(&path).unwrap();
        assert!(!keys.redeem("guess") && keys.redeem(&key));
        assert!(!keys.redeem(&key) && !path.exists());
        let left = keys.issue().unwrap();
        drop(keys);
        assert!(!left.exists());
    }

    #[test]
    fn only_so_many_keys_are_out() {
        let folder = tempfile::tempdir().unwrap();
        let keys = ArcKeys::new(Some(folder.path().to_owned()));
        let first = keys.issue().unwrap();
        let key = fs::read_to_string(&first).unwrap();
        for _ in 0..MAX_OUT {
            keys.issue().unwrap();
        }
        assert!(!first.exists() && !keys.redeem(&key));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named_with_what_to_do() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = ArcKeys::new(Some(file.path().join("x"))).issue().unwrap_err();
        assert!(error.contains(&*file.path().display().to_string()) && error.contains("--arc-keys"), "{error}");
    }
}
