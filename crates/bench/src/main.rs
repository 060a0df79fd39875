//! Holds the release build of sidekey against its targets.
//!
//! Everything happens on loopback and in one run: a bare axum server that answers with a body of the same size is measured in
//! turn with sidekey, round by round, so that what the machine does besides weighs on both. The load generator, the bare server
//! and the authority are written here and share no code with the product.

mod authority;
mod bare;
mod bomb;
mod cold;
mod connection;
mod flood;
mod load;
mod lookup;
mod memory;
mod process;
mod report;
mod scaling;
mod start;
mod statistics;
mod throughput;
mod tokens;

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, anyhow, bail};

use crate::{authority::Authority, report::Report};

/// How long and how often things are measured.
pub(crate) struct Plan {
    pub(crate) sidekey: PathBuf,
    pub(crate) quick: bool,
    /// The one part to measure: `start`, `memory`, `cold`, `throughput`, `scaling`, `lookup`,
    /// `flood` or `bomb`.
    only: Option<String>,
    pub(crate) rounds: usize,
    /// One sample of one server.
    pub(crate) sample: Duration,
    /// Tokens signed beforehand for the validation of tokens that were never seen.
    pub(crate) pool: usize,
    /// Entries of the large cache, and its tenants.
    pub(crate) cached_tokens: usize,
    pub(crate) tenants: usize,
}

impl Plan {
    fn wants(&self, part: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == part)
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) =
        arguments.split_first().context("missing command\nhint: `run` or `bare`; see `cargo xtask bench`")?;
    // The generator shares the machine with the server under test: one thread, so that it stays cheap.
    let mut runtime = match command.as_str() {
        "run" => tokio::runtime::Builder::new_current_thread(),
        "bare" => tokio::runtime::Builder::new_multi_thread(),
        other => bail!("there is no command `{other}`\nhint: `run` or `bare`"),
    };
    let runtime = runtime.enable_all().build()?;
    if command == "bare" { runtime.block_on(bare::serve(rest)) } else { runtime.block_on(run(rest)) }
}

async fn run(arguments: &[String]) -> Result<()> {
    let (plan, document) = parse(arguments)?;
    let authority = Authority::start()?;
    let mut report = Report::new(plan.quick);
    if plan.wants("start") {
        start::binary_size(&plan, &mut report)?;
        start::start_up(&plan, &authority, &mut report).await?;
    }
    if plan.wants("memory") {
        memory::measure(&plan, &authority, &mut report).await?;
    }
    if plan.wants("cold") {
        cold::measure(&plan, &authority, &mut report).await?;
    }
    if plan.wants("throughput") {
        throughput::measure(&plan, &authority, &mut report).await?;
    }
    if plan.wants("scaling") {
        let scaling = || scaling::measure(&plan, &authority, &mut report);
        std::thread::scope(|scope| scope.spawn(scaling).join()).map_err(|_| anyhow!("`scaling` panicked"))??;
    }
    if plan.wants("lookup") {
        lookup::measure(&plan, &authority, &mut report).await?;
    }
    if plan.wants("flood") {
        flood::measure(&plan, &authority, &mut report).await?;
    }
    if plan.wants("bomb") {
        bomb::measure(&plan, &authority, &mut report).await?;
    }
    let Some(document) = document.filter(|_| plan.only.is_none()) else {
        return Ok(());
    };
    if let Some(folder) = document.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    }
    fs::write(&document, report.markdown()).with_context(|| format!("cannot write `{}`", document.display()))
}

fn parse(arguments: &[String]) -> Result<(Plan, Option<PathBuf>)> {
    let (mut sidekey, mut document, mut only, mut quick) = (None, None, None, false);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => quick = true,
            "--sidekey" => sidekey = arguments.next().map(PathBuf::from),
            "--only" => only = arguments.next().cloned(),
            "--document" => document = arguments.next().map(PathBuf::from),
            other => {
                bail!("unknown option `{other}`\nhint: `--sidekey PATH`, `--document PATH`, `--only PART`, `--quick`")
            }
        }
    }
    let sidekey = sidekey.context("missing `--sidekey PATH`\nhint: `cargo xtask bench` gives it")?;
    let sidekey = fs::canonicalize(&sidekey).with_context(|| format!("cannot find `{}`", sidekey.display()))?;
    let plan = if quick {
        let sample = Duration::from_millis(200);
        Plan { sidekey, quick, only, rounds: 5, sample, pool: 200, cached_tokens: 5_000, tenants: 500 }
    } else {
        let sample = Duration::from_millis(500);
        Plan { sidekey, quick, only, rounds: 7, sample, pool: 2_000, cached_tokens: 100_000, tenants: 10_000 }
    };
    Ok((plan, document))
}
