//! The system's CAs with the emulator's own, in one file: clients take a file that replaces theirs, not one that adds to it.

use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use uuid::Uuid;

/// The file, written when it is first asked for.
#[derive(Debug)]
pub(super) struct Bundle {
    /// Where it is kept; else it is in a folder of its own that goes with the emulator.
    folder: Option<PathBuf>,
    written: Mutex<Option<PathBuf>>,
}

impl Bundle {
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, written: Mutex::default() }
    }

    /// The file's path.
    pub(super) fn path(&self, own: &str) -> io::Result<PathBuf> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &*written {
            return Ok(path.clone());
        }
        let folder = match &self.folder {
            Some(folder) => folder.clone(),
            None => new_folder()?,
        };
        let path = folder.join("ca-bundle.pem");
        fs::File::create(&path)?.write_all(text(own).as_bytes())?;
        Ok(written.insert(path).clone())
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        let written = self.written.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let (None, Some(folder)) = (&self.folder, written.as_deref().and_then(Path::parent)) {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// The system's CAs, as far as they are found, and the given one.
pub(super) fn text(own: &str) -> String {
    let named = env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let usual = USUAL.iter().map(PathBuf::from);
    let system = named.into_iter().chain(usual).find_map(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    format!("{}\n{own}", system.trim_end())
}

/// A folder that nobody else could have made before.
fn new_folder() -> io::Result<PathBuf> {
    let folder = env::temp_dir().join(format!("sidekey-emulator-{}", Uuid::new_v4()));
    fs::create_dir(&folder)?;
    Ok(folder)
}

/// Where Debian, Red Hat, SUSE and Alpine have them.
const USUAL: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_goes_with_the_emulator_unless_it_has_a_folder() {
        let bundle = Bundle::new(None);
        let path = bundle.path("own CA").unwrap();
        assert!(fs::read_to_string(&path).unwrap().ends_with("own CA"));
        assert_eq!(bundle.path("own CA").unwrap(), path);
        drop(bundle);
        assert!(!path.exists());
        let folder = tempfile::tempdir().unwrap();
        let kept = Bundle::new(Some(folder.path().to_owned())).path("x").unwrap();
        assert_eq!(kept, folder.path().join("ca-bundle.pem"));
        assert!(kept.exists());
    }
}
