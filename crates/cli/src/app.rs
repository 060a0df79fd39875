//! The sidecar put together: typed settings, then the engine, then the routes.

use sidekey_config::{Section, Warning};
use sidekey_entra::Entra;
use sidekey_host::{Shutdown, SystemClock, client};
use sidekey_sidecar::Sidecar;

use std::sync::Arc;

use crate::telemetry;

/// Every part's own settings; the one list of who reads what.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) entra: sidekey_entra::Config,
    pub(crate) sidecar: sidekey_sidecar::Config,
    pub(crate) logging: telemetry::Config,
    pub(crate) client: client::ClientOptions,
    /// `Sidecar:AllowDebugging`
    pub(crate) allow_debugging: bool,
}

impl Settings {
    /// Reads every section; faults are collected by the section.
    pub(crate) fn read(root: &Section<'_>, environment: &str) -> Self {
        let mut client = client::ClientOptions::default();
        client.additional_ca_files.extend(root.section("Sidecar").text("AdditionalCaFile").map(Into::into));
        Self {
            entra: sidekey_entra::Config::read(root),
            sidecar: sidekey_sidecar::Config::read(root, environment),
            logging: telemetry::Config::read(root),
            client,
            allow_debugging: root.section("Sidecar").bool("AllowDebugging", false),
        }
    }

    /// The keys whose change a running process cannot take up.
    pub(crate) fn needs_restart(&self, changed: &Self) -> Vec<&'static str> {
        let mut keys =
            [self.entra.needs_restart(&changed.entra), self.sidecar.needs_restart(&changed.sidecar)].concat();
        if self.client.additional_ca_files != changed.client.additional_ca_files {
            keys.push("Sidecar:AdditionalCaFile");
        }
        if self.allow_debugging != changed.allow_debugging {
            keys.push("Sidecar:AllowDebugging");
        }
        keys
    }
}

/// Builds engine and routes. No I/O but the CA file: everything else is loaded on first need.
pub(crate) fn build(settings: Settings, shutdown: Shutdown) -> anyhow::Result<Arc<Sidecar>> {
    let client = client::build(&settings.client)?;
    let downstream = client::build(&settings.client)?;
    let entra = Entra::new(settings.entra, client, Arc::new(SystemClock));
    Ok(Sidecar::new(settings.sidecar, entra, downstream, shutdown))
}

/// Logs what the configuration reader wants to be known.
pub(crate) fn log_warnings(warnings: &[Warning]) {
    for warning in warnings {
        tracing::warn!(category = "Sidekey.Configuration", "`{}`: {}", warning.key, warning.message);
    }
}

/// The category under which ASP.NET programs say where they listen.
pub(crate) const LIFETIME: &str = "Microsoft.Hosting.Lifetime";
