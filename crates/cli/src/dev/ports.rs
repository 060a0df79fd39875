//! The usual ports, or free ones where those are taken.

use std::io::ErrorKind;

use sidekey_host::listen::{Address, Endpoint, Listener};

/// The ports to try first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) sidecar: u16,
    pub(crate) emulator: u16,
    pub(crate) emulator_https: u16,
    pub(crate) downstream: u16,
}

/// Binds a loopback port; where it is taken, says so and takes a free one.
pub(crate) async fn bind_or_free(what: &str, mut endpoint: Endpoint, port: u16) -> anyhow::Result<Listener> {
    endpoint.address = Address::Localhost(port);
    match Listener::bind(&endpoint).await {
        Err(error) if error.kind() == ErrorKind::AddrInUse && port != 0 => {
            endpoint.address = Address::Localhost(0);
            let listener = Listener::bind(&endpoint).await?;
            anstream::eprintln!("note: port {port} is taken, the {what} listens on {}", listener.url());
            Ok(listener)
        }
        result => Ok(result?),
    }
}
