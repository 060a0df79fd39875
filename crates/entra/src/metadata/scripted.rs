//! A tiny authority over HTTP that does what a test tells it to, and counts what it is asked.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{Response, Uri},
};
use serde_json::json;
use sidekey_jose::{Jwk, JwkSet};

use crate::validate::fixtures::TENANT;

/// What is answered to one kind of request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// As an authority does.
    Good,
    /// A status and nothing else.
    Status(u16),
    /// A redirect to the same place.
    Redirect,
    /// This text.
    Text(String),
    /// So many bytes of a good beginning.
    Bytes(usize),
    /// Nothing, ever.
    Silence,
}

/// The authority. It listens on loopback as long as the test's runtime lives.
#[derive(Debug)]
pub(crate) struct Scripted {
    pub(crate) origin: String,
    document: Mutex<Answer>,
    keys: Mutex<Answer>,
    published: Mutex<Vec<Jwk>>,
    fetches: AtomicUsize,
    v1_fetches: AtomicUsize,
}

impl Scripted {
    /// Begins to listen, with these keys published.
    pub(crate) async fn start(published: Vec<Jwk>) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = Arc::new(Self {
            origin: format!("http://{}", listener.local_addr().unwrap()),
            document: Mutex::new(Answer::Good),
            keys: Mutex::new(Answer::Good),
            published: Mutex::new(published),
            fetches: AtomicUsize::new(0),
            v1_fetches: AtomicUsize::new(0),
        });
        let app = Router::new().fallback(answer).with_state(Arc::clone(&authority));
        tokio::spawn(async move { axum::serve(listener, app).await });
        authority
    }

    pub(crate) fn answer_document(&self, answer: Answer) {
        *self.document.lock().unwrap() = answer;
    }

    pub(crate) fn answer_keys(&self, answer: Answer) {
        *self.keys.lock().unwrap() = answer;
    }

    pub(crate) fn publish(&self, keys: Vec<Jwk>) {
        *self.published.lock().unwrap() = keys;
    }

    /// How many times the v2 document was asked for.
    pub(crate) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    /// How many times the v1 document was asked for.
    pub(crate) fn v1_fetches(&self) -> usize {
        self.v1_fetches.load(Ordering::SeqCst)
    }

    fn page(&self, path: &str) -> (Answer, String) {
        if path.ends_with("/keys") {
            let keys = JwkSet { keys: self.published.lock().unwrap().clone() };
            return (self.keys.lock().unwrap().clone(), serde_json::to_string(&keys).unwrap());
        }
        let v2 = path.contains("/v2.0/");
        let counter = if v2 { &self.fetches } else { &self.v1_fetches };
        counter.fetch_add(1, Ordering::SeqCst);
        let tenant = if path.starts_with("/common/") { "{tenantid}" } else { TENANT };
        let issuer =
            if v2 { format!("{}/{tenant}/v2.0", self.origin) } else { format!("https://sts.windows.net/{tenant}/") };
        let document = json!({"issuer": issuer, "jwks_uri": format!("{}/keys", self.origin), "other": {"a": [1]}});
        (self.document.lock().unwrap().clone(), document.to_string())
    }
}

/// A client as it is used in earnest: no redirects, no proxy for loopback.
pub(crate) fn client() -> reqwest::Client {
    sidekey_host::tls::install_crypto_provider();
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    client.tls_certs_only([]).connect_timeout(Duration::from_secs(5)).build().unwrap()
}

async fn answer(State(authority): State<Arc<Scripted>>, uri: Uri) -> Response<Body> {
    let (answer, page) = authority.page(uri.path());
    let status = |code: u16| Response::builder().status(code);
    match answer {
        Answer::Good => Response::new(Body::from(page)),
        Answer::Status(code) => status(code).body(Body::empty()).unwrap(),
        Answer::Redirect => status(302).header("location", uri.path()).body(Body::empty()).unwrap(),
        Answer::Text(text) => Response::new(Body::from(text)),
        Answer::Bytes(count) => Response::new(Body::from(page + &" ".repeat(count))),
        Answer::Silence => std::future::pending().await,
    }
}
