//! A scripted authority: discovery, one key, and a token endpoint that counts its requests and takes as long as it is told.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use axum::{Json, Router, extract::State, http::Uri, response::IntoResponse};
use serde_json::{Value, json};

use crate::tokens::{CLIENT, Signer, TENANT};

/// The running authority. It lives as long as the process, on a thread of its own.
pub(crate) struct Authority {
    address: SocketAddr,
    /// Signs users' tokens.
    pub(crate) signer: Signer,
    script: Arc<Script>,
}

/// What the token endpoint does, and what it saw.
struct Script {
    origin: String,
    keys: Value,
    delay_ms: AtomicU64,
    requests: AtomicU64,
    key_requests: AtomicU64,
    slowest: Mutex<Duration>,
}

impl Authority {
    /// Starts on a free port.
    pub(crate) fn start() -> Result<Self> {
        let signer = Signer::new()?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let script = Arc::new(Script {
            origin: format!("http://{address}"),
            keys: signer.key_set()?,
            delay_ms: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            key_requests: AtomicU64::new(0),
            slowest: Mutex::default(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let app = Router::new().fallback(answer).with_state(script.clone());
        let serve = async move { axum::serve(tokio::net::TcpListener::from_std(listener)?, app).await };
        thread::Builder::new()
            .name("authority".into())
            .spawn(move || runtime.block_on(serve))
            .context("cannot start the authority")?;
        Ok(Self { address, signer, script })
    }

    /// The sidecar's settings that make this its authority.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let pairs = [
            ("AzureAd__Instance", format!("http://{}/", self.address)),
            ("AzureAd__TenantId", TENANT.into()),
            ("AzureAd__ClientId", CLIENT.into()),
            ("AzureAd__ClientCredentials__0__SourceType", "ClientSecret".into()),
            ("AzureAd__ClientCredentials__0__ClientSecret", "bench-secret".into()),
            ("DownstreamApis__app__Scopes__0", "api://downstream/.default".into()),
            ("DownstreamApis__app__RequestAppToken", "true".into()),
            ("DownstreamApis__user__Scopes__0", "api://downstream/access".into()),
            ("Sidecar__AllowOverrides__GetAuthorizationHeaderUnauthenticated", "true".into()),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// A user's token for the sidecar.
    pub(crate) fn user_token(&self, number: usize) -> Result<String> {
        self.signer.user_token(&issuer(&self.script.origin, TENANT), number)
    }

    /// A token that is good but for its key, which nobody published.
    pub(crate) fn strange_token(&self, number: usize) -> Result<String> {
        self.signer.strange_token(&issuer(&self.script.origin, TENANT), number)
    }

    /// How often the keys were fetched.
    pub(crate) fn key_requests(&self) -> u64 {
        self.script.key_requests.load(Ordering::Relaxed)
    }

    /// Makes every token request take at least so long, and forgets what was counted.
    pub(crate) fn reset(&self, delay: Duration) {
        self.script.delay_ms.store(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.script.requests.store(0, Ordering::Relaxed);
        *self.script.slowest.lock().unwrap_or_else(PoisonError::into_inner) = Duration::ZERO;
    }

    /// Token requests since the last reset.
    pub(crate) fn requests(&self) -> u64 {
        self.script.requests.load(Ordering::Relaxed)
    }

    /// The longest that a token request took here.
    pub(crate) fn slowest(&self) -> Duration {
        *self.script.slowest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(State(script): State<Arc<Script>>, uri: Uri) -> impl IntoResponse {
    let path = uri.path();
    let tenant = path.split('/').nth(1).unwrap_or_default();
    if path.ends_with("/oauth2/v2.0/token") {
        return Json(token(&script).await);
    }
    if path.ends_with("/openid-configuration") {
        return Json(metadata(&script.origin, tenant));
    }
    if path.ends_with("/discovery/instance") {
        let host = script.origin.trim_start_matches("http://");
        let network = json!({"preferred_network": host, "preferred_cache": host, "aliases": [host]});
        let endpoint = format!("{}/{TENANT}/v2.0/.well-known/openid-configuration", script.origin);
        return Json(json!({"tenant_discovery_endpoint": endpoint, "api-version": "1.1", "metadata": [network]}));
    }
    script.key_requests.fetch_add(1, Ordering::Relaxed);
    Json(script.keys.clone())
}

async fn token(script: &Script) -> Value {
    let start = Instant::now();
    let number = script.requests.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(script.delay_ms.load(Ordering::Relaxed))).await;
    let mut slowest = script.slowest.lock().unwrap_or_else(PoisonError::into_inner);
    *slowest = slowest.max(start.elapsed());
    // Nobody in this benchmark looks into the token; what counts is that it is one of its own and has the usual size.
    let token = format!("eyJ0eXAiOiJKV1QifQ.{number:0>1024}.{}", "s".repeat(342));
    json!({"token_type": "Bearer", "expires_in": 5_399, "ext_expires_in": 5_399, "access_token": token})
}

fn metadata(origin: &str, tenant: &str) -> Value {
    json!({
        "issuer": issuer(origin, tenant),
        "token_endpoint": format!("{origin}/{tenant}/oauth2/v2.0/token"),
        "authorization_endpoint": format!("{origin}/{tenant}/oauth2/v2.0/authorize"),
        "jwks_uri": format!("{origin}/{tenant}/discovery/v2.0/keys"),
    })
}

fn issuer(origin: &str, tenant: &str) -> String {
    format!("{origin}/{tenant}/v2.0")
}
