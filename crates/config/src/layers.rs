//! The layers, lowest first: prefixed environment, appsettings files, environment, command line.
//!
//! The order is that of an ASP.NET web application (Microsoft Learn, "Configuration in ASP.NET Core"): variables with the
//! prefix `ASPNETCORE_`, then `DOTNET_`, then the command line decide the environment's name and the content root; above
//! them come `appsettings.json`, `appsettings.{Environment}.json`, all variables, and the command line once more.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::{
    Entry, Fault, Faults, Section, Shown, Warning, arguments,
    env::{self, Pair},
    json,
    marks::{Marks, Recorder, Unknown},
    store::Store,
};

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
    /// Reads the process's environment and working directory. Bytes that are no text are replaced, as .NET does.
    pub fn of_process(arguments: Vec<String>) -> io::Result<Self> {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let environment = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        Ok(Self { environment, arguments, working_directory: std::env::current_dir()? })
    }
}

/// The merged configuration. Knows each value's source and which keys were asked for.
#[derive(Debug)]
pub struct Configuration {
    pub(crate) store: Store,
    environment: String,
    content_root: PathBuf,
    files: Vec<PathBuf>,
    warnings: Vec<Warning>,
    /// Variables that differ in case only, told of where the key is one that was asked for.
    collisions: Vec<Warning>,
    /// What all binds so far asked for.
    asked: Mutex<Marks>,
    /// Takes what is read through [`Configuration::root`], outside a bind.
    unbound: Recorder,
}

impl Configuration {
    /// Reads all layers. Unreadable files, duplicate keys and bad JSON are faults with file, line and column.
    pub fn load(sources: &Sources) -> Result<Self, Faults> {
        let (arguments, ignored) = arguments::parse(&sources.arguments);
        let mut configuration = Self::empty();
        configuration.warnings.extend(ignored.iter().map(|ignored| Warning {
            key: format!("argument {}", ignored.place),
            message: format!("ignored, since {}; a setting is written `--Section:Key=Value`", ignored.why),
        }));
        for prefix in ["ASPNETCORE_", "DOTNET_"] {
            configuration.set_all(env::pairs(&sources.environment, prefix), true);
        }
        configuration.set_all(arguments.clone(), false);
        configuration.settle_host(sources).map_err(|fault| Faults(vec![fault]))?;
        configuration.read_files()?;
        let variables = env::pairs(&sources.environment, "");
        configuration.collisions = env::collisions(&variables);
        configuration.set_all(variables, true);
        configuration.set_all(arguments, false);
        Ok(configuration)
    }

    /// From pairs such as `("AzureAd:ClientId", "…")`, for tests and for wiring inside one process.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut configuration = Self::empty();
        for (key, value) in pairs {
            configuration.store.set(key.into(), Some(value.into()), "built-in setting".to_owned(), false);
        }
        configuration
    }

    /// The environment's name: `Production` unless set.
    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// The folder of the appsettings files.
    pub fn content_root(&self) -> &Path {
        &self.content_root
    }

    /// The appsettings files that are read where they exist, lowest layer first; a reload watches them.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The whole configuration as a section. Faults that are found through it go nowhere; see [`Configuration::bind`].
    pub fn root(&self) -> Section<'_> {
        Section::root(self, &self.unbound)
    }

    /// Reads typed sections with `read`, then says everything that was wrong or, with the result, what to warn about:
    /// keys in the owned sections that nobody asked for, each with the nearest known name.
    pub fn bind<T>(&self, read: impl FnOnce(&Section<'_>) -> T) -> Result<(T, Vec<Warning>), Faults> {
        let recorder = Recorder::default();
        let result = read(&Section::root(self, &recorder));
        let (marks, mut faults, warnings) = recorder.into_parts();
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.merge(marks);
        let unknown = asked.unknown(&self.store);
        if !faults.is_empty() {
            for fault in &mut faults {
                for unknown in &unknown {
                    unknown.point_out(fault);
                }
            }
            return Err(Faults(faults));
        }
        let collisions = self.collisions.iter().filter(|warning| asked.knows(&warning.key));
        let loaded = self.warnings.iter().chain(collisions).cloned();
        let unknown = unknown.into_iter().map(Unknown::into_warning);
        let misspelled = asked.single_underscores(&self.store);
        Ok((result, loaded.chain(warnings).chain(unknown).chain(misspelled).collect()))
    }

    /// The effective settings, sorted by key, after a [`Configuration::bind`]: all that were asked for, and what else the
    /// files and the command line say. Values that were read as secrets, or that nobody knows, are not shown.
    pub fn entries(&self) -> Vec<Entry<'_>> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = Vec::new();
        for (folded, stored) in self.store.iter() {
            if let (Some(value), Some(visible)) = (stored.value.as_deref(), asked.judge(folded, stored)) {
                let value = if visible { Shown::Value(value) } else { Shown::Redacted };
                entries.push(Entry { key: &stored.key, value, source: &stored.source });
            }
        }
        entries
    }

    fn empty() -> Self {
        Self {
            store: Store::default(),
            environment: PRODUCTION.to_owned(),
            content_root: PathBuf::new(),
            files: Vec::new(),
            warnings: Vec::new(),
            collisions: Vec::new(),
            asked: Mutex::default(),
            unbound: Recorder::default(),
        }
    }

    fn set_all(&mut self, pairs: Vec<Pair>, from_environment: bool) {
        for (key, value, source) in pairs {
            self.store.set(key, Some(value), source, from_environment);
        }
    }

    /// Takes the environment's name and the content root from the layers read so far.
    fn settle_host(&mut self, sources: &Sources) -> Result<(), Fault> {
        let text = |key: &str| {
            self.store.get(key).filter(|entry| entry.value.as_deref().is_some_and(|value| !value.is_empty()))
        };
        let environment = text("ENVIRONMENT").cloned();
        let content_root = text("CONTENTROOT").cloned();
        if let Some(entry) = environment {
            let name = entry.value.unwrap_or_default();
            if name.contains(['/', '\\', '\0']) {
                let hint = "write a plain name such as `Production` or `Development`".to_owned();
                let problem = format!("`{}` cannot be part of a file name", name.escape_debug());
                return Err(Fault { key: "ENVIRONMENT".to_owned(), source: Some(entry.source), problem, hint });
            }
            self.environment = name;
        }
        self.content_root.clone_from(&sources.working_directory);
        if let Some(entry) = content_root {
            self.content_root.push(entry.value.unwrap_or_default());
            if !self.content_root.is_dir() {
                let problem = format!("there is no folder `{}`", self.content_root.display());
                let hint = "name the folder that holds appsettings.json".to_owned();
                return Err(Fault { key: "CONTENTROOT".to_owned(), source: Some(entry.source), problem, hint });
            }
        }
        let names = ["appsettings.json".to_owned(), format!("appsettings.{}.json", self.environment)];
        self.files = names.iter().map(|name| self.content_root.join(name)).collect();
        Ok(())
    }

    fn read_files(&mut self) -> Result<(), Faults> {
        let mut faults = Vec::new();
        for path in self.files.clone() {
            match read_optional(&path) {
                Ok(Some(bytes)) => self.add_file(&path, &bytes, &mut faults),
                Ok(None) => {}
                Err(problem) => faults.push(file_fault(&path, None, problem, "make it a readable file, or remove it")),
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(Faults(faults)) }
    }

    fn add_file(&mut self, path: &Path, bytes: &[u8], faults: &mut Vec<Fault>) {
        let (text, replaced) = json::decode(bytes);
        if replaced {
            let message = "the file is not UTF-8; what could not be read was replaced by `\u{fffd}`".to_owned();
            self.warnings.push(Warning { key: path.display().to_string(), message });
        }
        match json::flatten(&text) {
            Ok(leaves) => {
                for leaf in leaves {
                    self.store.set(leaf.key, leaf.value, format!("{}:{}", path.display(), leaf.line), false);
                }
            }
            Err(found) => faults.extend(found.into_iter().map(|fault| {
                let place = match fault.column {
                    0 => format!("line {}", fault.line),
                    column => format!("line {}, column {column}", fault.line),
                };
                file_fault(path, Some(place), fault.problem, &fault.hint)
            })),
        }
    }
}

/// A file's bytes; `None` where there is no such file.
fn read_optional(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let metadata = match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot be read: {error}")),
        Ok(metadata) => metadata,
    };
    if metadata.is_dir() {
        return Err("is a folder, which container engines make where a mounted file is missing".to_owned());
    }
    if !metadata.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => Err(format!("cannot be read: {error}")),
        Ok(length) if length as u64 > MAX_FILE_BYTES => Err(format!("is larger than {MAX_FILE_BYTES} bytes")),
        Ok(_) => Ok(Some(bytes)),
    }
}

fn file_fault(path: &Path, place: Option<String>, problem: String, hint: &str) -> Fault {
    Fault { key: path.display().to_string(), source: place, problem, hint: hint.to_owned() }
}

/// The environment's name where nothing sets it.
const PRODUCTION: &str = "Production";

/// No settings file is as large as this; something else was mounted in its place.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

#[cfg(test)]
mod tests;
