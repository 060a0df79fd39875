//! Listeners: TCP, TLS and Unix sockets, HTTP/1.1 and h2 (prior knowledge too), limits, and the peer as the socket saw it.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use crate::Shutdown;

/// Where to listen, by ASP.NET's URL grammar: `scheme://host[:port]`, `http://unix:/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `localhost`: both loopback addresses. Port 0 takes one free port for both.
    Localhost(u16),
    /// A literal address.
    Ip(SocketAddr),
    /// `*`, `+` or any other name: all addresses, dual-stack.
    Any(u16),
    /// A Unix socket.
    Unix(PathBuf),
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
    /// Time for the whole request head; then the connection is closed.
    pub header_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_connections: 1024, max_header_bytes: 65_536, header_timeout: Duration::from_secs(10) }
    }
}

/// Who is at the other end, by the socket alone. A request extension; no header ever changes it.
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
        todo!()
    }
}

/// A bound endpoint.
#[derive(Debug)]
pub struct Listener {
    _todo: (),
}

impl Listener {
    /// Binds an endpoint; `Localhost` makes two sockets (one where the other family is missing).
    pub async fn bind(_endpoint: &Endpoint) -> std::io::Result<Self> {
        todo!()
    }

    /// `http://localhost:5000`, `https://…`, `http://unix:/path`: how to reach it, with the real port.
    pub fn url(&self) -> String {
        todo!()
    }

    /// The real port; `None` for a Unix socket.
    pub fn port(&self) -> Option<u16> {
        todo!()
    }
}

/// Serves until shutdown, then drains for at most `drain`.
pub async fn serve(
    _listeners: Vec<Listener>,
    _app: axum::Router,
    _limits: Limits,
    _shutdown: Shutdown,
    _drain: Duration,
) {
    todo!()
}
