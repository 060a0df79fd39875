//! `sidekey dev`: the whole thing on one machine.

use anyhow::Context;
use clap::Parser;
use sidekey_emulator::Emulator;
use sidekey_host::Shutdown;

use crate::{
    dev::{Ports, Stage, Summary},
    telemetry,
};

/// Run emulator, sidecar and a sample downstream API on this machine, nothing configured
///
/// Prints where everything is and lines to try, then serves until Ctrl-C. A port that is taken is replaced by a free one.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  sidekey dev\n  sidekey dev --json\n  sidekey dev --sidecar-port 5001")]
pub(crate) struct Dev {
    /// Print one JSON document when ready, nothing else on standard output
    #[arg(long)]
    json: bool,
    /// The sidecar's port; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 5000)]
    sidecar_port: u16,
    /// The emulator's port for http; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 5080)]
    emulator_port: u16,
    /// The emulator's port for https; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 5443)]
    emulator_https_port: u16,
    /// The sample API's port; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 5090)]
    downstream_port: u16,
}

impl Dev {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        telemetry::install(telemetry::Config::for_people());
        let shutdown = Shutdown::new();
        shutdown.on_signals();
        let stage = Stage::set(Emulator::DEFAULT_DIRECTORY, self.ports(), shutdown).await?;
        let summary = Summary::of(&stage);
        if self.json {
            summary.print_json().context("cannot print the summary")?;
        } else {
            summary.print();
        }
        stage.serve().await;
        Ok(())
    }

    fn ports(&self) -> Ports {
        Ports {
            sidecar: self.sidecar_port,
            emulator: self.emulator_port,
            emulator_https: self.emulator_https_port,
            downstream: self.downstream_port,
        }
    }
}
