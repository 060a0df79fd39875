//! Rates and latencies against the bare server, round by round.

use std::time::Duration;

use anyhow::Result;

use crate::{
    Plan,
    authority::Authority,
    bare::Bare,
    connection::{Connection, request},
    load::{self, Requests, Sample},
    process::{Serve, processor_time},
    report::Report,
    statistics::median,
};

/// A kind of request, and the settings that it needs besides the authority's.
struct Kind {
    name: &'static str,
    target: Target,
    requests: Vec<Vec<u8>>,
    settings: Vec<(String, String)>,
}

/// A kind of request, the server that is asked and its yardstick.
struct Case {
    name: &'static str,
    target: Target,
    serve: Serve,
    bare: Bare,
    /// A bare server that verifies too, where the target is the ceiling.
    verifying: Option<Bare>,
    requests: Requests,
    rounds: Vec<Round>,
}

/// What is demanded at 64 connections.
#[derive(Clone, Copy)]
enum Target {
    /// A share of A.
    OfBare(f64),
    /// A share of the ceiling `1/(1/A + 1/V)`.
    OfCeiling(f64),
    /// Nothing.
    None,
}

/// One round's measurements: the bare server's and sidekey's.
struct Round {
    many: (Sample, Sample),
    one: (Sample, Sample),
    /// Processor time per reply at many connections, in microseconds.
    processor: (f64, f64),
    verify_rate: f64,
    /// The rate of the bare server that verifies.
    verifying: Option<f64>,
}

/// Measures every case and reports it.
pub(crate) async fn measure(plan: &Plan, authority: &Authority, report: &mut Report) -> Result<()> {
    authority.reset(Duration::ZERO);
    let downstream = Bare::start(1_024)?;
    let mut cases = cases(plan, authority, &downstream).await?;
    let token = authority.user_token(0)?;
    for number in 0..plan.rounds {
        let verify_rate = authority.signer.verify_rate(&token, plan.sample)?;
        for case in &mut cases {
            let before = case.processor_times()?;
            let many = case.both(MANY, plan.sample, number).await?;
            let after = case.processor_times()?;
            let processor = ((after.0 - before.0) / many.0.replies, (after.1 - before.1) / many.1.replies);
            let one = case.both(1, plan.sample, number).await?;
            let verifying = case.rate_of_verifying(plan.sample).await?;
            case.rounds.push(Round { many, one, processor, verify_rate, verifying });
        }
    }
    for case in &cases {
        case.report(report);
    }
    Ok(())
}

async fn cases(plan: &Plan, authority: &Authority, downstream: &Bare) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for kind in kinds(plan, authority, downstream)? {
        cases.push(Case::start(plan, authority, kind).await?);
    }
    Ok(cases)
}

fn kinds(plan: &Plan, authority: &Authority, downstream: &Bare) -> Result<Vec<Kind>> {
    let user = authority.user_token(0)?;
    let pool: Result<Vec<_>> = (0..plan.pool).map(|number| authority.user_token(number)).collect();
    let pool: Vec<_> = pool?.iter().map(|token| request("GET", "/Validate", Some(token))).collect();
    let cached =
        |name, share, request| Kind { name, target: Target::OfBare(share), requests: vec![request], settings: vec![] };
    let setting = |name: &str, value: String| vec![(name.to_owned(), value)];
    Ok(vec![
        cached(NO_USER, 0.8, request("GET", "/AuthorizationHeaderUnauthenticated/app", None)),
        cached("cached header, repeated user token", 0.6, request("GET", "/AuthorizationHeader/user", Some(&user))),
        cached("validation, repeated token", 0.8, request("GET", "/Validate", Some(&user))),
        Kind {
            name: "validation, RS256 verified each time",
            target: Target::OfCeiling(0.85),
            requests: pool,
            settings: setting("Sidecar__VerifiedTokenCache__Enabled", "false".to_owned()),
        },
        Kind {
            name: "downstream call",
            target: Target::None,
            requests: vec![request("POST", "/DownstreamApiUnauthenticated/app", None)],
            settings: setting("DownstreamApis__app__BaseUrl", format!("http://{}/", downstream.address)),
        },
    ])
}

impl Case {
    async fn start(plan: &Plan, authority: &Authority, kind: Kind) -> Result<Self> {
        let settings: Vec<_> = authority.settings().into_iter().chain(kind.settings).collect();
        let serve = Serve::start(&plan.sidekey, &settings).await?;
        let mut connection = Connection::open(serve.address).await?;
        // The first request fills the caches, and its reply tells how large the bare server's has to be.
        let reply = connection.expect_ok(&kind.requests[0]).await?;
        let bare = Bare::start(reply.body)?;
        let verifying = match kind.target {
            Target::OfCeiling(_) => Some(Bare::start_verifying(reply.body, authority.signer.public_key())?),
            Target::OfBare(_) | Target::None => None,
        };
        Ok(Self {
            name: kind.name,
            target: kind.target,
            serve,
            bare,
            verifying,
            requests: kind.requests.into(),
            rounds: Vec::new(),
        })
    }

    /// The bare server and sidekey, in an order that changes from round to round.
    async fn both(&self, connections: usize, time: Duration, round: usize) -> Result<(Sample, Sample)> {
        let bare = || load::run(self.bare.address, &self.requests, connections, time);
        let sidekey = || load::run(self.serve.address, &self.requests, connections, time);
        if round.is_multiple_of(2) {
            let bare = bare().await?;
            return Ok((bare, sidekey().await?));
        }
        let sidekey = sidekey().await?;
        Ok((bare().await?, sidekey))
    }

    async fn rate_of_verifying(&self, time: Duration) -> Result<Option<f64>> {
        let Some(server) = &self.verifying else { return Ok(None) };
        Ok(Some(load::run(server.address, &self.requests, MANY, time).await?.rate))
    }

    /// The bare server's and sidekey's.
    fn processor_times(&self) -> Result<(f64, f64)> {
        Ok((processor_time(self.bare.id())?, processor_time(self.serve.id())?))
    }

    fn report(&self, report: &mut Report) {
        let middle = |value: fn(&Round) -> f64| median(self.rounds.iter().map(value));
        let (rate, bare) = (middle(|round| round.many.1.rate), middle(|round| round.many.0.rate));
        let name = format!("{}, {MANY} connections", self.name);
        let p99 = middle(|round| round.many.1.p99);
        let processor = (middle(|round| round.processor.0), middle(|round| round.processor.1));
        let rates = format!(
            "{rate:.0}/s, p99 {p99:.0} µs, {:.1} µs of processor time a request; A = {bare:.0}/s, {:.1} µs",
            processor.1, processor.0
        );
        let of_bare = middle(|round| round.many.1.rate / round.many.0.rate);
        let of_ceiling = |round: &Round, rate: f64| rate * (1.0 / round.many.0.rate + 1.0 / round.verify_rate);
        match self.target {
            Target::OfBare(share) => {
                let result = format!("{of_bare:.2} A ({rates})");
                report.judged(&name, &format!("≥ {share} A"), &result, of_bare >= share);
            }
            Target::OfCeiling(share) => {
                let verify_rate = middle(|round| round.verify_rate);
                let reached = median(self.rounds.iter().map(|round| of_ceiling(round, round.many.1.rate)));
                let bare = self.rounds.iter().filter_map(|round| Some(of_ceiling(round, round.verifying?)));
                let result = format!(
                    "{reached:.2} of the ceiling ({rates}; V = {verify_rate:.0}/s; a bare server that checks the signature and \
                     nothing else: {:.2})",
                    median(bare)
                );
                report.judged(&name, &format!("≥ {share} of 1/(1/A + 1/V)"), &result, reached >= share);
            }
            Target::None => report.noted(&name, &format!("{of_bare:.2} A ({rates})")),
        }
        self.report_latency(report);
    }

    fn report_latency(&self, report: &mut Report) {
        let middle = |value: fn(&Round) -> f64| median(self.rounds.iter().map(value));
        let above = middle(|round| round.one.1.p50 - round.one.0.p50);
        let (p50, bare) = (middle(|round| round.one.1.p50), middle(|round| round.one.0.p50));
        let result = format!("p50 {above:+.1} µs ({p50:.1} µs; bare {bare:.1} µs)");
        let name = format!("{}, 1 connection", self.name);
        if self.name == NO_USER {
            report.judged(&name, "p50 at most 15 µs above bare axum", &result, above <= 15.0);
        } else {
            report.noted(&name, &result);
        }
    }
}

const MANY: usize = 64;
const NO_USER: &str = "cached header, no user";
