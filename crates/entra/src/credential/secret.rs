//! A client secret, and texts that are secrets: in the configuration or in a file of their own.

use std::path::PathBuf;

use sidekey_oauth::Secret;

use super::{
    CredentialError,
    file::{self, Watched},
};
use crate::config::SecretText;

/// A client secret.
#[derive(Debug)]
pub(super) struct ClientSecret {
    text: SecretText,
    watched: Watched<Secret>,
}

impl ClientSecret {
    pub(super) fn new(text: SecretText) -> Self {
        let watched = Watched::new(path(&text));
        Self { text, watched }
    }

    pub(super) fn read(&self) -> Result<Secret, CredentialError> {
        let secret = self.watched.get(|| read_text(&self.text, "ClientSecretPath"))?;
        Ok(Secret::clone(&secret))
    }
}

/// The file that a secret is in, if it is in one.
pub(super) fn path(text: &SecretText) -> Option<PathBuf> {
    match text {
        SecretText::Inline(_) => None,
        SecretText::File(path) => Some(path.clone()),
    }
}

/// The secret itself. Line breaks at a file's end are an editor's, not the secret's.
pub(super) fn read_text(text: &SecretText, field: &'static str) -> Result<Secret, CredentialError> {
    let path = match text {
        SecretText::Inline(secret) => return Ok(secret.clone()),
        SecretText::File(path) => path,
    };
    let refuse = |problem: &str| {
        let problem = format!("the file `{}` {problem}", path.display());
        CredentialError::new(field, problem, "put the secret into it, as UTF-8 text")
    };
    let content = file::read(path, field)?;
    let text = std::str::from_utf8(&content).map_err(|_| refuse("is not text"))?;
    let text = text.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
    if text.is_empty() { Err(refuse("holds nothing but line breaks")) } else { Ok(Secret::new(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_line_breaks_at_the_end_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (content, expected) in [("s3cret\r\n\n", "s3cret"), (" s ", " s "), ("\u{feff}s\n", "s")] {
            std::fs::write(&path, content).unwrap();
            let secret = read_text(&SecretText::File(path.clone()), "ClientSecretPath").unwrap();
            assert_eq!(secret.expose(), expected);
        }
        for bad in [&b"\n\n"[..], b"\xff\xfe"] {
            std::fs::write(&path, bad).unwrap();
            assert!(read_text(&SecretText::File(path.clone()), "ClientSecretPath").is_err());
        }
    }

    #[test]
    fn a_rotated_secret_file_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "old").unwrap();
        let secret = ClientSecret::new(SecretText::File(path.clone()));
        assert_eq!(secret.read().unwrap().expose(), "old");
        std::fs::write(&path, "newer").unwrap();
        assert_eq!(secret.read().unwrap().expose(), "newer");
    }
}
