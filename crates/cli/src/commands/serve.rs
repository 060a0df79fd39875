//! `sidekey serve`: the sidecar.

use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use sidekey_config::Sources;
use sidekey_host::{
    Shutdown,
    listen::{self, Listener},
    shutdown::DRAIN,
};
use sidekey_sidecar::Current;

use crate::{
    app, hardening,
    reload::{self, Loaded, Reload},
    telemetry,
};

/// Serve the auth sidecar, configured as ASP.NET programs are
///
/// Reads appsettings.json and appsettings.{Environment}.json from the working directory, then the environment
/// (`AzureAd__ClientId`), then the arguments (`--AzureAd:ClientId=…`); later ones win. A faulty configuration is listed
/// whole and ends with exit code 64 before a port is bound.
#[derive(Debug, Parser)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    /// Settings, such as `--urls http://localhost:5001` or `--AzureAd:TenantId=contoso.com`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "SETTINGS")]
    settings: Vec<String>,
}

impl Serve {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        // Before there is a secret to be seen.
        let closed = hardening::close();
        let sources = Sources::of_process(self.settings).context("cannot read the environment")?;
        let loaded = reload::load(&sources)?;
        let reload = Reload::new(sources, &loaded);
        let Loaded { settings, warnings, .. } = loaded;
        let logging = telemetry::install(settings.logging.clone());
        app::log_warnings(&warnings);
        if settings.allow_debugging {
            hardening::open().context("cannot open the process for debuggers (`Sidecar:AllowDebugging`)")?;
            tracing::warn!("core dumps and debuggers can show tokens and secrets (`Sidecar:AllowDebugging`)");
        } else if let Err(error) = closed {
            tracing::warn!(%error, "core dumps and debuggers cannot be kept out");
        }
        let shutdown = Shutdown::new();
        let mut listeners = Vec::new();
        for endpoint in settings.sidecar.endpoints() {
            let listener = Listener::bind(endpoint).await.with_context(|| cannot_listen(&endpoint.address))?;
            listeners.push(listener);
        }
        let limits = settings.sidecar.limits();
        let current = Current::new(app::build(settings, shutdown.clone())?);
        shutdown.on_signals();
        for listener in &listeners {
            tracing::info!(category = app::LIFETIME, "Now listening on: {}", listener.url());
        }
        tracing::info!(category = app::LIFETIME, "Application started. Press Ctrl+C to shut down.");
        let reloading = tokio::spawn(reload.run(Arc::clone(&current), logging));
        listen::serve(listeners, current, limits, shutdown, DRAIN).await;
        reloading.abort();
        Ok(())
    }
}

/// Says which address is taken and how to choose another.
fn cannot_listen(address: &listen::Address) -> String {
    format!(
        "cannot listen on {address}\n  hint: stop what listens there, or choose another address with `--urls http://localhost:5001`"
    )
}

const EXAMPLES: &str = "\
Examples:
  sidekey serve
  AzureAd__TenantId=contoso.com AzureAd__ClientId=… sidekey serve
  sidekey serve --urls http://localhost:5001 --DownstreamApis:Graph:Scopes:0=User.Read";
