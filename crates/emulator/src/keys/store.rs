//! The state folder: private files, written whole or not at all.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::EmulatorError;

/// A folder that only its owner can read.
#[derive(Clone, Debug)]
pub(crate) struct Store(PathBuf);

impl Store {
    /// Opens the folder; makes it if it is not there.
    pub(crate) fn open(folder: &Path) -> Result<Self, EmulatorError> {
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(folder).map_err(|e| trouble("make the state folder", folder, &e))?;
        Ok(Self(folder.to_owned()))
    }

    /// A file's text; `None` if there is no such file.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Zeroizing<String>>, EmulatorError> {
        let path = self.0.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(Zeroizing::new(text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(trouble("read", &path, &error)),
        }
    }

    /// Replaces a file in one step; readable by its owner only.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), EmulatorError> {
        let path = self.0.join(name);
        let scratch = self.0.join(format!("{name}.new"));
        write_private(&scratch, text)
            .and_then(|()| fs::rename(&scratch, &path))
            .map_err(|error| trouble("write", &path, &error))
    }

    /// The error for a file whose content is not what it should be.
    pub(crate) fn damaged(&self, name: &str, what: impl std::fmt::Display) -> EmulatorError {
        let path = self.0.join(name);
        EmulatorError(format!("`{}` is damaged ({what}): delete it, and a new one is made", path.display()))
    }
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let _ = fs::remove_file(path);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn trouble(what: &str, path: &Path, error: &io::Error) -> EmulatorError {
    EmulatorError(format!("cannot {what} `{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_private_and_read_back_as_written() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(&scratch.path().join("a/b")).unwrap();
        assert_eq!(store.read("f").unwrap(), None);
        store.write("f", "one").unwrap();
        store.write("f", "two").unwrap();
        assert_eq!(store.read("f").unwrap().as_deref().map(String::as_str), Some("two"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(scratch.path().join("a/b/f")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
