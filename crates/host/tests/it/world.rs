//! A server for a test, and a client that speaks bytes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Extension, Router, routing::get};
use sidekey_host::{
    Shutdown,
    listen::{Address, Endpoint, Limits, Listener, Peer, Protocols, serve},
    tls,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
    task::JoinHandle,
    time::timeout,
};

/// A running server.
pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) port: u16,
    pub(crate) shutdown: Shutdown,
    /// Lets the requests to `/held` finish.
    pub(crate) release: Arc<Notify>,
    /// Tells that a request to `/held` is in its handler.
    pub(crate) entered: Arc<Notify>,
    pub(crate) serving: JoinHandle<()>,
}

/// Serves plain HTTP on a free loopback port.
pub(crate) async fn start(limits: Limits) -> World {
    start_at(&plain(Address::Localhost(0), Protocols::default()), limits, Duration::from_secs(20)).await
}

/// Serves an endpoint.
pub(crate) async fn start_at(endpoint: &Endpoint, limits: Limits, drain: Duration) -> World {
    let listener = Listener::bind(endpoint).await.unwrap();
    let (url, port) = (listener.url(), listener.port().unwrap_or_default());
    let shutdown = Shutdown::new();
    let (release, entered) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let app = router(Arc::clone(&release), Arc::clone(&entered));
    let serving = tokio::spawn(serve(vec![listener], Arc::new(app), limits, shutdown.clone(), drain));
    World { url, port, shutdown, release, entered, serving }
}

/// A client that opens with HTTP/2's preface.
pub(crate) fn http2_client() -> reqwest::Client {
    tls::install_crypto_provider();
    reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().unwrap()
}

/// An endpoint without TLS.
pub(crate) fn plain(address: Address, protocols: Protocols) -> Endpoint {
    Endpoint { address, tls: None, protocols }
}

/// An endpoint with a fresh certificate for `localhost`, and the certificate as PEM.
pub(crate) fn secure(protocols: Protocols) -> (Endpoint, String) {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = signed.signing_key.serialize_der().try_into().unwrap();
    let config = tls::server_config(vec![signed.cert.der().clone()], key, protocols).unwrap();
    let tls = Some(Arc::new(arc_swap::ArcSwap::new(config)));
    (Endpoint { address: Address::Localhost(0), tls, protocols }, signed.cert.pem())
}

fn router(release: Arc<Notify>, entered: Arc<Notify>) -> Router {
    let held = move || async move {
        entered.notify_one();
        release.notified().await;
        "released"
    };
    Router::new()
        .route("/", get(|| async { "hello" }).post(|body: String| async move { body.len().to_string() }))
        .route("/peer", get(|Extension(peer): Extension<Peer>| async move { format!("{peer:?}") }))
        .route("/version", get(|request: axum::extract::Request| async move { format!("{:?}", request.version()) }))
        .route("/panic", get(|| async { if true { panic!("on purpose") } else { "" } }))
        .route("/held", get(held))
}

impl World {
    /// A connection to the server.
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    /// Waits for the server's end.
    pub(crate) async fn ended(self) {
        timeout(PATIENCE, self.serving).await.expect("the server ends").unwrap();
    }
}

/// Writes a text.
pub(crate) async fn send(stream: &mut (impl AsyncWrite + Unpin), text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Reads one response with a `Content-Length`: its head and body.
pub(crate) async fn response(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = String::new();
    loop {
        let mut byte = [0];
        let count = timeout(PATIENCE, stream.read(&mut byte)).await.expect("an answer in time").unwrap();
        assert!(count > 0, "the connection ended after {text:?}");
        text.push(char::from(byte[0]));
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
    }
}

/// Reads until the peer closes; what it said until then, and how long that took.
pub(crate) async fn until_closed(stream: &mut (impl AsyncRead + Unpin)) -> (String, Duration) {
    let started = Instant::now();
    let mut bytes = Vec::new();
    // A reset ends a connection as well as an orderly close.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the connection is closed");
    (String::from_utf8_lossy(&bytes).into_owned(), started.elapsed())
}

/// Longer than anything here takes, shorter than a hanging test is bearable.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);
