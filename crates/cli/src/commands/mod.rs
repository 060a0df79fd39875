//! What a user can type. A command is one file and a line in [`Command`].

mod completions;
mod dev;
mod emulator;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A Microsoft Entra identity for any workload, without a secret in its hands.
#[derive(Debug, Parser)]
#[command(name = "sidekey", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Dev(dev::Dev),
    Serve(serve::Serve),
    Emulator(emulator::EmulatorCommand),
    Completions(completions::Completions),
}

impl Cli {
    /// Runs the command and says how it ended: 0, [`EXIT_USAGE`] for a bad configuration, 1 for anything else.
    pub(crate) fn run(self) -> ExitCode {
        match self.command {
            Command::Dev(command) => on_runtime(command.run()),
            Command::Serve(command) => on_runtime(command.run()),
            Command::Emulator(command) => on_runtime(command.run()),
            Command::Completions(command) => command.run(),
        }
    }
}

/// Runs a command that serves, and prints its error the way people read it.
fn on_runtime(command: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&error.into()),
    };
    match runtime.block_on(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

/// One `error:` line with its causes; a faulty configuration is listed whole.
fn report(error: &anyhow::Error) -> ExitCode {
    if let Some(faults) = error.downcast_ref::<sidekey_config::Faults>() {
        let count = faults.0.len();
        let plural = if count == 1 { "" } else { "s" };
        anstream::eprintln!("error: the configuration has {count} fault{plural}\n{faults}");
        return ExitCode::from(EXIT_USAGE);
    }
    anstream::eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

/// `EX_USAGE`: the configuration is wrong; nothing was bound.
const EXIT_USAGE: u8 = 64;

const EXAMPLES: &str = "\
Examples:
  sidekey dev                          the whole thing on this machine, nothing configured
  sidekey dev --json                   the same for scripts
  sidekey serve                        the sidecar, configured by appsettings.json and the environment
  sidekey serve --urls http://localhost:5001
  sidekey emulator --ca-file ca.pem    a local Entra ID alone";
