//! The agent as it runs: a socket and an issuer.

use std::{
    io,
    net::Ipv4Addr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, extract::Request};
use sidekey_host::Clock;
use tokio::{
    net::{TcpListener, UnixListener},
    task::JoinSet,
};

use crate::{Asked, TrustDomain, Workload, issuer, service};

/// A running agent. It ends when it is dropped.
#[derive(Debug)]
pub struct Agent {
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

/// What its calls work with.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) domain: Arc<TrustDomain>,
    pub(crate) issuer: String,
    pub(crate) clock: Arc<dyn Clock>,
    workload: Mutex<Workload>,
    asked: Mutex<Vec<Asked>>,
}

impl Agent {
    /// Listens on a new socket and on a free port of loopback.
    pub async fn start(
        socket: &Path,
        domain: Arc<TrustDomain>,
        workload: Workload,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let socket = UnixListener::bind(socket)?;
        let web = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let issuer = format!("http://{}", web.local_addr()?);
        let documents = issuer::router(&issuer, &domain);
        let shared = Arc::new(Shared::new(domain, issuer, workload, clock));
        let own = Arc::clone(&shared);
        let calls = Router::new().fallback(move |request: Request| service::answer(Arc::clone(&own), request));
        let mut tasks = JoinSet::new();
        // Neither ends by itself.
        tasks.spawn(async move { drop(axum::serve(socket, calls).await) });
        tasks.spawn(async move { drop(axum::serve(web, documents).await) });
        Ok(Self { shared, _tasks: tasks })
    }

    /// The issuer of its JWT-SVIDs.
    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// From now on the workload is given this.
    pub fn give(&self, workload: Workload) {
        *self.shared.workload.lock().unwrap_or_else(PoisonError::into_inner) = workload;
    }

    /// What JWT-SVIDs were asked for so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    pub(crate) fn new(domain: Arc<TrustDomain>, issuer: String, workload: Workload, clock: Arc<dyn Clock>) -> Self {
        Self { domain, issuer, clock, workload: Mutex::new(workload), asked: Mutex::default() }
    }

    pub(crate) fn workload(&self) -> Workload {
        self.workload.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn note(&self, asked: Asked) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    }
}
