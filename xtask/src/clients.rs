//! Clients that others wrote, unmodified, against the real binary: `tests/clients`.
//!
//! Each suite starts and stops its own servers on free ports and leaves a TAP file, from which the results are counted.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{install, shell, workspace::Workspace};

/// How many cases went which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Cases that passed.
    pub(crate) passed: usize,
    /// Cases that failed.
    pub(crate) failed: usize,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// Installs what is missing, builds the debug binary and runs every suite.
pub(crate) fn run(workspace: &Workspace) -> Result<Tally> {
    install::curl()?;
    install::nginx()?;
    let python = install::python(workspace)?;
    let packages = install::node(workspace)?;
    let build = ["build", "--locked", "--package", "sidekey", "--package", "sidekey-workload-api", "--bins"];
    shell::run(shell::cargo(&workspace.root).args(build))?;
    let rust = rust_client(workspace)?;
    let results = workspace.target.join("clients");
    fs::create_dir_all(&results).with_context(|| format!("cannot make `{}`", results.display()))?;

    let tap = results.join("python.tap");
    let mut command = python_suite(workspace, &python, &tap);
    let python = suite(workspace, &tap, command.env("AZURE_IDENTITY_RUST", rust))?;
    let tap = results.join("node.tap");
    let node = suite(workspace, &tap, &mut node_suite(workspace, &packages, &tap)?)?;
    Ok(Tally { passed: python.passed + node.passed, failed: python.failed + node.failed })
}

/// The application with the crate azure_identity, a workspace of its own; gives its binary.
fn rust_client(workspace: &Workspace) -> Result<PathBuf> {
    install::openssl()?;
    let manifest = workspace.root.join("tests/clients/rust/Cargo.toml");
    let target = workspace.target.join("clients-rust");
    let mut command = shell::cargo(&workspace.root);
    command.args(["build", "--locked", "--manifest-path"]).arg(manifest).arg("--target-dir").arg(&target);
    shell::run(&mut command)?;
    Ok(target.join("debug").join(format!("sidekey-client-azure-identity{}", std::env::consts::EXE_SUFFIX)))
}

fn python_suite(workspace: &Workspace, python: &Path, tap: &Path) -> Command {
    let mut command = shell::program(python, &workspace.root);
    command.arg("tests/clients/python/run.py").arg("--tap").arg(tap);
    command
}

fn node_suite(workspace: &Workspace, packages: &Path, tap: &Path) -> Result<Command> {
    let folder = workspace.root.join("tests/clients/node");
    let mut command = shell::program("node", &workspace.root);
    command.args(["--test", "--test-reporter=spec", "--test-reporter-destination=stdout"]);
    command.arg("--test-reporter=tap").arg(format!("--test-reporter-destination={}", tap.display()));
    command.args(files_ending(&folder, ".test.cjs")?).env("NODE_PATH", packages);
    Ok(command)
}

fn files_ending(folder: &Path, end: &str) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list `{}`", folder.display()))?;
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.with_context(|| format!("cannot list `{}`", folder.display()))?;
    paths.retain(|path| path.to_string_lossy().ends_with(end));
    paths.sort();
    ensure!(!paths.is_empty(), "no `*{end}` in `{}`", folder.display());
    Ok(paths)
}

/// Runs one suite. A suite that ends badly without naming a failed case counts as one failure.
fn suite(workspace: &Workspace, tap: &Path, command: &mut Command) -> Result<Tally> {
    if tap.exists() {
        fs::remove_file(tap).with_context(|| format!("cannot remove `{}`", tap.display()))?;
    }
    command.env("SIDEKEY", workspace.binary("debug", "sidekey"));
    command.env("WORKLOAD_API", workspace.binary("debug", "workload-api"));
    let outcome = shell::run(command);
    let mut tally = match fs::read_to_string(tap) {
        Ok(text) => count(&text),
        Err(_) => Tally::default(),
    };
    if tally == Tally::default() && outcome.is_ok() {
        bail!("`{}` ran no case", shell::line(command));
    }
    if let Err(error) = outcome {
        println!("{error:#}");
        tally.failed = tally.failed.max(1);
    }
    Ok(tally)
}

/// Reads the totals that both suites put at the end of their TAP: `# pass 3`, `# fail 0`.
fn count(tap: &str) -> Tally {
    let total = |word: &str| {
        let lines =
            tap.lines().filter_map(|line| line.strip_prefix("# ")?.strip_prefix(word)?.trim().parse::<usize>().ok());
        lines.sum()
    };
    Tally { passed: total("pass "), failed: total("fail ") + total("cancelled ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_read_from_the_end_of_a_tap_file() {
        let tap = "TAP version 13\nok 1 - a # pass 9 of them\nnot ok 2 - b\n1..2\n# tests 4\n# pass 2\n# fail 1\n# cancelled 1\n";
        assert_eq!(count(tap), Tally { passed: 2, failed: 2 });
        assert_eq!(count(""), Tally::default());
    }

    #[test]
    fn the_closing_line_is_plain() {
        assert_eq!(Tally { passed: 12, failed: 0 }.to_string(), "12 passed, 0 failed");
    }
}
