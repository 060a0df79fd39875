//! A signed assertion in a file, as Kubernetes projects it (workload identity). Read for every exchange: the file is small,
//! its writer rotates it, and nothing tells better which assertion is the present one.

use std::path::PathBuf;

use sidekey_oauth::Secret;

use super::{CredentialError, federated::is_compact_jws, file};

/// Where the assertion is.
#[derive(Debug)]
pub(super) struct AssertionFile {
    path: PathBuf,
}

impl AssertionFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn read(&self) -> Result<Secret, CredentialError> {
        let content = file::read(&self.path, FIELD)?;
        let text = std::str::from_utf8(&content).map(str::trim).unwrap_or_default();
        // Entra judges the rest.
        if is_compact_jws(text) {
            return Ok(Secret::new(text));
        }
        let problem = format!("the file `{}` holds no JWT", self.path.display());
        Err(CredentialError::new(FIELD, problem, "check that it is the projected service account token"))
    }
}

const FIELD: &str = "SignedAssertionFileDiskPath";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_each_time_and_trimmed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let file = AssertionFile::new(path.clone());
        for token in ["eyJh.eyJi.c2ln", "eyJh.eyJi.c2lo"] {
            std::fs::write(&path, format!("{token}\n")).unwrap();
            assert_eq!(file.read().unwrap().expose(), token);
        }
    }

    #[test]
    fn what_is_no_jwt_is_refused_without_showing_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let file = AssertionFile::new(path.clone());
        for bad in ["not-a-token", "a.b", "a..c", "a.b.c.d", "a.b.c d", "\n\n"] {
            std::fs::write(&path, bad).unwrap();
            let error = file.read().unwrap_err();
            assert!(error.problem.contains("holds no JWT"), "{bad:?}: {error}");
            assert!(!error.to_string().contains("not-a-token"));
        }
    }
}
