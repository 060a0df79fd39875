//! `sidekey emulator`: the local Entra ID alone.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use clap::Parser;
use sidekey_emulator::{Emulator, Options};
use sidekey_host::{Shutdown, SystemClock};

use crate::{dev::authority::Authority, telemetry};

/// Run a local Entra ID: authority, keys and token endpoint, with a directory from one YAML file
#[derive(Debug, Parser)]
#[command(after_help = EXAMPLES)]
pub(crate) struct EmulatorCommand {
    /// The directory: tenants, applications and users. The built-in one if absent
    #[arg(long, value_name = "FILE")]
    directory: Option<PathBuf>,
    /// Where to serve plain HTTP
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5080")]
    http: SocketAddr,
    /// Where to serve HTTPS with a certificate of the emulator's own CA
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5443")]
    https: SocketAddr,
    /// Write the CA's certificate (PEM) here
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Keep keys and CA in this folder between runs
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// Write Azure Arc's key files here; clients on Linux take them from /var/opt/azcmagent/tokens alone, the default
    #[arg(long, value_name = "FOLDER")]
    arc_keys: Option<PathBuf>,
    /// Print one JSON document when ready, nothing else on standard output
    #[arg(long)]
    json: bool,
    /// Print the built-in directory and end
    #[arg(long)]
    print_directory: bool,
}

impl EmulatorCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        if self.print_directory {
            anstream::print!("{}", Emulator::DEFAULT_DIRECTORY);
            return Ok(());
        }
        telemetry::install(telemetry::Config::for_people());
        let directory = self.directory()?;
        let directory_folder = self.directory.as_deref().and_then(Path::parent).map(Path::to_path_buf);
        let (state_folder, arc_key_folder) = (self.state.clone(), self.arc_keys.clone());
        let options = Options { state_folder, directory_folder, arc_key_folder, ..Options::default() };
        let emulator = Emulator::new(&directory, options, Arc::new(SystemClock))?;
        let authority = Authority::bind(emulator, self.http, self.https).await?;
        if let Some(path) = &self.ca_file {
            std::fs::write(path, authority.ca_pem()?)
                .with_context(|| format!("cannot write the CA to `{}`", path.display()))?;
        }
        self.announce(&authority);
        let shutdown = Shutdown::new();
        shutdown.on_signals();
        authority.serve(shutdown).await;
        Ok(())
    }

    fn directory(&self) -> anyhow::Result<String> {
        let Some(path) = &self.directory else { return Ok(Emulator::DEFAULT_DIRECTORY.to_owned()) };
        std::fs::read_to_string(path).with_context(|| {
            format!(
                "cannot read the directory `{}`\n  hint: `sidekey emulator --print-directory` prints one to start from",
                path.display()
            )
        })
    }

    fn announce(&self, authority: &Authority) {
        let ca_file = self.ca_file.as_deref();
        if self.json {
            let document = serde_json::json!({
                "http": authority.http,
                "https": authority.https,
                "issuer": authority.https,
                "caFile": ca_file,
            });
            anstream::println!("{document}");
            return;
        }
        anstream::println!("Entra ID emulator\n  http   {}\n  https  {}", authority.http, authority.https);
        match ca_file {
            Some(path) => anstream::println!("  CA     {}", path.display()),
            None => anstream::println!("  CA     {}/sidekey/ca.pem", authority.http),
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  sidekey emulator
  sidekey emulator --print-directory > directory.yaml
  sidekey emulator --directory directory.yaml --ca-file ca.pem
  sidekey emulator --json --http 127.0.0.1:0 --https 127.0.0.1:0";
