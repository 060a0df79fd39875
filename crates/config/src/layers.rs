//! The layers, lowest first: prefixed environment, appsettings files, environment, command line.

use std::path::PathBuf;

use crate::{Faults, Section};

/// What the process was given.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The environment's variables.
    pub environment: Vec<(String, String)>,
    /// The arguments behind the subcommand, in ASP.NET's forms (`--A:B=c`, `--A:B c`, `/A:B=c`, `A:B=c`).
    pub arguments: Vec<String>,
    /// Where the appsettings files are if nothing (`CONTENTROOT`) says otherwise.
    pub working_directory: PathBuf,
}

impl Sources {
    /// Reads the process's environment and working directory.
    pub fn of_process(_arguments: Vec<String>) -> std::io::Result<Self> {
        todo!()
    }
}

/// The merged configuration. Knows each value's source and which keys were asked for.
#[derive(Debug)]
pub struct Configuration {
    _todo: (),
}

impl Configuration {
    /// Reads all layers. Unreadable files, duplicate keys and bad JSON are faults with file, line and column.
    pub fn load(_sources: &Sources) -> Result<Self, Faults> {
        todo!()
    }

    /// From pairs such as `("AzureAd:ClientId", "…")`, for tests and for wiring inside one process.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(_pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        todo!()
    }

    /// The environment's name: `Production` unless set.
    pub fn environment(&self) -> &str {
        todo!()
    }

    /// The whole configuration as a section.
    pub fn root(&self) -> Section<'_> {
        todo!()
    }

    /// Reads typed sections with `read`, then says everything that was wrong or, with the result, what to warn about:
    /// keys in the owned sections that nobody asked for, each with the nearest known name.
    pub fn bind<T>(&self, _read: impl FnOnce(&Section<'_>) -> T) -> Result<(T, Vec<crate::Warning>), Faults> {
        todo!()
    }
}
