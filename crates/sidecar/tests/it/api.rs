//! A downstream API that tells what it was sent, or does what the path says.

use std::{fmt::Write, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc},
};

/// A handle on the running API.
pub(crate) struct Api {
    pub(crate) origin: String,
    /// Replies below `/wait` are held until somebody adds a permit.
    pub(crate) gate: Arc<Semaphore>,
    /// Hears of each request below `/wait`.
    pub(crate) waiting: mpsc::UnboundedReceiver<()>,
}

impl Api {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let gate = Arc::new(Semaphore::new(0));
        let (sender, waiting) = mpsc::unbounded_channel();
        let app = Router::new().fallback(answer).with_state((Arc::clone(&gate), sender));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { origin, gate, waiting }
    }
}

async fn answer(
    State((gate, waiting)): State<(Arc<Semaphore>, mpsc::UnboundedSender<()>)>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let last = parts.uri.path().rsplit('/').next().unwrap_or_default();
    match last {
        "challenge" => challenge(&parts.headers),
        "redirect" => (StatusCode::FOUND, [(header::LOCATION, "echo")]).into_response(),
        "binary" => ([(header::CONTENT_TYPE, "image/png")], vec![0x89, b'P', b'N', b'G']).into_response(),
        "headers" => headers(),
        "empty" => StatusCode::NO_CONTENT.into_response(),
        "missing" => (StatusCode::NOT_FOUND, "no such order").into_response(),
        "big" => vec![b'x'; 100_000].into_response(),
        "hang" => std::future::pending().await,
        "wait" => {
            let _ = waiting.send(());
            gate.acquire().await.unwrap().forget();
            "waited".into_response()
        }
        _ => echo(&parts, body).await,
    }
}

/// Wants a token got with claims, then tells which one came.
fn challenge(headers: &HeaderMap) -> Response {
    let token = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap()).unwrap_or_default();
    if token != "Bearer token-1" {
        return format!("came with {token}").into_response();
    }
    let value = r#"Bearer realm="", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7fX19""#;
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, value)], "more claims, please").into_response()
}

fn headers() -> Response {
    let pairs = [
        ("content-type", "application/json;charset=utf-8"),
        ("etag", "\"7\""),
        ("location", "/orders/7"),
        ("set-cookie", "session=secret"),
        ("x-request-id", "9"),
        ("keep-alive", "timeout=5"),
        ("www-authenticate", "Bearer"),
    ];
    let mut response = Response::new(Body::from("{\"id\":7}"));
    for (name, value) in pairs {
        response.headers_mut().append(name, HeaderValue::from_static(value));
    }
    response
}

async fn echo(parts: &http::request::Parts, body: Body) -> Response {
    let mut told = format!("{} {}\n", parts.method, parts.uri);
    for (name, value) in &parts.headers {
        if !matches!(name.as_str(), "host" | "user-agent") {
            writeln!(told, "{name}: {}", value.to_str().unwrap()).unwrap();
        }
    }
    let body = body.collect().await.unwrap().to_bytes();
    [told.into_bytes(), b"\n".to_vec(), body.to_vec()].concat().into_response()
}
