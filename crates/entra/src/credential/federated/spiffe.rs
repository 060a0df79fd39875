//! `SpiffeWorkloadApi`: a JWT-SVID from the agent on this machine, such as SPIRE's
//! (<https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Workload_API.md>).

use std::sync::Arc;

use sidekey_oauth::Secret;
use spiffe::{
    SpiffeId, WorkloadApiClient, WorkloadApiError,
    transport::{Endpoint, GrpcStatusCode, TransportError},
};

use super::{Ask, Provider, Settings, variable};
use crate::{
    Environment,
    credential::{CredentialError, Surroundings},
    flight::Work,
};

#[derive(Debug)]
struct SpiffeWorkloadApi {
    /// As configured; else a variable tells.
    socket: Option<String>,
    /// The identity to ask for, where the workload has more than one.
    id: Option<SpiffeId>,
}

pub(super) fn read(settings: &Settings<'_, '_>) -> Option<Arc<dyn Provider>> {
    let socket = settings.own.text("SpiffeEndpointSocket").map(|socket| socket.trim().to_owned());
    let id = settings.own.text("SpiffeId").map(|id| SpiffeId::new(id.trim())).transpose();
    let Ok(id) = id else {
        settings.own.fault("SpiffeId", "is no SPIFFE ID", "write one such as `spiffe://example.org/orders`");
        return None;
    };
    Some(Arc::new(SpiffeWorkloadApi { socket, id }))
}

impl Provider for SpiffeWorkloadApi {
    fn check(&self, environment: &Environment) -> Result<(), CredentialError> {
        self.endpoint(environment).map(drop)
    }

    fn fetch(self: Arc<Self>, world: Surroundings, ask: Ask) -> Work<Result<Secret, CredentialError>> {
        Box::pin(async move {
            let endpoint = self.endpoint(&world.environment)?;
            let text = shown(&endpoint);
            check_socket(&endpoint)?;
            let token = async {
                let client = WorkloadApiClient::connect(endpoint).await?;
                client.fetch_jwt_token([&ask.audience], self.id.as_ref()).await
            };
            token.await.map(Secret::new).map_err(|cause| explain(&cause, &text))
        })
    }
}

impl SpiffeWorkloadApi {
    fn endpoint(&self, environment: &Environment) -> Result<Endpoint, CredentialError> {
        let (text, origin) = match &self.socket {
            Some(socket) => (socket.as_str(), "`SpiffeEndpointSocket`".to_owned()),
            None => (variable(environment, NAME, SOCKET, HINT)?, format!("the variable `{SOCKET}`")),
        };
        let refuse =
            |problem: &str| CredentialError::new("SpiffeEndpointSocket", format!("`{NAME}`: {origin} {problem}"), HINT);
        match Endpoint::parse(text).map_err(|_| refuse("names no socket"))? {
            Endpoint::Tcp { host, .. } if !host.is_loopback() => Err(refuse("names another machine")),
            endpoint => Ok(endpoint),
        }
    }
}

/// The usual mistakes, in clearer words than those of the connection.
fn check_socket(endpoint: &Endpoint) -> Result<(), CredentialError> {
    let Endpoint::Unix(path) = endpoint else { return Ok(()) };
    let refuse = |problem: &str, hint: &str| {
        CredentialError::new(
            "SpiffeEndpointSocket",
            format!("`{NAME}`: the socket `{}` {problem}", path.display()),
            hint,
        )
    };
    match path.metadata() {
        Err(_) => Err(refuse("is not there", "start the agent and mount the folder of its socket").passing()),
        Ok(found) if found.is_dir() => Err(refuse("is a directory", "write the path of the socket in it")),
        Ok(found) if found.is_file() => Err(refuse("is a file", "write the path of the agent's socket")),
        Ok(_) => Ok(()),
    }
}

/// The agent's own words are not shown: they may be about others.
fn explain(cause: &WorkloadApiError, place: &str) -> CredentialError {
    let new = |problem: &str, hint: &str| {
        CredentialError::new("SpiffeEndpointSocket", format!("`{NAME}`: the Workload API at `{place}` {problem}"), hint)
    };
    match cause {
        WorkloadApiError::NoIdentityIssued | WorkloadApiError::PermissionDenied(_) => new(
            "gives this workload no identity",
            "register an entry whose selectors match this process, and check `SpiffeId`",
        ),
        WorkloadApiError::Transport(TransportError::Status(status)) => {
            let passing = matches!(
                status.code(),
                GrpcStatusCode::Unavailable | GrpcStatusCode::DeadlineExceeded | GrpcStatusCode::ResourceExhausted
            );
            let error = new(&format!("refused ({})", status.code()), "look into the agent's log");
            if passing { error.passing() } else { error }
        }
        WorkloadApiError::Transport(_) => {
            new("cannot be reached", "check that the agent runs and that this process may use its socket").passing()
        }
        _ => new("answered without a JWT-SVID", "check that the socket is that of a SPIFFE agent"),
    }
}

fn shown(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Unix(path) => path.display().to_string(),
        Endpoint::Tcp { host, port } => std::net::SocketAddr::new(*host, *port).to_string(),
        _ => "the socket".to_owned(),
    }
}

pub(super) const NAME: &str = "SpiffeWorkloadApi";
const SOCKET: &str = "SPIFFE_ENDPOINT_SOCKET";
const HINT: &str = "write it as `unix:///run/spire/sockets/agent.sock`, or `tcp://127.0.0.1:8081`";
