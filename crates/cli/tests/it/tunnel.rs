//! An HTTP proxy that leads every host to the emulator: with it an unchanged sidecar speaks to Microsoft's own host names.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use tempfile::TempDir;

use crate::{client::get, provider, stage::Emulator};

/// A running proxy.
pub(crate) struct Tunnel {
    url: String,
    hosts: Arc<Mutex<Vec<String>>>,
    folder: TempDir,
}

impl Tunnel {
    /// One that leads to this emulator.
    pub(crate) fn to(emulator: &Emulator) -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("ca.pem"), get(emulator.address, "/sidekey/ca.pem").text()).unwrap();
        let target: SocketAddr = emulator.secure.trim_start_matches("https://").trim_end_matches('/').parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let hosts = Arc::<Mutex<Vec<String>>>::default();
        let record = hosts.clone();
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let Some(asked) = provider::read(&mut stream) else { continue };
                let host = asked.line.strip_prefix("CONNECT ").unwrap_or(&asked.line).to_owned();
                record.lock().unwrap().push(host);
                join(stream, &TcpStream::connect(target).unwrap());
            }
        });
        Self { url, hosts, folder }
    }

    /// The settings of a sidecar that goes this way.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let ca = self.folder.path().join("ca.pem").to_str().unwrap().to_owned();
        vec![("HTTPS_PROXY", self.url.clone()), ("Sidecar__AdditionalCaFile", ca)]
    }

    /// The hosts that were asked for since the last time, each once.
    pub(crate) fn take_hosts(&self) -> Vec<String> {
        let mut hosts = std::mem::take(&mut *self.hosts.lock().unwrap());
        hosts.sort();
        hosts.dedup();
        hosts
    }
}

/// Passes everything on in both directions.
fn join(mut client: TcpStream, server: &TcpStream) {
    io::Write::write_all(&mut client, b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
    for (mut from, mut to) in [
        (client.try_clone().unwrap(), server.try_clone().unwrap()),
        (server.try_clone().unwrap(), client.try_clone().unwrap()),
    ] {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(std::net::Shutdown::Write);
        });
    }
}
