//! What a peer can cost.

use std::time::Duration;

use sidekey_host::listen::Limits;
use tokio::io::AsyncWriteExt;

use crate::world::{response, send, start, until_closed};

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn short_header_timeout() -> Limits {
    Limits { header_timeout: Duration::from_millis(300), ..Limits::default() }
}

#[tokio::test]
async fn a_head_over_the_bound_is_answered_with_431() {
    let world = start(Limits { max_header_bytes: 4096, ..Limits::default() }).await;
    for (filler, expected) in [(3_900, "HTTP/1.1 200"), (4_096, "HTTP/1.1 431"), (200_000, "HTTP/1.1 431")] {
        let mut stream = world.connect().await;
        let head = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-Filler: {}\r\n\r\n", "x".repeat(filler));
        // The server stops reading at the bound, so that the end may not be taken any more.
        let _ = stream.write_all(head.as_bytes()).await;
        assert!(response(&mut stream).await.starts_with(expected), "{filler}");
    }
}

#[tokio::test]
async fn a_head_over_the_default_bound_is_answered_with_431_and_one_below_is_not() {
    let world = start(Limits::default()).await;
    for (filler, expected) in [(65_000, "HTTP/1.1 200"), (65_536, "HTTP/1.1 431")] {
        let mut stream = world.connect().await;
        let head = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-Filler: {}\r\n\r\n", "x".repeat(filler));
        let _ = stream.write_all(head.as_bytes()).await;
        assert!(response(&mut stream).await.starts_with(expected), "{filler}");
    }
}

#[tokio::test]
async fn too_many_header_fields_are_answered_with_431() {
    let world = start(Limits::default()).await;
    let mut stream = world.connect().await;
    let fields = "X-Field: 1\r\n".repeat(101);
    send(&mut stream, &format!("GET / HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")).await;
    assert!(response(&mut stream).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn a_connection_too_many_is_told_so_and_the_next_is_served_when_one_has_ended() {
    let world = start(Limits { max_connections: 2, ..Limits::default() }).await;
    let mut first = world.connect().await;
    let mut second = world.connect().await;
    for stream in [&mut first, &mut second] {
        send(stream, GET).await;
        assert!(response(stream).await.ends_with("hello"));
    }
    let mut third = world.connect().await;
    send(&mut third, GET).await;
    let (answer, _) = until_closed(&mut third).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nConnection: close\r\n"), "{answer}");
    drop(first);
    let mut fourth = loop {
        let mut stream = world.connect().await;
        send(&mut stream, GET).await;
        if response(&mut stream).await.starts_with("HTTP/1.1 200") {
            break stream;
        }
    };
    for stream in [&mut second, &mut fourth] {
        send(stream, GET).await;
        assert!(response(stream).await.ends_with("hello"), "connections within the cap go on");
    }
}

#[tokio::test]
async fn many_refused_connections_do_not_disturb_the_served_one() {
    let world = start(Limits { max_connections: 1, ..Limits::default() }).await;
    let mut served = world.connect().await;
    send(&mut served, GET).await;
    response(&mut served).await;
    let mut refused = Vec::new();
    for _ in 0..200 {
        refused.push(world.connect().await);
    }
    send(&mut served, GET).await;
    assert!(response(&mut served).await.ends_with("hello"));
    for mut stream in refused {
        let (answer, _) = until_closed(&mut stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 503 "), "{answer}");
    }
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let world = start(short_header_timeout()).await;
    let (answer, took) = until_closed(&mut world.connect().await).await;
    assert_eq!(answer, "");
    assert!(took >= Duration::from_millis(250), "{took:?}");
}

#[tokio::test]
async fn a_head_that_trickles_is_closed_after_the_time_for_the_whole_head() {
    let world = start(short_header_timeout()).await;
    let (mut reading, mut writing) = world.connect().await.into_split();
    let trickle = tokio::spawn(async move {
        send(&mut writing, "GET / HTTP/1.1\r\n").await;
        while writing.write_all(b"X: y\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let (answer, took) = until_closed(&mut reading).await;
    assert_eq!(answer, "");
    assert!(took >= Duration::from_millis(250) && took < Duration::from_secs(5), "{took:?}");
    trickle.await.unwrap();
}

#[tokio::test]
async fn a_head_that_trickles_on_a_kept_alive_connection_is_closed_too() {
    let world = start(short_header_timeout()).await;
    let mut stream = world.connect().await;
    send(&mut stream, GET).await;
    response(&mut stream).await;
    send(&mut stream, "GET / HT").await;
    let (answer, took) = until_closed(&mut stream).await;
    assert_eq!(answer, "");
    assert!(took >= Duration::from_millis(250), "{took:?}");
}

#[tokio::test]
async fn a_preface_that_trickles_is_closed() {
    let world = start(short_header_timeout()).await;
    let mut stream = world.connect().await;
    send(&mut stream, "PRI * HTTP/2.0\r\n").await;
    assert_eq!(until_closed(&mut stream).await.0, "");
}

#[tokio::test]
async fn an_idle_kept_alive_connection_outlives_the_header_timeout() {
    let world = start(short_header_timeout()).await;
    let mut stream = world.connect().await;
    for _ in 0..2 {
        send(&mut stream, GET).await;
        assert!(response(&mut stream).await.ends_with("hello"));
        tokio::time::sleep(Duration::from_millis(900)).await;
    }
    send(&mut stream, GET).await;
    assert!(response(&mut stream).await.ends_with("hello"));
}

#[tokio::test]
async fn a_slow_body_and_a_slow_handler_are_not_cut_off_by_the_header_timeout() {
    let world = start(short_header_timeout()).await;
    let mut stream = world.connect().await;
    let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n";
    send(&mut stream, head).await;
    assert!(response(&mut stream).await.starts_with("HTTP/1.1 100"));
    for part in ["ab", "cd", "ef"] {
        tokio::time::sleep(Duration::from_millis(400)).await;
        send(&mut stream, part).await;
    }
    assert!(response(&mut stream).await.ends_with("\r\n6"));
}

#[tokio::test]
async fn a_panic_is_one_failed_request() {
    let world = start(Limits::default()).await;
    let mut stream = world.connect().await;
    send(&mut stream, "GET /panic HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(response(&mut stream).await.starts_with("HTTP/1.1 500"));
    send(&mut stream, GET).await;
    assert!(response(&mut stream).await.ends_with("hello"));
}
