//! `sidekey completions`: shell completions.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

/// Print completions for a shell
#[derive(Debug, Parser)]
#[command(after_help = "Example:\n  sidekey completions bash > /etc/bash_completion.d/sidekey")]
pub(crate) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

impl Completions {
    pub(crate) fn run(self) -> ExitCode {
        clap_complete::generate(self.shell, &mut super::Cli::command(), "sidekey", &mut std::io::stdout());
        ExitCode::SUCCESS
    }
}
