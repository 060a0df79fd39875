//! Whether two cores verify twice as much as one: a lock between verifications would show here.
//!
//! The one part of the benchmark that calls the engine itself: over HTTP the generator would need the second core.

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use sidekey_config::Configuration;
use sidekey_entra::{Config, Entra};
use sidekey_host::{SystemClock, client};

use crate::{Plan, authority::Authority, report::Report, statistics::median};

/// Verifications a second of one pinned thread, of two, and the library's own of both.
#[derive(Default)]
struct Rates {
    engine: [Vec<f64>; 2],
    library: [Vec<f64>; 2],
}

/// One core and two, in turn; the crypto library alone tells what the machine itself allows.
pub(crate) fn measure(plan: &Plan, authority: &Authority, report: &mut Report) -> Result<()> {
    let cores = cores()?;
    let [first, second, ..] = cores.as_slice() else {
        report.noted(NAME, "this machine has one core");
        return Ok(());
    };
    let engine = engine(authority)?;
    let tokens: Result<Vec<_>> = (0..plan.pool).map(|number| authority.user_token(number)).collect();
    let tokens: Arc<[String]> = tokens?.into();
    let mut rates = Rates::default();
    for _ in 0..plan.rounds {
        for (index, cores) in [&[*first][..], &[*first, *second]].into_iter().enumerate() {
            rates.engine[index].push(on_cores(cores, plan.sample, || validating(&engine, &tokens))?);
            rates.library[index].push(on_cores(cores, plan.sample, || authority.signer.verifying(&tokens))?);
        }
    }
    let [engine, library] = [&rates.engine, &rates.library]
        .map(|[one, two]| (median(two.iter().zip(one).map(|(two, one)| two / one)), median(one.iter().copied())));
    let result = format!(
        "{:.2} times ({:.0}/s on one core; the crypto library alone {:.2} times, {:.0}/s)",
        engine.0, engine.1, library.0, library.1
    );
    report.judged(NAME, "≥ 1.8 times one core's rate", &result, engine.0 >= 1.8);
    Ok(())
}

/// The engine as `sidekey serve` builds it, its memory of verified tokens off.
fn engine(authority: &Authority) -> Result<Arc<Entra>> {
    let own = ("Sidecar__VerifiedTokenCache__Enabled".to_owned(), "false".to_owned());
    let settings: Vec<_> =
        authority.settings().into_iter().chain([own]).map(|(name, value)| (name.replace("__", ":"), value)).collect();
    let pairs = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let (config, _) = Configuration::from_pairs(pairs).bind(Config::read)?;
    Ok(Entra::new(config, client::build(&client::ClientOptions::default())?, Arc::new(SystemClock)))
}

/// Verifies one token after the other; the first asks for the keys, the others find them.
fn validating<'e>(engine: &'e Entra, tokens: &'e [String]) -> Result<impl FnMut() -> Result<()> + 'e> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut tokens = tokens.iter().cycle();
    let mut validate = move || {
        let token = tokens.next().context("no tokens")?;
        let verdict = runtime.block_on(engine.validator().validate(token));
        verdict.map(drop).map_err(|why| anyhow!("a good token was refused: {why}"))
    };
    validate()?;
    Ok(validate)
}

/// Runs the work on each of the cores at the same time; the sum of the rates.
fn on_cores<W: FnMut() -> Result<()>>(
    cores: &[usize],
    time: Duration,
    work: impl Fn() -> Result<W> + Sync,
) -> Result<f64> {
    let (ready, over) = (Barrier::new(cores.len()), AtomicBool::new(false));
    let (ready, over, work) = (&ready, &over, &work);
    thread::scope(|scope| {
        let start = |core: &usize| {
            let core = *core;
            scope.spawn(move || -> Result<f64> {
                let mut only = CpuSet::new();
                only.set(core);
                let pinned = sched_setaffinity(None, &only).context("cannot pin a thread");
                let prepared = pinned.and_then(|()| work());
                ready.wait();
                let (mut work, start, mut count) = (prepared?, Instant::now(), 0.0);
                while !over.load(Ordering::Relaxed) && start.elapsed() < time {
                    work()?;
                    count += 1.0;
                }
                over.store(true, Ordering::Relaxed);
                Ok(count / start.elapsed().as_secs_f64())
            })
        };
        let threads: Vec<_> = cores.iter().map(start).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a pinned thread panicked"))?).sum()
    })
}

/// The cores that this process may use.
fn cores() -> Result<Vec<usize>> {
    let allowed = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect())
}

const NAME: &str = "verifications in process, two pinned cores to one";
