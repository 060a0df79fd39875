//! Requests whose end two readers could see at different places (RFC 9112 §11.2): one answer or a closed connection, never
//! an answer to what was hidden in the first one.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::world::{World, start};
use sidekey_host::listen::Limits;

/// The request that is hidden in another; its answer shows the peer.
const HIDDEN: &str = "GET /peer HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Everything that comes back for some bytes. When the first answer has begun, or the time for it is over, a last request
/// is sent that ends the connection.
async fn answers(world: &World, bytes: &[u8]) -> String {
    let mut stream = world.connect().await;
    stream.write_all(bytes).await.unwrap();
    let mut reply = vec![0; 64];
    let begun = timeout(Duration::from_millis(500), stream.read(&mut reply)).await;
    reply.truncate(begun.map_or(0, |read| read.unwrap_or(0)));
    // The server may have closed already.
    let _ = stream.write_all(b"GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    let _ = stream.shutdown().await;
    let _ = timeout(Duration::from_secs(15), stream.read_to_end(&mut reply)).await.expect("the connection ends");
    String::from_utf8_lossy(&reply).into_owned()
}

#[tokio::test]
async fn two_whole_requests_get_two_answers() {
    let world = start(Limits::default()).await;
    for first in [
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ] {
        let found = answers(&world, format!("{first}{HIDDEN}").as_bytes()).await;
        assert!(found.contains("Tcp("), "this is how a second answer would be seen: {found}");
    }
}

#[tokio::test]
async fn what_is_hidden_in_a_request_is_never_answered() {
    let world = start(Limits::default()).await;
    let length = HIDDEN.len();
    let heads = [
        // A length and an encoding, in every order: whoever goes by the length sees something else than we do.
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n0\r\n\r\n"),
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\nContent-Length: 7\r\n\r\n0\r\n\r\n".to_owned(),
        // Encodings that some take for `chunked` and others do not.
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n".to_owned(),
        " Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer_Encoding: chunked\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n".to_owned(),
        // Lengths that are not one number.
        "Content-Length: 0\r\nContent-Length: 5\r\n\r\n".to_owned(),
        "Content-Length: 0, 5\r\n\r\n".to_owned(),
        "Content-Length: +0\r\n\r\n".to_owned(),
        "Content-Length: -1\r\n\r\n".to_owned(),
        "Content-Length: 0x0\r\n\r\n".to_owned(),
        "Content-Length: 0 0\r\n\r\n".to_owned(),
        "Content-Length: \r\n\r\n".to_owned(),
        "Content-Length: 0\0\r\n\r\n".to_owned(),
        "Content-Length : 0\r\n\r\n".to_owned(),
        "Content-Length: 18446744073709551616\r\n\r\n".to_owned(),
        "Content-Length: 99999999999999999999999999\r\n\r\n".to_owned(),
        // Chunks that do not end where they say.
        "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n-0\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n 0\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc0\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n0;a=\nb\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n0\n\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n\r\n".to_owned(),
        // Heads that are no heads.
        "\0: x\r\n\r\n".to_owned(),
        "X\0: x\r\n\r\n".to_owned(),
        "X: \0\r\n\r\n".to_owned(),
        "X\r\n\r\n".to_owned(),
        ": x\r\n\r\n".to_owned(),
        "X y: z\r\n\r\n".to_owned(),
    ];
    for head in heads {
        let request = format!("POST / HTTP/1.1\r\nHost: localhost\r\n{head}{HIDDEN}");
        let found = answers(&world, request.as_bytes()).await;
        assert!(!found.contains("Tcp("), "{head:?}: {found}");
        assert!(found.matches("HTTP/1.").count() <= 1, "{head:?}: {found}");
    }
}

#[tokio::test]
async fn request_lines_that_are_none_are_refused() {
    let world = start(Limits::default()).await;
    for line in [
        "POST / HTTP/1.1 HTTP/1.0",
        "POST /\0 HTTP/1.1",
        "POST / HTTP/1.2",
        "POST / HTTP/2.0",
        "POST / http/1.1",
        "POST  /  HTTP/1.1",
        "POST /a b HTTP/1.1",
        "PO\0ST / HTTP/1.1",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked",
        "POST",
        "\x16\x03\x01",
    ] {
        let request = format!("{line}\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n{HIDDEN}");
        let found = answers(&world, request.as_bytes()).await;
        assert!(!found.contains("Tcp(") && !found.contains(" 200 "), "{line:?}: {found}");
    }
}
