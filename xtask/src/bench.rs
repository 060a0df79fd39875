//! `cargo xtask bench`: builds the release binaries and lets `sidekey-bench` measure them.

use std::ffi::OsStr;

use anyhow::{Result, bail};

use crate::{ci, shell, workspace::Workspace};

/// Runs the benchmark; a whole run writes `docs/benchmarks.md`, a quick one or a part only prints.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let workspace = Workspace::find()?;
    let document = workspace.root.join("docs/benchmarks.md");
    let mut more: Vec<&OsStr> = match arguments.as_slice() {
        [] => vec!["--document".as_ref(), document.as_ref()],
        ["--quick"] => vec!["--quick".as_ref()],
        ["--only", part] => vec!["--only".as_ref(), part.as_ref()],
        ["--quick", "--only", part] => vec!["--quick".as_ref(), "--only".as_ref(), part.as_ref()],
        other => bail!("`bench` takes `[--quick] [--only PART]`, found `{}`", other.join(" ")),
    };
    ci::build_release(&workspace)?;
    shell::run(shell::cargo(&workspace.root).args(["build", "--release", "--locked", "--package", "sidekey-bench"]))?;
    let sidekey = workspace.binary("release", "sidekey");
    more.extend(["--sidekey".as_ref(), sidekey.as_os_str()]);
    let generator = workspace.target.join("release/sidekey-bench");
    shell::run(shell::program(generator, &workspace.root).arg("run").args(more))
}
