//! A certificate gets a new version in the vault while the sidecar runs. Sidecar and emulator have one clock, which the test moves on.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use serde_json::Value;
use sidekey_config::Configuration;
use sidekey_emulator::{Emulator, Options, Scheme};
use sidekey_entra::Entra;
use sidekey_host::{
    Clock, ManualClock, Shutdown, SystemClock, client as http,
    listen::{self, Address, App, Endpoint, Limits, Listener, Protocols},
};
use sidekey_sidecar::Sidecar;

use crate::{
    client::{get, request},
    stage::{ORDERS, ORDERS_WEB, TENANT, claims},
};

/// A sidecar whose certificate is in the emulator's vault, where the vault signs, so that each signature names the version.
struct World {
    clock: Arc<ManualClock>,
    emulator: SocketAddr,
    sidecar: SocketAddr,
    shutdown: Shutdown,
}

impl World {
    /// With `KeyVaultCertificateVersion`, or without.
    async fn new(pinned: bool) -> Self {
        let (clock, shutdown) = (Arc::new(ManualClock::at(SystemClock.now())), Shutdown::new());
        let options = Options { seed: Some(1), ..Options::default() };
        let shared = Arc::clone(&clock) as Arc<dyn Clock>;
        let emulator = Emulator::new(Emulator::DEFAULT_DIRECTORY, options, shared).unwrap();
        let (listener, address) = listener().await;
        let origin = format!("http://{address}/");
        serve(listener, Arc::new(emulator.router_for(&origin, Scheme::Http)), &shutdown);
        let mut world = Self { clock, emulator: address, sidecar: address, shutdown };
        world.sidecar = world.start_sidecar(pinned).await;
        world
    }

    async fn start_sidecar(&self, pinned: bool) -> SocketAddr {
        let (authority, port) = (format!("http://{}/", self.emulator), self.emulator.port());
        let vault = format!("http://contoso-vault.vault.localhost:{port}/");
        let version = self.rotate();
        let mut pairs = vec![
            ("AzureAd:Instance", authority.as_str()),
            ("AzureAd:TenantId", TENANT),
            ("AzureAd:ClientId", ORDERS_WEB),
            ("AzureAd:ClientCredentials:0:SourceType", "KeyVault"),
            ("AzureAd:ClientCredentials:0:KeyVaultUrl", &vault),
            ("AzureAd:ClientCredentials:0:KeyVaultCertificateName", CERTIFICATE),
            ("DownstreamApis:orders:Scopes:0", "api://11112222-bbbb-3333-cccc-4444dddd5555/.default"),
            ("DownstreamApis:orders:RequestAppToken", "true"),
            ("Sidecar:AcquireTimeout", "00:02:00"),
            ("AZURE_AUTHORITY_HOST", &authority),
            ("AZURE_CLIENT_ID", ORDERS_WEB),
            ("AZURE_TENANT_ID", TENANT),
            ("AZURE_CLIENT_SECRET", "orders-web-development-secret"),
        ];
        if pinned {
            pairs.push(("AzureAd:ClientCredentials:0:KeyVaultCertificateVersion", &version));
        }
        let configuration = Configuration::from_pairs(pairs);
        let read = |root: &sidekey_config::Section<'_>| {
            (sidekey_entra::Config::read(root), sidekey_sidecar::Config::read(root, "Production"))
        };
        let ((entra, sidecar), _) = configuration.bind(read).unwrap();
        let client = || http::build(&http::ClientOptions::default()).unwrap();
        let entra = Entra::new(entra, client(), Arc::clone(&self.clock) as Arc<dyn Clock>);
        let (listener, address) = listener().await;
        serve(listener, Sidecar::new(sidecar, entra, client(), self.shutdown.clone()), &self.shutdown);
        address
    }

    /// Makes a new version; its name.
    fn rotate(&self) -> String {
        let path = format!("/sidekey/vaults/contoso-vault/certificates/{CERTIFICATE}/rotate");
        let reply = request(self.emulator, "POST", &path, &[], b"");
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["version"].as_str().unwrap().to_owned()
    }

    /// Gets a token; the versions that signed for it.
    #[track_caller]
    fn token(&self) -> Vec<String> {
        let before = self.signatures().len();
        let claims = claims(&get(self.sidecar, "/AuthorizationHeaderUnauthenticated/orders"));
        assert_eq!((&claims["azpacr"], &claims["aud"]), (&"2".into(), &ORDERS.into()));
        self.signatures().split_off(before)
    }

    fn requests(&self) -> Vec<Value> {
        get(self.emulator, "/sidekey/requests").json().as_array().unwrap().clone()
    }

    /// The versions whose key signed so far.
    fn signatures(&self) -> Vec<String> {
        let requests = self.requests();
        let paths = requests.iter().map(|request| request["path"].as_str().unwrap());
        let signed = paths.filter_map(|path| path.strip_suffix("/sign")?.rsplit_once('/'));
        signed.map(|(_, version)| version.to_owned()).collect()
    }

    /// How often the vault was asked which version is the newest.
    fn checks(&self) -> usize {
        let requests = self.requests();
        let asked = |request: &&Value| request["path"].as_str().unwrap().contains("/certificates/");
        requests.iter().filter(asked).count()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.trigger();
    }
}

async fn listener() -> (Listener, SocketAddr) {
    let address = Address::Ip(SocketAddr::from(([127, 0, 0, 1], 0)));
    let listener = Listener::bind(&Endpoint { address, tls: None, protocols: Protocols::default() }).await.unwrap();
    let url = listener.url();
    (listener, url.trim_start_matches("http://").trim_end_matches('/').parse().unwrap())
}

fn serve(listener: Listener, app: Arc<dyn App>, shutdown: &Shutdown) {
    let shutdown = shutdown.clone();
    tokio::spawn(listen::serve(vec![listener], app, Limits::default(), shutdown, Duration::from_secs(1)));
}

const CERTIFICATE: &str = "orders-web-signing";
/// Longer than a token lives, and than the vault is not asked.
const LATER: Duration = Duration::from_hours(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_version_is_used_without_a_restart() {
    let world = World::new(false).await;
    let first = world.token();
    assert_eq!(first.len(), 1, "{first:?}");
    let second = world.rotate();
    assert!(world.token().is_empty(), "the token is still good");
    let checks = world.checks();
    world.clock.advance(LATER);
    assert_eq!(world.token(), first, "nobody waits for the vault");
    assert!((0..10_000).any(|_| world.checks() > checks), "the vault is asked behind the caller's back");
    // The vault saw the question; its answer may still be on the way when the next token is asked for.
    let used = (0..100).map(|_| {
        world.clock.advance(LATER);
        world.token()
    });
    let used = used.into_iter().find(|used| *used != first).unwrap_or(first);
    assert_eq!(used, [second]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pinned_version_stays() {
    let world = World::new(true).await;
    let pinned = world.token();
    world.rotate();
    let checks = world.checks();
    for _ in 0..3 {
        world.clock.advance(LATER);
        assert_eq!(world.token(), pinned);
    }
    assert_eq!(world.checks(), checks, "the vault is not asked for another");
}
