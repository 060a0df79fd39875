//! `cargo xtask test`: the workspace's own tests, then the clients that others wrote against the real binary.

use anyhow::{Result, bail, ensure};

use crate::{
    clients::{self, Tally},
    shell,
    workspace::Workspace,
};

/// Runs what was asked for. The last line tells how the clients fared.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let tally = suites(arguments)?;
    if let Some(tally) = &tally {
        println!("{tally}");
    }
    // The closing line is the message; an error below it would only hide it.
    if tally.is_some_and(|tally| tally.failed > 0) {
        std::process::exit(1);
    }
    Ok(())
}

/// As [`run`], for a caller with a closing line of its own.
pub(crate) fn must_pass(arguments: &[String]) -> Result<()> {
    let tally = suites(arguments)?.unwrap_or_default();
    println!("{tally}");
    ensure!(tally.failed == 0, "clients failed: {}", tally.failed);
    Ok(())
}

fn suites(arguments: &[String]) -> Result<Option<Tally>> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (rust, clients) = match arguments.as_slice() {
        [] => (true, true),
        ["--rust"] => (true, false),
        ["--clients"] => (false, true),
        other => bail!("`test` takes `--rust` or `--clients`, found `{}`", other.join(" ")),
    };
    let workspace = Workspace::find()?;
    if rust {
        shell::run(shell::cargo(&workspace.root).args(["test", "--workspace", "--locked"]))?;
    }
    if clients { clients::run(&workspace).map(Some) } else { Ok(None) }
}
