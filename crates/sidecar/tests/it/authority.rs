//! A scripted authority: discovery, one signing key, and a token endpoint that answers as it was told and remembers what it
//! was asked.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use axum::{
    Form, Json, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::StatusCode;
use serde_json::{Value, json};
use sidekey_host::{Clock, SystemClock};
use sidekey_jose::{Algorithm, Jwk, SigningKey, base64url, sign_compact};
use tokio::net::TcpListener;

pub(crate) const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
pub(crate) const CLIENT: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
pub(crate) const SECRET: &str = "orders-web-development-secret";

/// A handle on the running authority.
#[derive(Clone)]
pub(crate) struct Authority {
    pub(crate) origin: String,
    state: Arc<Shared>,
}

struct Shared {
    key: SigningKey,
    more_keys: Mutex<Vec<Value>>,
    script: Mutex<VecDeque<(u16, Value)>>,
    requests: Mutex<Vec<BTreeMap<String, String>>>,
}

impl Authority {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let key = SigningKey::generate_p256().unwrap();
        let state = Shared { key, more_keys: Mutex::default(), script: Mutex::default(), requests: Mutex::default() };
        let state = Arc::new(state);
        let authority = Self { origin, state };
        let app = Router::new()
            .route("/common/discovery/instance", get(instance))
            .route("/{tenant}/v2.0/.well-known/openid-configuration", get(metadata))
            .route("/{tenant}/.well-known/openid-configuration", get(metadata))
            .route("/{tenant}/discovery/v2.0/keys", get(keys))
            .route("/{tenant}/oauth2/v2.0/token", post(token))
            .with_state(authority.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        authority
    }

    /// The next answers of the token endpoint; behind them it gives tokens named `token-1`, `token-2`, and so on.
    pub(crate) fn answer(&self, answers: impl IntoIterator<Item = (u16, Value)>) {
        self.state.script.lock().unwrap().extend(answers);
    }

    /// Publishes more keys, as they are, besides the one that signs.
    pub(crate) fn publish(&self, keys: Vec<Value>) {
        *self.state.more_keys.lock().unwrap() = keys;
    }

    /// The forms that the token endpoint was sent.
    pub(crate) fn requests(&self) -> Vec<BTreeMap<String, String>> {
        self.state.requests.lock().unwrap().clone()
    }

    /// A user's token for the sidecar, with some claims set or, if `null`, removed.
    pub(crate) fn user_token(&self, changes: Value) -> String {
        let Value::Object(header) = json!({"typ": "JWT", "kid": "k1"}) else { unreachable!() };
        let claims = self.user_claims(changes).to_string();
        sign_compact(&header, claims.as_bytes(), &self.state.key, Algorithm::ES256).unwrap()
    }

    /// A token with a header and a payload as they are written, well signed.
    pub(crate) fn sign(&self, header: &str, payload: &str) -> String {
        let input = format!("{}.{}", base64url::encode(header), base64url::encode(payload));
        let signature = self.state.key.sign(Algorithm::ES256, input.as_bytes()).unwrap();
        format!("{input}.{}", base64url::encode(signature))
    }

    /// The claims of such a token.
    pub(crate) fn user_claims(&self, changes: Value) -> Value {
        let now = SystemClock.now().0;
        let mut claims = json!({
            "aud": CLIENT, "iss": format!("{}/{TENANT}/v2.0", self.origin), "iat": now - 60, "nbf": now - 60,
            "exp": now + 3600, "azp": "22223333-cccc-4444-dddd-5555eeee6666", "oid": "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb",
            "scp": "access_as_user", "sub": "pairwise", "tid": TENANT, "ver": "2.0",
        });
        let Value::Object(changes) = changes else { panic!("claims are an object") };
        for (name, value) in changes {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(&name)),
                value => claims[name] = value,
            }
        }
        claims
    }
}

/// An error reply as Entra writes it.
pub(crate) fn refusal(error: &str, code: u64, claims: Option<&str>) -> Value {
    let mut reply = json!({
        "error": error,
        "error_description": format!("AADSTS{code}: The description. Trace ID: 1111 Correlation ID: 2222"),
        "error_codes": [code],
        "timestamp": "2026-01-02 03:04:05Z",
        "trace_id": "11111111-0000-0000-0000-000000000000",
        "correlation_id": "22222222-0000-0000-0000-000000000000",
    });
    if let Some(claims) = claims {
        reply["suberror"] = "basic_action".into();
        reply["claims"] = claims.into();
    }
    reply
}

async fn instance(State(authority): State<Authority>) -> Json<Value> {
    let host = authority.origin.trim_start_matches("http://");
    Json(json!({
        "tenant_discovery_endpoint": format!("{}/{TENANT}/v2.0/.well-known/openid-configuration", authority.origin),
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    }))
}

async fn metadata(State(authority): State<Authority>, Path(tenant): Path<String>) -> Json<Value> {
    let origin = &authority.origin;
    Json(json!({
        "issuer": format!("{origin}/{tenant}/v2.0"),
        "token_endpoint": format!("{origin}/{tenant}/oauth2/v2.0/token"),
        "jwks_uri": format!("{origin}/{tenant}/discovery/v2.0/keys"),
    }))
}

async fn keys(State(authority): State<Authority>) -> Json<Value> {
    let key = Jwk { kid: Some("k1".into()), use_: Some("sig".into()), ..authority.state.key.public_jwk() };
    let own = serde_json::to_value(key).unwrap();
    let keys: Vec<_> = std::iter::once(own).chain(authority.state.more_keys.lock().unwrap().clone()).collect();
    Json(json!({ "keys": keys }))
}

async fn token(State(authority): State<Authority>, Form(form): Form<BTreeMap<String, String>>) -> Response {
    let token_type = form.get("token_type").cloned().unwrap_or_else(|| "Bearer".to_owned());
    let number = {
        let mut requests = authority.state.requests.lock().unwrap();
        requests.push(form);
        requests.len()
    };
    let scripted = authority.state.script.lock().unwrap().pop_front();
    let (status, body) = scripted.unwrap_or_else(|| {
        (200, json!({"token_type": token_type, "expires_in": 3599, "access_token": format!("token-{number}")}))
    });
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}
