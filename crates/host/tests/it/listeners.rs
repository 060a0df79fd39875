//! Addresses, families, HTTP versions, and the peer as the socket saw it.

use std::{
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    time::Duration,
};

use sidekey_host::{
    client::{self, ClientOptions},
    listen::{Address, Endpoint, Limits, Listener, Peer, Protocols},
};
use tokio::net::{TcpStream, UnixStream};

use crate::world::{PATIENCE, World, http2_client, plain, response, secure, send, start, start_at};

const PEER: &str = "GET /peer HTTP/1.1\r\nHost: localhost\r\n\r\n";

async fn start_plain(address: Address, protocols: Protocols) -> World {
    start_at(&plain(address, protocols), Limits::default(), PATIENCE).await
}

async fn text(client: &reqwest::Client, url: String) -> String {
    client.get(url).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn localhost_is_both_loopback_addresses_on_one_port() {
    let world = start(Limits::default()).await;
    assert_eq!(world.url, format!("http://localhost:{}", world.port));
    for (host, expected) in [("127.0.0.1", "Tcp(127.0.0.1:"), ("::1", "Tcp([::1]:")] {
        let mut stream = TcpStream::connect((host, world.port)).await.unwrap();
        send(&mut stream, PEER).await;
        assert!(response(&mut stream).await.contains(expected), "{host}");
    }
}

#[tokio::test]
async fn a_port_taken_on_one_family_is_taken() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let first = Listener::bind(&plain(Address::Ip(address.parse().unwrap()), Protocols::Http1)).await.unwrap();
        let second = Listener::bind(&plain(Address::Localhost(first.port().unwrap()), Protocols::Http1)).await;
        assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::AddrInUse, "{address}");
    }
}

#[tokio::test]
async fn a_dual_stack_socket_shows_ipv4_peers_as_ipv4() {
    let world = start_plain(Address::Any(0), Protocols::default()).await;
    assert_eq!(world.url, format!("http://[::]:{}", world.port));
    for (host, expected) in [("127.0.0.1", "Tcp(127.0.0.1:"), ("::1", "Tcp([::1]:")] {
        let mut stream = TcpStream::connect((host, world.port)).await.unwrap();
        send(&mut stream, PEER).await;
        assert!(response(&mut stream).await.contains(expected), "{host}");
    }
}

#[test]
fn only_this_host_is_local() {
    let local = |text: &str| Peer::Tcp(text.parse().unwrap()).is_local();
    for address in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert!(local(address), "{address}");
    }
    for address in ["10.0.0.1:1", "0.0.0.0:1", "[::]:1", "[::ffff:10.0.0.1]:1", "[::127.0.0.1]:1", "169.254.1.1:1"] {
        assert!(!local(address), "{address}");
    }
    assert!(Peer::Unix { uid: None }.is_local());
}

#[tokio::test]
async fn a_unix_socket_serves_and_knows_its_peers_user() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sidekey.sock");
    let world = start_plain(Address::Unix(path.clone()), Protocols::default()).await;
    assert_eq!(world.url, format!("http://unix:{}", path.display()));
    let metadata = std::fs::metadata(&path).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    let mut stream = UnixStream::connect(&path).await.unwrap();
    send(&mut stream, PEER).await;
    let answer = response(&mut stream).await;
    assert!(answer.ends_with(&format!("Unix {{ uid: Some({}) }}", metadata.uid())), "{answer}");
    drop(stream);
    world.shutdown.trigger();
    world.ended().await;
    assert!(!path.exists(), "the socket's file is removed at the end");
}

#[tokio::test]
async fn a_unix_socket_takes_the_place_of_a_dead_one_and_of_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let bind = |path: &Path| {
        let endpoint = plain(Address::Unix(path.to_owned()), Protocols::default());
        async move { Listener::bind(&endpoint).await }
    };
    let path = folder.path().join("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let listener = bind(&path).await.unwrap();
    assert_eq!(bind(&path).await.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    assert!(path.exists());
    drop(listener);
    let path = folder.path().join("file");
    std::fs::write(&path, "precious").unwrap();
    assert_eq!(bind(&path).await.unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn http2_is_told_by_its_preface() {
    let world = start(Limits::default()).await;
    let url = format!("{}/version", world.url);
    assert_eq!(text(&http2_client(), url.clone()).await, "HTTP/2.0");
    let http1 = client::build(&ClientOptions::default()).unwrap();
    assert_eq!(text(&http1, url).await, "HTTP/1.1");
}

#[tokio::test]
async fn an_endpoint_speaks_only_its_protocols() {
    let http1_only = start_plain(Address::Localhost(0), Protocols::Http1).await;
    assert!(http2_client().get(&http1_only.url).send().await.is_err());
    let http2_only = start_plain(Address::Localhost(0), Protocols::Http2).await;
    assert_eq!(text(&http2_client(), format!("{}/version", http2_only.url)).await, "HTTP/2.0");
    let mut stream = http2_only.connect().await;
    send(&mut stream, PEER).await;
    assert!(!crate::world::until_closed(&mut stream).await.0.contains("200 OK"));
}

#[tokio::test]
async fn http2_has_a_bound_for_heads_too() {
    let world = start(Limits { max_header_bytes: 4096, ..Limits::default() }).await;
    let request = http2_client().get(&world.url).header("x-filler", "x".repeat(5_000));
    assert_eq!(request.send().await.unwrap().status(), 431);
}

#[tokio::test]
async fn https_agrees_on_the_version_by_alpn() {
    for (protocols, expected) in
        [(Protocols::Http1, "HTTP/1.1"), (Protocols::Http2, "HTTP/2.0"), (Protocols::Http1AndHttp2, "HTTP/2.0")]
    {
        let (endpoint, pem) = secure(protocols);
        let world = start_at(&endpoint, Limits::default(), PATIENCE).await;
        assert!(world.url.starts_with("https://localhost:"));
        let options = ClientOptions { additional_ca_pem: vec![pem], ..ClientOptions::default() };
        let client = client::build(&options).unwrap();
        assert_eq!(text(&client, format!("{}/version", world.url)).await, expected);
    }
}

#[tokio::test]
async fn a_certificate_can_be_replaced_while_serving() {
    let ((endpoint, first), (other, second)) = (secure(Protocols::Http1), secure(Protocols::Http1));
    let world = start_at(&endpoint, Limits::default(), PATIENCE).await;
    let trusting = |pem: &str| {
        client::build(&ClientOptions { additional_ca_pem: vec![pem.to_owned()], ..ClientOptions::default() }).unwrap()
    };
    assert_eq!(text(&trusting(&first), world.url.clone()).await, "hello");
    assert!(trusting(&second).get(&world.url).send().await.is_err());
    let (Some(tls), Some(new)) = (&endpoint.tls, &other.tls) else { panic!("both have TLS") };
    tls.store(new.load_full());
    assert_eq!(text(&trusting(&second), world.url.clone()).await, "hello");
    assert!(trusting(&first).get(&world.url).send().await.is_err());
}

#[tokio::test]
async fn a_tls_handshake_that_never_comes_is_closed() {
    let (endpoint, _) = secure(Protocols::default());
    let limits = Limits { header_timeout: Duration::from_millis(300), ..Limits::default() };
    let world = start_at(&endpoint, limits, PATIENCE).await;
    assert_eq!(crate::world::until_closed(&mut world.connect().await).await.0, "");
}

#[tokio::test]
async fn plain_http_on_a_tls_endpoint_is_closed_without_harm() {
    let (endpoint, pem) = secure(Protocols::default());
    let world = start_at(&endpoint, Limits::default(), PATIENCE).await;
    let mut stream = world.connect().await;
    send(&mut stream, PEER).await;
    assert!(!crate::world::until_closed(&mut stream).await.0.contains("200"));
    let options = ClientOptions { additional_ca_pem: vec![pem], ..ClientOptions::default() };
    assert_eq!(text(&client::build(&options).unwrap(), world.url.clone()).await, "hello");
}

#[tokio::test]
async fn a_tls_connection_too_many_is_told_so() {
    let (endpoint, pem) = secure(Protocols::Http1);
    let world = start_at(&endpoint, Limits { max_connections: 1, ..Limits::default() }, PATIENCE).await;
    let options = ClientOptions { additional_ca_pem: vec![pem], ..ClientOptions::default() };
    let (first, second) = (client::build(&options).unwrap(), client::build(&options).unwrap());
    assert_eq!(text(&first, world.url.clone()).await, "hello");
    assert_eq!(second.get(&world.url).send().await.unwrap().status(), 503);
}

#[tokio::test]
async fn two_listeners_share_one_server() {
    let endpoint = plain(Address::Localhost(0), Protocols::Http1);
    let (first, second) = (bound(&endpoint).await, bound(&endpoint).await);
    let urls = [first.url(), second.url()];
    let shutdown = sidekey_host::Shutdown::new();
    let app = axum::Router::new().route("/", axum::routing::get(|| async { "both" }));
    let serving = sidekey_host::listen::serve(
        vec![first, second],
        std::sync::Arc::new(app),
        Limits::default(),
        shutdown.clone(),
        PATIENCE,
    );
    let serving = tokio::spawn(serving);
    let client = client::build(&ClientOptions::default()).unwrap();
    for url in urls {
        assert_eq!(text(&client, url).await, "both");
    }
    drop(client);
    shutdown.trigger();
    tokio::time::timeout(PATIENCE, serving).await.unwrap().unwrap();
}

async fn bound(endpoint: &Endpoint) -> Listener {
    Listener::bind(endpoint).await.unwrap()
}
