//! The drain.

use std::time::Duration;

use sidekey_host::listen::{Address, Limits, Protocols};
use tokio::net::TcpStream;

use crate::world::{PATIENCE, http2_client, plain, response, send, start, start_at, until_closed};

const HELD: &str = "GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n";
const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test]
async fn a_request_in_flight_finishes_and_then_its_connection_is_closed() {
    let world = start(Limits::default()).await;
    let mut stream = world.connect().await;
    send(&mut stream, HELD).await;
    world.entered.notified().await;
    world.shutdown.trigger();
    while TcpStream::connect(("127.0.0.1", world.port)).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!world.serving.is_finished());
    world.release.notify_one();
    let answer = response(&mut stream).await;
    assert!(answer.ends_with("released"), "{answer}");
    assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    assert_eq!(until_closed(&mut stream).await.0, "");
    world.ended().await;
}

#[tokio::test]
async fn an_http2_request_in_flight_finishes() {
    let world = start(Limits::default()).await;
    let request = tokio::spawn(http2_client().get(format!("{}/held", world.url)).send());
    world.entered.notified().await;
    world.shutdown.trigger();
    world.release.notify_one();
    assert_eq!(request.await.unwrap().unwrap().text().await.unwrap(), "released");
    world.ended().await;
}

#[tokio::test]
async fn an_idle_kept_alive_connection_is_closed_at_once() {
    let world = start(Limits::default()).await;
    let mut stream = world.connect().await;
    send(&mut stream, GET).await;
    response(&mut stream).await;
    world.shutdown.trigger();
    assert_eq!(until_closed(&mut stream).await.0, "");
    world.ended().await;
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_dropped() {
    let endpoint = plain(Address::Localhost(0), Protocols::default());
    let world = start_at(&endpoint, Limits::default(), Duration::from_millis(200)).await;
    let mut held = world.connect().await;
    send(&mut held, HELD).await;
    world.entered.notified().await;
    world.shutdown.trigger();
    assert_eq!(until_closed(&mut held).await.0, "");
    world.ended().await;
}

#[tokio::test]
async fn connections_that_have_not_said_anything_do_not_delay_the_end() {
    let endpoint = plain(Address::Localhost(0), Protocols::default());
    let world = start_at(&endpoint, Limits::default(), PATIENCE).await;
    let mut silent = world.connect().await;
    let mut served = world.connect().await;
    send(&mut served, GET).await;
    response(&mut served).await;
    world.shutdown.trigger();
    until_closed(&mut silent).await;
    world.ended().await;
}
