//! The accept loops, the cap on connections, and the drain at the end.

use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::timeout,
};

use super::{
    App, Limits, Listener, Peer,
    bind::Bound,
    connection::{Shared, Stage, reached},
    stream::Transport,
};
use crate::Shutdown;

/// Serves until shutdown, then drains for at most `drain`.
pub async fn serve(listeners: Vec<Listener>, app: Arc<dyn App>, limits: Limits, shutdown: Shutdown, drain: Duration) {
    let (stage, receiver) = watch::channel(Stage::Serving);
    let max = u32::try_from(limits.max_connections).unwrap_or(u32::MAX).min(MAX_PERMITS);
    let gate =
        Gate { connections: Arc::new(Semaphore::new(max as usize)), refusals: Arc::new(Semaphore::new(MAX_REFUSALS)) };
    let mut loops = JoinSet::new();
    for listener in listeners {
        let (tls, protocols) = (listener.tls, listener.protocols);
        for socket in listener.sockets {
            let (app, tls, stage) = (app.clone(), tls.clone(), receiver.clone());
            loops.spawn(accept(socket, Shared { app, tls, protocols, limits, stage }, gate.clone()));
        }
    }
    shutdown.wait().await;
    stage.send_replace(Stage::Draining);
    // The sockets are closed when their loops have ended: from then on the kernel refuses connections.
    while loops.join_next().await.is_some() {}
    let all_ended = gate.connections.acquire_many(max);
    if timeout(drain, all_ended).await.is_err() {
        let left = max as usize - gate.connections.available_permits();
        tracing::warn!(connections = left, "the drain time is over; closing what is left");
        stage.send_replace(Stage::Ended);
        let _ = timeout(LAST_MOMENT, gate.connections.acquire_many(max)).await;
    }
}

/// The permits for connections, and for those that are told that there are too many.
#[derive(Clone, Debug)]
struct Gate {
    connections: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
}

impl Gate {
    fn admit(&self, shared: &Shared, stream: impl Transport, peer: Peer) {
        if let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() {
            let serving = shared.clone().serve(stream, peer);
            tokio::spawn(holding(permit, serving));
        } else if let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() {
            tokio::spawn(holding(permit, shared.clone().refuse(stream)));
        }
    }
}

async fn holding<T>(_permit: T, work: impl Future<Output = ()>) {
    work.await;
}

async fn accept(socket: Bound, shared: Shared, gate: Gate) {
    let mut stage = shared.stage.clone();
    let mut pause = FIRST_PAUSE;
    loop {
        let accepted = tokio::select! {
            biased;
            () = reached(&mut stage, Stage::Draining) => return,
            accepted = accept_one(&socket, &shared, &gate) => accepted,
        };
        match accepted {
            Ok(()) => pause = FIRST_PAUSE,
            Err(error) if is_peers_fault(&error) => {}
            Err(error) => {
                // Most often too many open files: it passes when connections end, and asking again at once would spin.
                tracing::error!(%error, "cannot accept connections; trying again in {} ms", pause.as_millis());
                let waited = timeout(pause, reached(&mut stage, Stage::Draining)).await;
                if waited.is_ok() {
                    return;
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

async fn accept_one(socket: &Bound, shared: &Shared, gate: &Gate) -> io::Result<()> {
    match socket {
        Bound::Tcp(listener) => {
            let (stream, address) = listener.accept().await?;
            // Without it, small answers would wait for acknowledgements. It fails only on a dead connection.
            let _ = stream.set_nodelay(true);
            gate.admit(shared, stream, Peer::tcp(address));
        }
        Bound::Unix { listener, .. } => {
            let (stream, _) = listener.accept().await?;
            let uid = stream.peer_cred().ok().map(|credentials| credentials.uid());
            gate.admit(shared, stream, Peer::Unix { uid });
        }
    }
    Ok(())
}

fn is_peers_fault(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    [ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted].contains(&error.kind())
}

/// Connections that are told at one time that there are too many; further ones are closed without a word.
const MAX_REFUSALS: usize = 64;

/// More connections than any process can have, and as many as a semaphore can count.
const MAX_PERMITS: u32 = u32::MAX >> 3;

/// The pause after a failed accept, doubled each time up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What connections get to be dropped after the drain.
const LAST_MOMENT: Duration = Duration::from_secs(1);
