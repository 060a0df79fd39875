//! `workload-api`: the agent as a process, for suites that are not written in Rust. Runs until it is killed.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, Result};
use clap::Parser;
use serde_json::json;
use sidekey_host::SystemClock;
use sidekey_workload_api::{Agent, Fault, TrustDomain, Workload};

/// A SPIFFE agent for tests: the Workload API on a unix socket. Prints a JSON document when it is ready.
#[derive(Parser)]
struct Arguments {
    /// The socket to make.
    #[arg(long)]
    socket: PathBuf,
    /// A SPIFFE ID of the workload, the default one first; without any it gets no identity.
    #[arg(long = "id")]
    ids: Vec<String>,
    /// Seconds until a JWT-SVID ends; a negative number makes one that has ended.
    #[arg(long, allow_negative_numbers = true)]
    lifetime: Option<i64>,
    /// Sign with a P-256 key in place of an RSA key.
    #[arg(long)]
    p256: bool,
    /// Take calls and never answer.
    #[arg(long)]
    hang: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { socket, ids, lifetime, p256, hang } = Arguments::parse();
    let domain = Arc::new(if p256 { TrustDomain::with_p256() } else { TrustDomain::new() }?);
    let workload = Workload { identities: ids, lifetime, fault: hang.then_some(Fault::Hangs) };
    let agent = Agent::start(&socket, domain, workload, Arc::new(SystemClock)).await;
    let agent = agent.with_context(|| format!("cannot listen on `{}`", socket.display()))?;
    let trust_domain = format!("spiffe://{}", TrustDomain::NAME);
    println!("{}", json!({ "issuer": agent.issuer(), "trustDomain": trust_domain }));
    std::future::pending().await
}
