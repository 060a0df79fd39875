//! The sidecar's HTTP surface: a drop-in for the Microsoft Entra auth sidecar.
//!
//! A request passes the `door`, its path is matched by `routes`, and one file in `endpoints` answers it. What the token
//! routes ask of the engine is worked out by `resolve`, a function of configuration, query and caller; what can go wrong on
//! the way is one table in `error`.

mod caller;
mod config;
mod current;
mod door;
mod downstream;
mod endpoints;
mod error;
mod events;
mod flow;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod openapi;
mod options;
mod original;
mod pop;
mod query;
mod reply;
mod resolve;
mod routes;

use std::{future::ready, sync::Arc};

use axum::{body::Body, extract::Request, response::Response};
use http::{HeaderValue, StatusCode, header, request::Parts};
use sidekey_entra::Entra;
use sidekey_host::{
    Shutdown,
    listen::{Answer, App, Peer},
};

pub use config::Config;
pub use current::Current;

use config::ForwardAuth;
use door::TurnedAway;
use downstream::Budget;
use error::Failure;
use routes::Route;

/// Everything the handlers need; built once, replaced whole on a reload.
#[derive(Debug)]
pub struct Sidecar {
    config: Config,
    entra: Arc<Entra>,
    client: reqwest::Client,
    budget: Budget,
    shutdown: Shutdown,
}

/// What becomes of a request that may come in.
enum Admitted {
    /// It is answered; the origin is that of a web page that may read the reply.
    Asked(Option<HeaderValue>),
    /// That page only asks whether it may: the reply.
    Preflight(Response),
}

impl Sidecar {
    /// Puts the parts together. `downstream` is the client for calls to downstream APIs; `shutdown` ends readiness.
    pub fn new(config: Config, entra: Arc<Entra>, downstream: reqwest::Client, shutdown: Shutdown) -> Arc<Self> {
        let budget = Budget::new(config.bounds.buffered);
        Arc::new(Self { config, entra, client: downstream, budget, shutdown })
    }

    /// The sidecar of a changed configuration. Connections, tokens and what is being buffered are the same.
    fn reconfigured(&self, mut config: Config, engine: sidekey_entra::Config) -> Arc<Self> {
        config.keep_listening_as(&self.config);
        Arc::new(Self {
            config,
            entra: self.entra.reconfigured(engine),
            client: self.client.clone(),
            budget: self.budget.clone(),
            shutdown: self.shutdown.clone(),
        })
    }

    /// The OpenAPI document as it is served and kept in `docs/openapi.json`.
    pub fn openapi() -> String {
        openapi::document()
    }

    fn admit(&self, parts: &Parts, peer: Peer) -> Result<Admitted, TurnedAway> {
        if routes::is_probe(parts.uri.path()) {
            return Ok(Admitted::Asked(None));
        }
        let (door, headers) = (&self.config.door, &parts.headers);
        if self.forward_auth(parts).is_some() {
            // Host and Origin are those of the request that the proxy asks about.
            door.admit_caller(peer, headers).and_then(|()| door.admit_key(headers))?;
            return Ok(Admitted::Asked(None));
        }
        let origin = door.admit(peer, &parts.uri, headers)?;
        // A browser asks before it sends the page's headers: no key can be among them, and nothing is told.
        if let Some(origin) = &origin
            && let Some(response) = door::preflight(&parts.method, headers)
        {
            return Ok(Admitted::Preflight(door::allow_origin(response, origin.clone())));
        }
        door.admit_key(headers)?;
        Ok(Admitted::Asked(origin))
    }

    /// The configuration of the path on which proxies ask, if that is what the request is for.
    fn forward_auth(&self, parts: &Parts) -> Option<&ForwardAuth> {
        self.config.forward_auth.as_ref().filter(|config| config.has(parts.uri.path()))
    }

    async fn route(&self, parts: &Parts, body: Body) -> Response {
        if let Some(config) = self.forward_auth(parts) {
            let answer = Box::pin(endpoints::forward_auth(self, config, parts));
            return self.or_failure("", answer.await);
        }
        let path = routes::decode(parts.uri.path());
        let Some(route) = path.as_deref().and_then(Route::of) else { return reply::empty(StatusCode::NOT_FOUND) };
        if let Some(allow) = route.refuses(&parts.method) {
            return method_not_allowed(allow);
        }
        match route {
            Route::AuthorizationHeader(target) => {
                self.or_failure(target.api, endpoints::authorization_header(self, target, parts).await)
            }
            Route::Validate => self.or_failure("", endpoints::validate(self, &parts.headers).await),
            Route::DownstreamApi(target) => {
                // A large future for a slow route: on the heap, so that the fast ones stay small.
                let call = Box::pin(endpoints::downstream_api(self, target, parts, body));
                self.or_failure(target.api, call.await)
            }
            Route::Alive => endpoints::alive(),
            Route::Ready => endpoints::ready(&self.shutdown),
            Route::Document if self.config.development => {
                reply::success(Self::openapi().into(), "application/json;charset=utf-8")
            }
            Route::Document => reply::empty(StatusCode::NOT_FOUND),
        }
    }

    fn or_failure(&self, api: &str, result: Result<Response, Failure>) -> Response {
        result.unwrap_or_else(|failure| failure.into_response(api, self.config.mode))
    }
}

/// The door, and behind it the routes, which are few and matched by hand: no router stands before them.
impl App for Sidecar {
    fn answer(self: Arc<Self>, request: Request, peer: Peer) -> Answer {
        let (parts, body) = request.into_parts();
        let origin = match self.admit(&parts, peer) {
            Ok(Admitted::Asked(origin)) => origin,
            Ok(Admitted::Preflight(response)) => return Box::pin(ready(response)),
            Err(away) => {
                events::turned_away(away);
                return Box::pin(ready(away.into_response()));
            }
        };
        let answer = async move {
            let response = self.route(&parts, body).await;
            if let Some(origin) = origin { door::allow_origin(response, origin) } else { response }
        };
        Box::pin(answer)
    }
}

fn method_not_allowed(allow: &'static str) -> Response {
    let mut response = reply::empty(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}
