//! `sidekey`: one binary, roles as subcommands.
//!
//! Start at [`commands`] for what a user can type, and at [`app`] for how the parts of the sidecar are put together.

mod app;
mod commands;
mod dev;
mod hardening;
mod reload;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    sidekey_host::tls::install_crypto_provider();
    commands::Cli::parse().run()
}
