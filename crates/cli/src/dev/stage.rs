//! Everything bound and wired; what `sidekey dev` runs and what tests may run.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sidekey_config::Configuration;
use sidekey_emulator::{Emulator, Options};
use sidekey_entra::Entra;
use sidekey_host::{
    Shutdown, SystemClock, client,
    listen::{self, Address, App, Endpoint, Limits, Listener, Protocols},
};

use super::{
    Ports,
    authority::Authority,
    authority::DRAIN,
    ports::bind_or_free,
    sample_api::{self, SampleApi},
};
use crate::app;

/// The three parts, wired and with their listeners bound, not yet serving.
pub(crate) struct Stage {
    pub(crate) authority: Authority,
    pub(crate) sidecar: Listener,
    pub(crate) downstream: Listener,
    sidecar_app: Arc<dyn App>,
    sample_app: Arc<dyn App>,
    shutdown: Shutdown,
    ca: CaFile,
}

impl Stage {
    /// Makes the emulator, binds all listeners and wires the sidecar and the sample API to them.
    pub(crate) async fn set(directory: &str, ports: Ports, shutdown: Shutdown) -> anyhow::Result<Self> {
        let emulator = Emulator::new(directory, Options::default(), Arc::new(SystemClock))?;
        let authority = Authority::bind_or_free(Arc::clone(&emulator), ports.emulator, ports.emulator_https).await?;
        let sidecar = bind_or_free("sidecar", plain(), ports.sidecar).await?;
        let downstream = bind_or_free("sample API", plain(), ports.downstream).await?;
        Ok(Self {
            sidecar_app: sidecar_app(&authority.http, &downstream.url(), shutdown.clone())?,
            sample_app: Arc::new(sample_api::router(SampleApi { entra: sample_engine(&authority.http)?, emulator })),
            ca: CaFile::write(&authority.ca_pem()?)?,
            authority,
            sidecar,
            downstream,
            shutdown,
        })
    }

    /// Where the emulator's CA is.
    pub(crate) fn ca_file(&self) -> &Path {
        &self.ca.file
    }

    /// Serves until shutdown.
    pub(crate) async fn serve(self) {
        let serve = |listener, app| listen::serve(vec![listener], app, Limits::default(), self.shutdown.clone(), DRAIN);
        tokio::join!(
            self.authority.serve(self.shutdown.clone()),
            serve(self.sidecar, self.sidecar_app),
            serve(self.downstream, self.sample_app),
        );
    }
}

fn sidecar_app(authority: &str, downstream: &str, shutdown: Shutdown) -> anyhow::Result<Arc<dyn App>> {
    let configuration = Configuration::from_pairs([
        ("AzureAd:Instance", authority),
        ("AzureAd:TenantId", TENANT),
        ("AzureAd:ClientId", ORDERS_WEB),
        ("AzureAd:ClientCapabilities:0", "cp1"),
        ("AzureAd:ClientCredentials:0:SourceType", "ClientSecret"),
        ("AzureAd:ClientCredentials:0:ClientSecret", ORDERS_WEB_SECRET),
        ("DownstreamApis:orders:BaseUrl", downstream),
        ("DownstreamApis:orders:Scopes:0", "api://11112222-bbbb-3333-cccc-4444dddd5555/Orders.Read"),
        ("DownstreamApis:orders-app:BaseUrl", downstream),
        ("DownstreamApis:orders-app:Scopes:0", "api://11112222-bbbb-3333-cccc-4444dddd5555/.default"),
        ("DownstreamApis:orders-app:RequestAppToken", "true"),
    ]);
    let (settings, warnings) = configuration.bind(|root| app::Settings::read(root, "Development"))?;
    app::log_warnings(&warnings);
    Ok(app::build(settings, shutdown)?)
}

/// The sample API judges tokens with the same rules as the sidecar does, as an application of its own.
fn sample_engine(authority: &str) -> anyhow::Result<Arc<Entra>> {
    let configuration = Configuration::from_pairs([
        ("AzureAd:Instance", authority),
        ("AzureAd:TenantId", TENANT),
        ("AzureAd:ClientId", ORDERS_API),
        ("AzureAd:Scopes:0", "Orders.Read"),
        ("AzureAd:Roles:0", "Orders.Read.All"),
    ]);
    let (config, _) = configuration.bind(sidekey_entra::Config::read)?;
    Ok(Entra::new(config, client::build(&client::ClientOptions::default())?, Arc::new(SystemClock)))
}

fn plain() -> Endpoint {
    Endpoint { address: Address::Localhost(0), tls: None, protocols: Protocols::default() }
}

/// The emulator's CA in a folder of its own that goes when the process ends.
struct CaFile {
    folder: PathBuf,
    file: PathBuf,
}

impl CaFile {
    fn write(pem: &str) -> std::io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("sidekey-dev-{}", std::process::id()));
        std::fs::create_dir(&folder)?;
        let file = folder.join("ca.pem");
        std::fs::write(&file, pem)?;
        Ok(Self { folder, file })
    }
}

impl Drop for CaFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The built-in directory's first tenant.
const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
/// The application whose sidecar this is.
const ORDERS_WEB: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
/// Its secret in the built-in directory; of no use anywhere else.
const ORDERS_WEB_SECRET: &str = "orders-web-development-secret";
/// The sample downstream API.
const ORDERS_API: &str = "11112222-bbbb-3333-cccc-4444dddd5555";
