//! Whether a large cache answers as fast as a small one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
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

/// A sidecar with so many tokens of so many tenants cached, and the medians of asking it.
struct Cache {
    tokens: usize,
    tenants: usize,
    serve: Serve,
    /// Ten of the tokens, far from each other.
    ten: Requests,
    /// All of them, in an order without pattern.
    all: Requests,
    medians_of_ten: Vec<f64>,
    medians_of_all: Vec<f64>,
}

/// Caches of different sizes side by side.
///
/// What is judged is the look-up: ten tokens are asked for, among however many there are. Asking for all of them measures
/// the machine's memory too, for a large cache and its requests do not fit into the processor's; that is noted.
pub(crate) async fn measure(plan: &Plan, authority: &Authority, report: &mut Report) -> Result<()> {
    authority.reset(Duration::ZERO);
    let mut caches = Vec::new();
    for (tokens, tenants) in [(10, 1), (plan.cached_tokens, 1), (plan.cached_tokens, plan.tenants)] {
        caches.push(Cache::filled(plan, authority, tokens, tenants).await?);
    }
    let filled = authority.requests();
    for _ in 0..plan.rounds {
        for cache in &mut caches {
            let address = cache.serve.address;
            cache.medians_of_ten.push(load::run(address, &cache.ten, 1, plan.sample).await?.p50);
            cache.medians_of_all.push(load::run(address, &cache.all, 1, plan.sample).await?.p50);
        }
    }
    let Some((small, large)) = caches.split_first() else { return Ok(()) };
    for cache in large {
        let name = format!("among {} tokens of {} tenants, to one among 10", cache.tokens, cache.tenants);
        let (ratio, result) = compare(&cache.medians_of_ten, &small.medians_of_ten);
        report.judged(&format!("a look-up {name}"), "equal within noise (≤ 1.1)", &result, ratio <= 1.1);
        let (_, result) = compare(&cache.medians_of_all, &small.medians_of_all);
        report.noted(&format!("a look-up of any {name}"), &result);
    }
    let again = authority.requests() - filled;
    report.judged("tokens asked for again in these look-ups", "0", &again.to_string(), again == 0);
    Ok(())
}

/// The median of the rounds' ratios, and the line that tells it.
fn compare(large: &[f64], small: &[f64]) -> (f64, String) {
    let ratio = median(large.iter().zip(small).map(|(large, small)| large / small));
    let medians = (median(large.iter().copied()), median(small.iter().copied()));
    (ratio, format!("{ratio:.2} (p50 {:.1} µs and {:.1} µs)", medians.0, medians.1))
}

impl Cache {
    async fn filled(plan: &Plan, authority: &Authority, tokens: usize, tenants: usize) -> Result<Self> {
        let bounds = [("TokenCache__MaxEntries", "200000"), ("TokenCache__MaxBytes", "1073741824")];
        let bounds = bounds.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let settings: Vec<_> = authority.settings().into_iter().chain(bounds).collect();
        let serve = Serve::start(&plan.sidekey, &settings).await?;
        let requests = requests(tokens, tenants);
        fill(&serve, &requests).await?;
        let ten = requests.iter().step_by(tokens / 10).cloned().collect();
        let all = shuffled(&requests);
        Ok(Self { tokens, tenants, serve, ten, all, medians_of_ten: Vec::new(), medians_of_all: Vec::new() })
    }
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
