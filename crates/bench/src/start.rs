//! The binary's size, and how long it takes from the process's start to the first answer.

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    Plan,
    authority::Authority,
    process::{Serve, clean},
    report::Report,
    statistics::median,
};

/// The size of the file that is shipped.
pub(crate) fn binary_size(plan: &Plan, report: &mut Report) -> Result<()> {
    let bytes =
        fs::metadata(&plan.sidekey).with_context(|| format!("cannot look at `{}`", plan.sidekey.display()))?.len();
    #[expect(clippy::cast_precision_loss, reason = "a size in MiB with one digit")]
    let size = bytes as f64 / 1_048_576.0;
    report.judged("release binary", "≤ 16 MiB", &format!("{size:.1} MiB"), size <= 16.0);
    Ok(())
}

/// `serve` to the first good `/readyz`, `dev` to its JSON document.
pub(crate) async fn start_up(plan: &Plan, authority: &Authority, report: &mut Report) -> Result<()> {
    authority.reset(Duration::ZERO);
    let (mut serve, mut dev) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds * 2 {
        serve.push(milliseconds(Serve::start(&plan.sidekey, &authority.settings()).await?.ready_after));
        dev.push(milliseconds(dev_ready(plan)?));
    }
    let (serve, dev) = (median(serve), median(dev));
    report.judged("`serve` ready", "≤ 50 ms", &format!("{serve:.0} ms"), serve <= 50.0);
    report.judged("`dev` ready, its keys included", "≤ 1 s", &format!("{dev:.0} ms"), dev <= 1_000.0);
    Ok(())
}

fn dev_ready(plan: &Plan) -> Result<Duration> {
    let folder = TempDir::new()?;
    let mut command = clean(&plan.sidekey, folder.path())?;
    let start = Instant::now();
    let mut child = command.args(["dev", "--json"]).stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().context("`sidekey dev` has no output")?;
    let document = serde_json::Deserializer::from_reader(output).into_iter::<Value>().next();
    let ready = start.elapsed();
    child.kill()?;
    child.wait()?;
    document
        .context("`sidekey dev --json` ended without a document")?
        .context("`sidekey dev --json` printed no JSON document")?;
    Ok(ready)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
