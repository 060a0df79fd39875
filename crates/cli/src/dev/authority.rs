//! The emulator on its two listeners.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use arc_swap::ArcSwap;
use sidekey_emulator::{Emulator, Scheme};
use sidekey_host::{
    Shutdown,
    listen::{self, Address, Endpoint, Limits, Listener, Protocols},
};

use super::ports;

/// An emulator with its listeners bound, not yet serving.
pub(crate) struct Authority {
    emulator: Arc<Emulator>,
    plain: Listener,
    secure: Listener,
    /// The address of the plain listener.
    pub(crate) http: String,
    /// The address of the TLS listener, which is also the canonical origin.
    pub(crate) https: String,
}

impl Authority {
    /// Binds the given addresses.
    pub(crate) async fn bind(emulator: Arc<Emulator>, http: SocketAddr, https: SocketAddr) -> anyhow::Result<Self> {
        let at =
            |address: SocketAddr| format!("cannot listen on {address}\n  hint: choose another with --http or --https");
        let mut plain = plain_endpoint();
        plain.address = Address::Ip(http);
        let mut secure = secure_endpoint(&emulator)?;
        secure.address = Address::Ip(https);
        let plain = Listener::bind(&plain).await.with_context(|| at(http))?;
        let secure = Listener::bind(&secure).await.with_context(|| at(https))?;
        Ok(Self::new(emulator, plain, secure))
    }

    /// Binds loopback ports, or free ones where those are taken.
    pub(crate) async fn bind_or_free(emulator: Arc<Emulator>, http: u16, https: u16) -> anyhow::Result<Self> {
        let plain = ports::bind_or_free("emulator (http)", plain_endpoint(), http).await?;
        let secure = ports::bind_or_free("emulator (https)", secure_endpoint(&emulator)?, https).await?;
        Ok(Self::new(emulator, plain, secure))
    }

    fn new(emulator: Arc<Emulator>, plain: Listener, secure: Listener) -> Self {
        let (http, https) = (plain.url(), secure.url());
        Self { emulator, plain, secure, http, https }
    }

    /// The CA's certificate as PEM.
    pub(crate) fn ca_pem(&self) -> anyhow::Result<String> {
        Ok(self.emulator.ca_pem()?)
    }

    /// Serves until shutdown.
    pub(crate) async fn serve(self, shutdown: Shutdown) {
        let serve = |listener, scheme| {
            let router = self.emulator.router_for(&self.https, scheme);
            listen::serve(vec![listener], Arc::new(router), Limits::default(), shutdown.clone(), DRAIN)
        };
        tokio::join!(serve(self.plain, Scheme::Http), serve(self.secure, Scheme::Https));
    }
}

fn plain_endpoint() -> Endpoint {
    Endpoint { address: Address::Localhost(0), tls: None, protocols: Protocols::default() }
}

fn secure_endpoint(emulator: &Arc<Emulator>) -> anyhow::Result<Endpoint> {
    Ok(Endpoint { tls: Some(Arc::new(ArcSwap::new(emulator.tls()?))), ..plain_endpoint() })
}

/// A developer who presses Ctrl-C wants the prompt back.
pub(crate) const DRAIN: Duration = Duration::from_secs(2);
