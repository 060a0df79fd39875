//! HTTP/2 peers that make work and take it back. Frames are written by hand (RFC 9113 §4.1, RFC 7541 §6).

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::world::{PATIENCE, World, start};
use sidekey_host::listen::Limits;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `GET http://localhost/held`, whose answer never comes.
const REQUEST: &[u8] = b"\x82\x86\x41\x09localhost\x44\x05/held";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

async fn connect(world: &World) -> TcpStream {
    let mut stream = world.connect().await;
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await.unwrap();
    stream
}

/// Writes until the server has had enough, which it must have some time; the error that it gives as its reason, if that
/// arrived before the end did.
async fn reason(mut stream: TcpStream, mut next: impl FnMut() -> Vec<u8>) -> Option<u32> {
    let mut writes = 0;
    while stream.write_all(&next()).await.is_ok() {
        writes += 1;
        assert!(writes < 100_000, "everything was taken");
    }
    let mut reply = Vec::new();
    // What was written after the server closed may cost its last words: a reset is an end, too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut reply)).await.expect("the connection ends");
    let mut rest = reply.as_slice();
    while let [a, b, c, kind, _, _, _, _, _, tail @ ..] = rest {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        if *kind == GOAWAY {
            return tail.get(4..8).map(|code| u32::from_be_bytes(code.try_into().unwrap()));
        }
        rest = tail.get(length..).unwrap_or_default();
    }
    None
}

#[tokio::test]
async fn requests_that_are_taken_back_at_once_end_the_connection() {
    let world = start(Limits::default()).await;
    let mut stream = 1;
    let flood = move || {
        let request = frame(HEADERS, END_STREAM | END_HEADERS, stream, REQUEST);
        let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        stream += 2;
        [request, reset].concat()
    };
    let found = reason(connect(&world).await, flood).await;
    assert!(matches!(found, None | Some(ENHANCE_YOUR_CALM)), "{found:?}");
    still_serves(&world).await;
}

#[tokio::test]
async fn errors_that_make_us_take_requests_back_end_the_connection() {
    let world = start(Limits::default()).await;
    let mut stream = 1;
    let flood = move || {
        let request = frame(HEADERS, END_STREAM | END_HEADERS, stream, REQUEST);
        // A window that grows by nothing is an error of the stream.
        let nothing = frame(WINDOW_UPDATE, 0, stream, &0_u32.to_be_bytes());
        stream += 2;
        [request, nothing].concat()
    };
    let found = reason(connect(&world).await, flood).await;
    assert!(matches!(found, None | Some(ENHANCE_YOUR_CALM | PROTOCOL_ERROR)), "{found:?}");
    still_serves(&world).await;
}

#[tokio::test]
async fn a_head_without_end_ends_the_connection() {
    let world = start(Limits::default()).await;
    let mut first = true;
    // A literal field without indexing, of a name and a value that are new each time.
    let field = [&b"\x00\x01x\x7f\x80\x7c"[..], &[b'y'; 16_000 - 128]].concat();
    let flood = move || {
        let kind = if first { HEADERS } else { CONTINUATION };
        let payload = if first { REQUEST } else { &field };
        first = false;
        frame(kind, 0, 1, payload)
    };
    let found = reason(connect(&world).await, flood).await;
    assert!(found.is_none_or(|code| code != 0), "{found:?}");
    still_serves(&world).await;
}

#[tokio::test]
async fn more_requests_at_a_time_than_announced_are_refused() {
    let world = start(Limits::default()).await;
    let mut stream = connect(&world).await;
    for number in 0..400_u32 {
        stream.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, number * 2 + 1, REQUEST)).await.unwrap();
    }
    stream.write_all(&frame(PING, 0, 0, b"12345678")).await.unwrap();
    let mut refused = 0;
    loop {
        let mut head = [0; 9];
        timeout(PATIENCE, stream.read_exact(&mut head)).await.expect("a frame").unwrap();
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        timeout(PATIENCE, stream.read_exact(&mut payload)).await.expect("its payload").unwrap();
        match head[3] {
            RST_STREAM => refused += 1,
            PING => break,
            _ => {}
        }
    }
    assert_eq!(refused, 400 - 256);
}

async fn still_serves(world: &World) {
    let reply = crate::world::http2_client().get(format!("{}/version", world.url)).send().await.unwrap();
    assert_eq!(reply.text().await.unwrap(), "HTTP/2.0");
}

const PROTOCOL_ERROR: u32 = 1;
const ENHANCE_YOUR_CALM: u32 = 11;
