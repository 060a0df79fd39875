//! Whether a large cache answers as fast as a small one.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use anyhow::Result;
use tokio::task::JoinSet;

use crate::{
    Plan,
    authority::Authority,
    connection::{Connection, request},
    load::{self, Requests},
    process::Serve,
    report::Report,
    statistics::median,
};

/// Caches of different sizes side by side, asked for random tokens of theirs.
pub(crate) async fn measure(plan: &Plan, authority: &Authority, report: &mut Report) -> Result<()> {
    authority.reset(std::time::Duration::ZERO);
    let settings = [("TokenCache__MaxEntries", "200000"), ("TokenCache__MaxBytes", "1073741824")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let settings: Vec<_> = authority.settings().into_iter().chain(settings).collect();
    let mut caches = Vec::new();
    for (tokens, tenants) in [(10, 1), (plan.cached_tokens, 1), (plan.cached_tokens, plan.tenants)] {
        let serve = Serve::start(&plan.sidekey, &settings).await?;
        let requests = requests(tokens, tenants);
        fill(&serve, &requests).await?;
        caches.push((tokens, tenants, serve, shuffled(&requests), Vec::new()));
    }
    let filled = authority.requests();
    for _ in 0..plan.rounds {
        for (.., serve, requests, medians) in &mut caches {
            medians.push(load::run(serve.address, requests, 1, plan.sample).await?.p50);
        }
    }
    let small: Vec<f64> = caches.first().map(|(.., medians)| medians.clone()).unwrap_or_default();
    for (tokens, tenants, .., medians) in caches.iter().skip(1) {
        let ratio = median(medians.iter().zip(&small).map(|(large, small)| large / small));
        let result = format!("{ratio:.2} (p50 {:.1} µs and {:.1} µs)", median(medians.clone()), median(small.clone()));
        let name = format!("a lookup among {tokens} tokens of {tenants} tenants, to one among 10");
        report.judged(&name, "equal within noise (≤ 1.15)", &result, ratio <= 1.15);
    }
    let again = authority.requests() - filled;
    report.judged("tokens asked for again in these lookups", "0", &again.to_string(), again == 0);
    Ok(())
}

/// Requests for so many different app tokens, spread over so many tenants.
pub(crate) fn requests(tokens: usize, tenants: usize) -> Requests {
    let target = |number: usize| {
        let tenant = format!("aaaabbbb-0000-cccc-1111-{:012}", number % tenants);
        let query = format!(
            "optionsOverride.Scopes=api%3A%2F%2Fapi-{number}%2F.default&optionsOverride.AcquireTokenOptions.Tenant={tenant}"
        );
        request("GET", &format!("/AuthorizationHeaderUnauthenticated/app?{query}"), None)
    };
    (0..tokens).map(target).collect()
}

/// Sends each request once.
pub(crate) async fn fill(serve: &Serve, requests: &Requests) -> Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..32 {
        let (next, requests) = (next.clone(), requests.clone());
        let mut connection = Connection::open(serve.address).await?;
        workers.spawn(async move {
            while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                connection.expect_ok(request).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    Ok(())
}

/// The same requests in an order without pattern (a multiplicative step that is prime to any length below it).
fn shuffled(requests: &Requests) -> Requests {
    let order = (0..requests.len()).map(|number| number * 1_000_003 % requests.len());
    order.filter_map(|index| requests.get(index).cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffling_keeps_every_request() {
        let requests = requests(1_000, 10);
        let (mut before, mut after) = (requests.to_vec(), shuffled(&requests).to_vec());
        assert_ne!(before, after);
        before.sort();
        after.sort();
        assert_eq!(before, after);
    }
}
