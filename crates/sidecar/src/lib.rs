//! The sidecar's HTTP surface: a drop-in for the Microsoft Entra auth sidecar.
//!
//! A request passes the `door`, its path is matched by `routes`, and one file in `endpoints` answers it. What the token
//! routes ask of the engine is worked out by `resolve`, a function of configuration, query and caller; what can go wrong on
//! the way is one table in `error`.

mod caller;
mod config;
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

use std::{convert::Infallible, sync::Arc};

use axum::{Router, body::Body, extract::Request, response::Response};
use http::{HeaderValue, StatusCode, header, request::Parts};
use sidekey_entra::Entra;
use sidekey_host::{Shutdown, listen::Peer};

pub use config::Config;

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

/// What the door found out about a request that it lets in.
#[derive(Default)]
struct Admitted {
    /// The origin of a web page that may read the reply.
    origin: Option<HeaderValue>,
    /// The reply, where that page only asks whether it may.
    preflight: Option<Response>,
}

impl Sidecar {
    /// Puts the parts together. `downstream` is the client for calls to downstream APIs; `shutdown` ends readiness.
    pub fn new(config: Config, entra: Arc<Entra>, downstream: reqwest::Client, shutdown: Shutdown) -> Arc<Self> {
        let budget = Budget::new(config.bounds.buffered);
        Arc::new(Self { config, entra, client: downstream, budget, shutdown })
    }

    /// The routes with the door (callers, hosts, origins) before them.
    pub fn router(self: &Arc<Self>) -> Router {
        let sidecar = Arc::clone(self);
        Router::new().fallback_service(tower::service_fn(move |request| {
            let sidecar = Arc::clone(&sidecar);
            async move { Ok::<_, Infallible>(sidecar.serve(request).await) }
        }))
    }

    /// The OpenAPI document as it is served and kept in `docs/openapi.json`.
    pub fn openapi() -> String {
        openapi::document()
    }

    /// The door, and behind it the routes.
    async fn serve(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let admitted = match self.admit(&parts) {
            Ok(admitted) => admitted,
            Err(away) => {
                events::turned_away(away);
                return away.into_response();
            }
        };
        let Admitted { origin, preflight } = admitted;
        let mut response = match preflight {
            Some(response) => response,
            None => self.route(parts, body).await,
        };
        if let Some(origin) = origin {
            door::allow_origin(&mut response, origin);
        }
        response
    }

    fn admit(&self, parts: &Parts) -> Result<Admitted, TurnedAway> {
        if routes::is_probe(parts.uri.path()) {
            return Ok(Admitted::default());
        }
        let (door, headers) = (&self.config.door, &parts.headers);
        let peer = parts.extensions.get::<Peer>().copied();
        if self.forward_auth(parts).is_some() {
            // Host and Origin are those of the request that the proxy asks about.
            door.admit_caller(peer, headers).and_then(|()| door.admit_key(headers))?;
            return Ok(Admitted::default());
        }
        let origin = door.admit(peer, &parts.uri, headers)?;
        // A browser asks before it sends the page's headers: no key can be among them, and nothing is told.
        let preflight = origin.as_ref().and_then(|_| door::preflight(&parts.method, headers));
        if preflight.is_none() {
            door.admit_key(headers)?;
        }
        Ok(Admitted { origin, preflight })
    }

    /// The configuration of the path on which proxies ask, if that is what the request is for.
    fn forward_auth(&self, parts: &Parts) -> Option<&ForwardAuth> {
        self.config.forward_auth.as_ref().filter(|config| config.has(parts.uri.path()))
    }

    async fn route(&self, parts: Parts, body: Body) -> Response {
        if let Some(config) = self.forward_auth(&parts) {
            let answer = Box::pin(endpoints::forward_auth(self, config, &parts));
            return self.or_failure("", answer.await);
        }
        let path = routes::decode(parts.uri.path());
        let Some(route) = path.as_deref().and_then(Route::of) else { return reply::empty(StatusCode::NOT_FOUND) };
        if let Some(allow) = route.refuses(&parts.method) {
            return method_not_allowed(allow);
        }
        match route {
            Route::AuthorizationHeader(target) => {
                self.or_failure(target.api, endpoints::authorization_header(self, target, &parts).await)
            }
            Route::Validate => self.or_failure("", endpoints::validate(self, &parts.headers).await),
            Route::DownstreamApi(target) => {
                // A large future for a slow route: on the heap, so that the fast ones stay small.
                let call = Box::pin(endpoints::downstream_api(self, target, &parts, body));
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

fn method_not_allowed(allow: &'static str) -> Response {
    let mut response = reply::empty(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}
