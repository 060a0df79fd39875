//! `cargo xtask ci`: what must be green, cheapest first. The first red step ends it.

use std::{fs, time::Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::{deps, shell, test, workspace::Workspace};

/// Runs every step and prints how long each took.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    ensure!(arguments.is_empty(), "`ci` takes no arguments, found `{}`", arguments.join(" "));
    let workspace = Workspace::find()?;
    let mut times = Vec::new();
    for (name, step) in STEPS {
        println!("==> {name}");
        let start = Instant::now();
        let outcome = step(&workspace);
        let seconds = start.elapsed().as_secs_f64();
        times.push(format!("{name} {seconds:.1} s"));
        if let Err(error) = outcome {
            println!("==> {}", times.join(", "));
            return Err(error.context(format!("step `{name}` is red after {seconds:.1} s")));
        }
    }
    println!("==> all green: {}", times.join(", "));
    Ok(())
}

type Step = fn(&Workspace) -> Result<()>;

fn format(workspace: &Workspace) -> Result<()> {
    shell::run(shell::cargo(&workspace.root).args(["fmt", "--all", "--check"]))?;
    // A workspace of its own.
    let rust_client = ["fmt", "--manifest-path", "tests/clients/rust/Cargo.toml", "--check"];
    shell::run(shell::cargo(&workspace.root).args(rust_client))
}

fn lints(workspace: &Workspace) -> Result<()> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    shell::run(shell::cargo(&workspace.root).args(arguments))
}

/// What the fuzz targets call compiles as they want it; the targets themselves need flags that the usual compiler refuses.
fn fuzzing(workspace: &Workspace) -> Result<()> {
    for name in ["jose", "oauth", "config", "host", "entra", "sidecar"] {
        let package = format!("sidekey-{name}");
        let arguments = ["rustc", "--lib", "--profile", "check", "--locked", "--package", &package];
        let flags = ["--", "--cfg", "fuzzing", "-D", "warnings"];
        shell::run(shell::cargo(&workspace.root).args(arguments).args(flags))?;
    }
    Ok(())
}

fn edges(_: &Workspace) -> Result<()> {
    deps::run(&[])
}

/// Licences and sources, where the tool for it is there. The ban on crates does not hang on it: `deps` checks that as well.
fn licences(workspace: &Workspace) -> Result<()> {
    if !shell::works("cargo-deny", "--version") {
        println!("skipped: cargo-deny is not installed\nhint: `cargo install cargo-deny --locked` turns this step on");
        return Ok(());
    }
    // It looks at the manifests of all locked crates, those for other platforms too.
    shell::run(shell::cargo(&workspace.root).args(["fetch", "--locked"]))?;
    let arguments = ["deny", "--offline", "check", "bans", "licenses", "sources"];
    shell::run(shell::cargo(&workspace.root).args(arguments))
}

fn documents(workspace: &Workspace) -> Result<()> {
    let arguments = ["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"];
    shell::run(
        shell::cargo(&workspace.root)
            .args(arguments)
            .env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links"),
    )
}

fn tests(_: &Workspace) -> Result<()> {
    test::must_pass(&[])
}

fn release(workspace: &Workspace) -> Result<()> {
    build_release(workspace)?;
    let path = workspace.binary("release", "sidekey");
    let bytes = fs::metadata(&path).with_context(|| format!("cannot look at `{}`", path.display()))?.len();
    println!("`{}` has {}", path.display(), mebibytes(bytes));
    if bytes > MAX_BINARY_BYTES {
        bail!(
            "the release binary has {}, more than {}\nhint: `cargo tree -e normal -p sidekey` shows what came in",
            mebibytes(bytes),
            mebibytes(MAX_BINARY_BYTES)
        );
    }
    Ok(())
}

/// Builds the product's release binary.
pub(crate) fn build_release(workspace: &Workspace) -> Result<()> {
    shell::run(shell::cargo(&workspace.root).args(["build", "--release", "--locked", "--package", "sidekey"]))
}

#[expect(clippy::cast_precision_loss, reason = "a file's size in MiB with two digits")]
fn mebibytes(bytes: u64) -> String {
    format!("{:.2} MiB", bytes as f64 / 1_048_576.0)
}

const STEPS: &[(&str, Step)] = &[
    ("format", format),
    ("lints", lints),
    ("fuzzing", fuzzing),
    ("edges", edges),
    ("licences", licences),
    ("documents", documents),
    ("tests", tests),
    ("release", release),
];

const MAX_BINARY_BYTES: u64 = 16 * 1024 * 1024;
