//! Many equal requests at once to a sidecar that has no token yet.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use crate::{
    Plan,
    authority::Authority,
    connection::{Connection, request},
    process::Serve,
    report::Report,
    statistics::median,
};

/// One new sidecar per round; what counts is the worst round's token requests and the median of the slowest waits.
pub(crate) async fn measure(plan: &Plan, authority: &Authority, report: &mut Report) -> Result<()> {
    let (mut most, mut over) = (0, Vec::new());
    for _ in 0..plan.rounds {
        authority.reset(TOKEN_TAKES);
        let serve = Serve::start(&plan.sidekey, &authority.settings()).await?;
        let slowest = slowest_of_many(&serve).await?;
        most = most.max(authority.requests());
        over.push((slowest.as_secs_f64() - authority.slowest().as_secs_f64()) * 1e3);
    }
    let name = format!("{CALLERS} equal cold requests");
    report.judged(
        &format!("{name}, token requests"),
        "1",
        &format!("{most} (worst of {} rounds)", plan.rounds),
        most == 1,
    );
    let over = median(over);
    let result = format!("token request {over:+.1} ms");
    report.judged(&format!("{name}, slowest wait"), "token request + 50 ms", &result, over <= 50.0);
    Ok(())
}

async fn slowest_of_many(serve: &Serve) -> Result<Duration> {
    let mut connections = Vec::with_capacity(CALLERS);
    for _ in 0..CALLERS {
        let mut connection = Connection::open(serve.address).await?;
        connection.expect_ok(&request("GET", "/healthz", None)).await?;
        connections.push(connection);
    }
    let start = Instant::now();
    let mut callers = JoinSet::new();
    for mut connection in connections {
        callers.spawn(async move {
            connection.expect_ok(&request("GET", "/AuthorizationHeaderUnauthenticated/app", None)).await?;
            anyhow::Ok(start.elapsed())
        });
    }
    let mut slowest = Duration::ZERO;
    while let Some(caller) = callers.join_next().await {
        slowest = slowest.max(caller??);
    }
    Ok(slowest)
}

const CALLERS: usize = 300;
const TOKEN_TAKES: Duration = Duration::from_millis(200);
