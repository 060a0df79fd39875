//! sidekey as a user starts it: the binary, its settings as environment variables, an empty working directory.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::connection::{Connection, request};

/// A running `sidekey serve`.
pub(crate) struct Serve {
    child: Child,
    folder: TempDir,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// From the start of the process to the first good answer of `/readyz`.
    pub(crate) ready_after: Duration,
}

/// A process's memory in KiB, as the kernel counts it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Resident now.
    pub(crate) resident: u64,
    /// Most that was ever resident.
    pub(crate) peak: u64,
}

impl Serve {
    /// Starts it on a free port and waits until it is ready.
    pub(crate) async fn start(sidekey: &Path, settings: &[(String, String)]) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let folder = TempDir::new()?;
        let mut command = clean(sidekey, folder.path())?;
        command.arg("serve").env("ASPNETCORE_URLS", format!("http://127.0.0.1:{port}"));
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        let start = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start `{}`", sidekey.display()))?;
        let address = (Ipv4Addr::LOCALHOST, port).into();
        let mut serve = Self { child, folder, address, ready_after: Duration::ZERO };
        while !serve.is_ready().await {
            serve.fail_if_ended_or_late(start)?;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        serve.ready_after = start.elapsed();
        Ok(serve)
    }

    /// The process's id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the kernel says of its memory.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).with_context(|| format!("cannot read `{path}`"))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok())
                .with_context(|| format!("`{path}` has no `{name}`"))
        };
        Ok(Memory { resident: field("VmRSS:")?, peak: field("VmHWM:")? })
    }

    async fn is_ready(&self) -> bool {
        let Ok(mut connection) = Connection::open(self.address).await else {
            return false;
        };
        connection.exchange(&request("GET", "/readyz", None)).await.is_ok_and(|reply| reply.status == 200)
    }

    fn fail_if_ended_or_late(&mut self, start: Instant) -> Result<()> {
        let ended = self.child.try_wait()?;
        if ended.is_some() || start.elapsed() > Duration::from_secs(10) {
            let log = fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default();
            bail!("`sidekey serve` did not become ready ({ended:?}):\n{log}");
        }
        Ok(())
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time that a process has used, in microseconds; exact to the kernel's tick of 10 ms.
pub(crate) fn processor_time(id: u32) -> Result<f64> {
    let path = format!("/proc/{id}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("cannot read `{path}`"))?;
    // The name in parentheses may hold blanks; user and system time are fields 14 and 15, the 12th and 13th after it.
    let (_, fields) = stat.rsplit_once(')').with_context(|| format!("`{path}` has no name"))?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>).sum::<Result<u32, _>>()?;
    Ok(f64::from(ticks) * 10_000.0)
}

/// The binary in a folder, without our environment and with its output in a file there.
pub(crate) fn clean(sidekey: &Path, folder: &Path) -> Result<Command> {
    let log = File::create(folder.join(LOG))?;
    let mut command = Command::new(sidekey);
    command.current_dir(folder).env_clear().stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    Ok(command)
}

const LOG: &str = "sidekey.log";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_process_uses_processor_time() {
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(60) {
            std::hint::black_box(start.elapsed());
        }
        let used = processor_time(std::process::id()).unwrap();
        assert!((10_000.0..1e9).contains(&used), "{used}");
    }
}
