//! Requests within requests, at the real routes: most answer before they have read a body, so that what follows must be
//! thrown away or end the connection. One answer or none, never a second one to what was hidden.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::setup::Setup;

/// The request that is hidden in another; nothing else is answered with this word.
const HIDDEN: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
const ANSWER: &str = "Healthy";

/// Everything that comes back for some bytes, to the end of the connection.
async fn answers(setup: &Setup, bytes: &[u8]) -> String {
    let address = setup.url.trim_start_matches("http://").replace("localhost", "127.0.0.1");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut reply = vec![0; 64];
    let begun = timeout(Duration::from_millis(500), stream.read(&mut reply)).await;
    reply.truncate(begun.map_or(0, |read| read.unwrap_or(0)));
    // Ends a connection that would stay open; the server may have closed it already.
    let _ = stream.write_all(b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    let _ = stream.shutdown().await;
    // It has to end; a reset does that as well as an orderly close.
    let _ = timeout(Duration::from_secs(15), stream.read_to_end(&mut reply)).await.unwrap();
    String::from_utf8_lossy(&reply).into_owned()
}

/// Routes that refuse at the door, without credentials, by their method, by their path, or by what is asked for.
const LINES: [&str; 6] = [
    "POST /DownstreamApi/User HTTP/1.1\r\nHost: localhost",
    "POST /DownstreamApi/User HTTP/1.1\r\nHost: evil.example",
    "POST /DownstreamApiUnauthenticated/Nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain",
    "GET /Validate HTTP/1.1\r\nHost: localhost",
    "PUT /Validate HTTP/1.1\r\nHost: localhost",
    "POST /nowhere HTTP/1.1\r\nHost: localhost",
];

#[tokio::test]
async fn a_second_whole_request_is_seen_as_one() {
    let setup = Setup::new(&[]).await;
    let found = answers(&setup, format!("{}\r\n\r\n{HIDDEN}", LINES[3]).as_bytes()).await;
    assert!(found.contains(ANSWER), "this is how a second answer would be seen: {found}");
}

#[tokio::test]
async fn a_request_in_a_body_is_never_answered() {
    let setup = Setup::new(&[]).await;
    let length = HIDDEN.len();
    let chunked = format!("{length:x}\r\n{HIDDEN}\r\n0\r\n\r\n");
    for line in LINES {
        for body in [
            format!("Content-Length: {length}\r\n\r\n{HIDDEN}"),
            format!("Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n{HIDDEN}"),
            format!("Transfer-Encoding: chunked\r\n\r\n{chunked}"),
            format!("Content-Length: {}\r\n\r\n{}", 200_000 + length, "x".repeat(200_000) + HIDDEN),
            // A bare LF ends a line (RFC 9112 §2.2), so that what stands behind it counts.
            format!("X: y\nContent-Length: {length}\n\n{HIDDEN}"),
            format!("X: y\nTransfer-Encoding: chunked\r\n\n{chunked}"),
            // Announced and never sent in full: what came is still no request.
            format!("Content-Length: {}\r\n\r\n{HIDDEN}", 1_000_000),
        ] {
            let found = answers(&setup, format!("{line}\r\n{body}").as_bytes()).await;
            assert!(!found.contains(ANSWER), "{line} {body:.60}: {found}");
        }
    }
}

#[tokio::test]
async fn what_has_two_ends_is_answered_once_at_most() {
    let setup = Setup::new(&[]).await;
    let length = HIDDEN.len();
    let heads = [
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n0\r\n\r\n"),
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "Content-Length: 0\r\nContent-Length: 5\r\n\r\n".to_owned(),
        format!("Content-Length: 0, {length}\r\n\r\n"),
        "Content-Length : 0\r\n\r\n".to_owned(),
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "X: y\r\n Content-Length: 5\r\n\r\n".to_owned(),
        "X: y\r\n\tTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "X: y\rContent-Length: 5\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n80000000\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n0;a\n\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n0\n\n".to_owned(),
    ];
    for line in &LINES[..4] {
        for head in &heads {
            let request = format!("{}\r\n{head}{HIDDEN}", line.replace("GET ", "POST "));
            let found = answers(&setup, request.as_bytes()).await;
            assert!(!found.contains(ANSWER), "{line} {head:?}: {found}");
            assert!(found.matches("HTTP/1.").count() <= 1, "{line} {head:?}: {found}");
        }
    }
}
