//! Listeners: TCP, TLS and Unix sockets, HTTP/1.1 and h2 (prior knowledge too), limits, and the peer as the socket saw it.

mod activity;
mod address;
mod app;
mod bind;
mod connection;
mod serve;
mod stream;

pub use address::{AddressError, parse_url};
pub use app::{Answer, App};
pub use serve::serve;

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use bind::Bound;

/// Where to listen, by ASP.NET's URL grammar: `scheme://host[:port]`, `http://unix:/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `localhost`: both loopback addresses. Port 0 takes one free port for both.
    Localhost(u16),
    /// A literal address.
    Ip(SocketAddr),
    /// `*`, `+` or any other name: all addresses, dual-stack.
    Any(u16),
    /// A Unix socket, open to its owner only; see [`Listener::bind`].
    Unix(PathBuf),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Localhost(port) => write!(f, "localhost:{port}"),
            Self::Ip(address) => write!(f, "{address}"),
            Self::Any(port) => write!(f, "*:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// One endpoint to serve.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Where.
    pub address: Address,
    /// TLS, if the URL says `https`. The configuration may change while serving (certificate reload).
    pub tls: Option<Arc<arc_swap::ArcSwap<rustls::ServerConfig>>>,
    /// HTTP versions.
    pub protocols: Protocols,
}

/// Kestrel's `Protocols`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocols {
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only; on plain TCP by prior knowledge.
    Http2,
    /// Both; told apart by ALPN or by the h2 preface.
    #[default]
    Http1AndHttp2,
}

/// Bounds for what a peer can cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time; more are answered with 503 and closed.
    pub max_connections: usize,
    /// Bytes of the request head; more is 431.
    pub max_header_bytes: usize,
    /// Time for the whole request head, and for the TLS handshake before the first; then the connection is closed.
    pub header_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_connections: 1024, max_header_bytes: 65_536, header_timeout: Duration::from_secs(10) }
    }
}

/// Who is at the other end, by the socket alone; no header ever changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A TCP peer.
    Tcp(SocketAddr),
    /// A Unix socket's peer, with its user id where the kernel told.
    Unix {
        /// The peer's user.
        uid: Option<u32>,
    },
}

impl Peer {
    /// Whether the peer is this host: `127.0.0.0/8`, `::1`, the former mapped into IPv6, or a Unix socket.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix { .. } => true,
        }
    }

    /// A TCP peer; an IPv4 address that a dual-stack socket shows as IPv6 is given as IPv4.
    fn tcp(address: SocketAddr) -> Self {
        Self::Tcp(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }
}

/// A bound endpoint.
#[derive(Debug)]
pub struct Listener {
    url: String,
    port: Option<u16>,
    sockets: Vec<Bound>,
    tls: connection::Tls,
    protocols: Protocols,
}

impl Listener {
    /// Binds an endpoint; `Localhost` makes two sockets (one where the other family is missing).
    ///
    /// A Unix socket takes the place of a socket file on which nobody answers. Its file has mode 0600; to let other users
    /// in, change the mode after binding and judge them by [`Peer::Unix`].
    #[expect(clippy::unused_async, reason = "sockets can be registered only inside a runtime, which this makes plain")]
    pub async fn bind(endpoint: &Endpoint) -> io::Result<Self> {
        let sockets = bind::bind(&endpoint.address)?;
        let local = sockets.first().and_then(Bound::local_addr);
        let port = local.map(|address| address.port());
        let url = url(endpoint, local);
        Ok(Self { url, port, sockets, tls: endpoint.tls.clone(), protocols: endpoint.protocols })
    }

    /// `http://localhost:5000`, `https://…`, `http://unix:/path`: how to reach it, with the real port.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The real port; `None` for a Unix socket.
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

fn url(endpoint: &Endpoint, local: Option<SocketAddr>) -> String {
    let scheme = if endpoint.tls.is_some() { "https" } else { "http" };
    match (&endpoint.address, local) {
        (Address::Unix(path), _) => format!("{scheme}://unix:{}", path.display()),
        (Address::Localhost(port), local) => {
            format!("{scheme}://localhost:{}", local.map_or(*port, |address| address.port()))
        }
        (Address::Ip(_) | Address::Any(_), Some(address)) => format!("{scheme}://{address}"),
        (Address::Ip(address), None) => format!("{scheme}://{address}"),
        (Address::Any(port), None) => format!("{scheme}://*:{port}"),
    }
}
