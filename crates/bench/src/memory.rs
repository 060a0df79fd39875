//! Resident memory: idle, and after load with a thousand tokens cached.

use std::time::Duration;

use anyhow::Result;

use crate::{Plan, authority::Authority, load, lookup, process::Serve, report::Report};

/// One sidecar, looked at twice.
pub(crate) async fn measure(plan: &Plan, authority: &Authority, report: &mut Report) -> Result<()> {
    authority.reset(Duration::ZERO);
    let serve = Serve::start(&plan.sidekey, &authority.settings()).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = serve.memory()?;
    report.judged("resident memory, idle", "≤ 12 MiB", &mebibytes(idle.resident), idle.resident <= 12 * 1024);

    let requests = lookup::requests(TOKENS, 1);
    lookup::fill(&serve, &requests).await?;
    load::run(serve.address, &requests, 64, plan.sample * 2).await?;
    let loaded = serve.memory()?;
    let result = format!("{} (peak {})", mebibytes(loaded.resident), mebibytes(loaded.peak));
    let name = format!("resident memory, after load with {TOKENS} tokens cached");
    report.judged(&name, "≤ 32 MiB", &result, loaded.resident <= 32 * 1024);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a size in MiB with one digit")]
fn mebibytes(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}

const TOKENS: usize = 1_000;
