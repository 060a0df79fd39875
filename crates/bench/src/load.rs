//! A closed loop: each connection sends its next request as soon as the last reply is whole.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{connection::Connection, statistics::percentile};

/// Requests that the connections send in turn.
pub(crate) type Requests = Arc<[Vec<u8>]>;

/// What one measurement found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Replies per second.
    pub(crate) rate: f64,
    /// Replies in all.
    pub(crate) replies: f64,
    /// Median latency in microseconds.
    pub(crate) p50: f64,
    /// 99th percentile of the latency in microseconds.
    pub(crate) p99: f64,
}

/// Keeps a server busy for a while with some connections; every reply must be 200.
pub(crate) async fn run(server: SocketAddr, requests: &Requests, connections: usize, time: Duration) -> Result<Sample> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(server).await?);
    }
    let start = Instant::now();
    let end = start + time;
    let workers: Vec<_> = open
        .into_iter()
        .enumerate()
        .map(|(number, connection)| {
            let first = number * requests.len() / connections;
            tokio::spawn(work(connection, requests.clone(), first, end))
        })
        .collect();
    let mut latencies = Vec::new();
    for worker in workers {
        latencies.extend(worker.await??);
    }
    let seconds = start.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a count of replies")]
    let replies = latencies.len() as f64;
    Ok(Sample {
        rate: replies / seconds,
        replies,
        p50: percentile(&mut latencies, 0.5),
        p99: percentile(&mut latencies, 0.99),
    })
}

/// One connection's latencies in microseconds.
async fn work(mut connection: Connection, requests: Requests, first: usize, end: Instant) -> Result<Vec<f64>> {
    let mut latencies = Vec::with_capacity(65_536);
    for request in requests.iter().cycle().skip(first % requests.len().max(1)) {
        let sent = Instant::now();
        connection.expect_ok(request).await?;
        let received = Instant::now();
        latencies.push((received - sent).as_secs_f64() * 1e6);
        if received >= end {
            break;
        }
    }
    Ok(latencies)
}

#[cfg(test)]
mod tests {
    use axum::{Router, http::StatusCode, routing::get};

    use super::*;

    async fn server() -> SocketAddr {
        let app = Router::new()
            .route("/good", get(|| async { "body" }))
            .route("/bad", get(|| async { StatusCode::NOT_FOUND }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, app).await });
        address
    }

    #[tokio::test]
    async fn replies_are_counted_and_timed() {
        let requests: Requests = Arc::new([crate::connection::request("GET", "/good", None)]);
        let sample = run(server().await, &requests, 4, Duration::from_millis(50)).await.unwrap();
        assert!(sample.rate >= 4.0 / 0.05 / 10.0 && sample.p50 > 0.0 && sample.p50 <= sample.p99, "{sample:?}");
    }

    #[tokio::test]
    async fn a_reply_that_is_not_200_ends_the_run_with_its_status() {
        let requests: Requests = ["/good", "/bad"].map(|path| crate::connection::request("GET", path, None)).into();
        let error = run(server().await, &requests, 1, Duration::from_millis(50)).await.unwrap_err().to_string();
        assert!(error.contains("/bad") && error.contains("404"), "{error}");
    }
}
