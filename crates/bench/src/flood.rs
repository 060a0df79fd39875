//! Tokens of unknown keys by the thousand, and what a good caller feels of them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep_until};

use crate::{
    Plan,
    authority::Authority,
    bare::Bare,
    connection::{Connection, request},
    load::{self, Requests},
    process::Serve,
    report::Report,
    statistics::median,
};

/// One server, calm and under the flood: the medians of a good caller's latencies, in microseconds.
#[derive(Default)]
struct Felt {
    calm: Vec<f64>,
    flooded: Vec<f64>,
}

/// sidekey and the bare server under the same flood, in turn and in pieces, so that what the machine does besides weighs on both.
pub(crate) async fn measure(plan: &Plan, authority: &Authority, report: &mut Report) -> Result<()> {
    authority.reset(Duration::ZERO);
    let serve = Serve::start(&plan.sidekey, &authority.settings()).await?;
    let good: Requests = Arc::new([request("GET", "/Validate", Some(&authority.user_token(0)?))]);
    let reply = Connection::open(serve.address).await?.expect_ok(&good[0]).await?;
    let bare = Bare::start(reply.body)?;
    let strangers = strangers(authority)?;
    let fetched = authority.key_requests();

    let (mut own, mut yardstick) = (Felt::default(), Felt::default());
    for strangers in strangers.chunks(KIDS / PIECES) {
        own.add(serve.address, &good, strangers, Some(401)).await?;
        yardstick.add(bare.address, &good, strangers, None).await?;
    }
    let fetched = authority.key_requests() - fetched;
    let name = format!("{KIDS} unknown kids in 10 s");
    report.judged(&format!("{name}, fetches of keys"), "≤ 2", &fetched.to_string(), fetched <= 2);
    let (slowed, bare) = (own.slowed(), yardstick.slowed());
    let result = format!("{:.2} (slowed {slowed:.2} times; bare {bare:.2} times)", slowed / bare);
    report.judged(&format!("{name}, a good caller's slowing to bare axum's"), "≤ 1.5", &result, slowed / bare <= 1.5);
    Ok(())
}

impl Felt {
    async fn add(
        &mut self,
        server: SocketAddr,
        good: &Requests,
        strangers: &[Vec<u8>],
        refusal: Option<u16>,
    ) -> Result<()> {
        self.calm.push(load::run(server, good, 1, PIECE).await?.p50);
        let flood = tokio::spawn(flood(server, strangers.to_vec(), refusal));
        self.flooded.push(load::run(server, good, 1, PIECE).await?.p50);
        flood.await.context("the flood panicked")?
    }

    fn slowed(&self) -> f64 {
        median(self.flooded.iter().zip(&self.calm).map(|(flooded, calm)| flooded / calm))
    }
}

/// Sends the requests spread evenly over one piece's time, as strangers do: whether the server keeps up or not.
async fn flood(server: SocketAddr, requests: Vec<Vec<u8>>, refusal: Option<u16>) -> Result<()> {
    let (start, count) = (Instant::now(), u32::try_from(requests.len())?);
    let share = requests.len().div_ceil(CONNECTIONS);
    let mut workers = tokio::task::JoinSet::new();
    for (number, requests) in requests.chunks(share).enumerate() {
        let (first, requests) = (u32::try_from(number)?, requests.to_vec());
        let mut connection = Connection::open(server).await?;
        workers.spawn(async move {
            for (round, request) in (0_u32..).zip(&requests) {
                let turn = round * u32::try_from(CONNECTIONS)? + first;
                sleep_until(start + PIECE * turn / count).await;
                let reply = connection.exchange(request).await?;
                ensure!(refusal.is_none_or(|status| status == reply.status), "a stranger got {}", reply.status);
            }
            anyhow::Ok(())
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    Ok(())
}

/// Tokens that are good but for their key, which nobody published; each names another one.
fn strangers(authority: &Authority) -> Result<Vec<Vec<u8>>> {
    let stranger = |number| Ok(request("GET", "/Validate", Some(&authority.strange_token(number)?)));
    (0..KIDS).map(stranger).collect()
}

const KIDS: usize = 10_000;
const CONNECTIONS: usize = 20;
/// Ten seconds of flood in all.
const PIECES: usize = 10;
const PIECE: Duration = Duration::from_secs(1);
