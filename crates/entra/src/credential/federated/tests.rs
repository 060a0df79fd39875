//! Plays the case folders: `tests/cases/credential/{SourceType}/{case}.json`.
//!
//! A case has `settings`, `environment` and `files` in, and `exchanges` with an HTTP server or a `workload_api`; what comes out is `{token}`, a JWT-SVID for
//! someone and an audience, an error with certain words after which the next credential is used, or a fault of the configuration. `{server}` (a URL), `{host}`, `{folder}`, `{token}` and
//! `{expired}` stand for values of the run. Whatever must not be seen contains `hush`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    body::Body,
    extract::Request,
    http::{Response, StatusCode},
};
use serde::Deserialize;
use serde_json::Value;
use sidekey_config::{Configuration, Faults};
use sidekey_host::{ManualClock, UnixTime};
use sidekey_jose::base64url;
use sidekey_oauth::Secret;
#[cfg(unix)]
use sidekey_workload_api::{Agent, TrustDomain, Workload};
use tokio::time::Instant;
use uuid::Uuid;

use super::super::{Chosen, Credentials, NoneUsable, Proof, Purpose, Surroundings};
use crate::{AcquireError, Config, test_log::Log};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(default)]
    settings: BTreeMap<String, String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    /// By name below `{folder}`; `null` is a directory.
    #[serde(default)]
    files: BTreeMap<String, Option<String>>,
    #[serde(default)]
    exchanges: Vec<Exchange>,
    /// At `{folder}/agent.sock`.
    #[cfg(unix)]
    #[serde(default)]
    workload_api: Option<Workload>,
    /// Time flies where nothing happens.
    #[serde(default)]
    hangs: bool,
    /// The error is one that may pass.
    #[serde(default)]
    passing: bool,
    expected: Expected,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    request: Asked,
    answer: Answer,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    method: String,
    path: String,
    #[serde(default)]
    query: BTreeMap<String, String>,
    /// Those that matter, in lower case.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    text: String,
    #[serde(default)]
    json: Option<Value>,
    /// So many bytes in place of a text.
    #[serde(default)]
    bytes: Option<u64>,
    #[serde(default)]
    hangs: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Assertion(String),
    /// The SPIFFE ID and the audience of a JWT-SVID that the Workload API signed.
    #[cfg(unix)]
    Svid(String, String),
    /// Words of the error when it is used.
    Error(Vec<String>),
    /// The field and words of the fault when it is the only credential; the error at use begins with the same words.
    Check(String, Vec<String>),
    /// The field and words of the fault, whatever other credentials there are.
    Fault(String, Vec<String>),
}

#[tokio::test]
async fn every_case_comes_out_as_it_is_written() {
    let mut played = 0;
    for folder in entries(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/credential")) {
        for file in entries(&folder) {
            let source = folder.file_name().unwrap().to_str().unwrap().to_owned();
            let name = format!("{source}/{}", file.file_stem().unwrap().display());
            play(&name, &source, &fs::read_to_string(&file).unwrap()).await;
            played += 1;
        }
    }
    assert!(played > 0);
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

async fn play(name: &str, source: &str, text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    let (good, expired) = (token(NOW.0 + 3600), token(NOW.0 - 3600));
    let text = [
        ("{server}", server.url.as_str()),
        ("{host}", server.url.trim_start_matches("http://")),
        ("{folder}", folder.path().to_str().unwrap()),
        ("{token}", &good),
        ("{expired}", &expired),
    ]
    .iter()
    .fold(text.to_owned(), |text, (placeholder, value)| text.replace(placeholder, value));
    let case: Case = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    write(&case, folder.path());
    #[cfg(unix)]
    let agent = Spiffe::start(&case, folder.path()).await;
    server.script.lock().unwrap().clone_from(&case.exchanges);
    let log = Log::start();
    let alone = configuration(&case, source, false);
    let with_next = configuration(&case, source, true);
    let seen = match &case.expected {
        Expected::Assertion(expected) => {
            let chosen = choose(&case, alone.unwrap_or_else(|faults| panic!("{name}: {faults}"))).await.unwrap();
            assert_eq!(chosen.proof, Proof::Assertion(Secret::new(expected.as_str())), "{name}");
            String::new()
        }
        #[cfg(unix)]
        Expected::Svid(id, audience) => {
            let chosen = choose(&case, alone.unwrap_or_else(|faults| panic!("{name}: {faults}"))).await.unwrap();
            let Proof::Assertion(svid) = chosen.proof else { panic!("{name}: {:?}", chosen.proof) };
            agent.unwrap().check(svid.expose(), id, audience);
            assert!(!log.text().contains(svid.expose()), "{name}");
            String::new()
        }
        Expected::Error(words) => {
            let none = choose(&case, alone.unwrap_or_else(|faults| panic!("{name}: {faults}"))).await.unwrap_err();
            let error = match AcquireError::from(none) {
                AcquireError::Unavailable { message, .. } if case.passing => message,
                AcquireError::Configuration(message) if !case.passing => message,
                other => panic!("{name}: {other:?}"),
            };
            contains(name, &error, source, words);
            assert_eq!(choose(&case, with_next.unwrap()).await.unwrap().index, 1, "{name}");
            error
        }
        Expected::Check(field, words) => {
            let text = only_fault(name, alone, field);
            contains(name, &text, "", words);
            assert_eq!(choose(&case, with_next.unwrap()).await.unwrap().index, 1, "{name}");
            text
        }
        Expected::Fault(field, words) => {
            let text = only_fault(name, with_next, field);
            contains(name, &text, "", words);
            text
        }
    };
    for text in [seen, log.text()] {
        assert!(!text.contains("hush") && !text.contains(&good) && !text.contains(&expired), "{name}: {text}");
    }
    assert_eq!(*server.strangers.lock().unwrap(), [], "{name}");
}

/// The agent at `{folder}/agent.sock`, and the trust domain that signs for it.
#[cfg(unix)]
struct Spiffe {
    agent: Agent,
    domain: Arc<TrustDomain>,
}

#[cfg(unix)]
impl Spiffe {
    async fn start(case: &Case, folder: &Path) -> Option<Self> {
        let workload = case.workload_api.clone()?;
        let domain = Arc::new(TrustDomain::new().unwrap());
        let clock = Arc::new(ManualClock::at(NOW));
        let agent = Agent::start(&folder.join("agent.sock"), Arc::clone(&domain), workload, clock).await.unwrap();
        Some(Self { agent, domain })
    }

    fn check(&self, svid: &str, id: &str, audience: &str) {
        let claims = self.domain.validate(svid, audience, NOW).unwrap();
        assert_eq!((&claims["sub"], &claims["aud"]), (&id.into(), &serde_json::json!([audience])));
        assert_eq!(self.agent.asked().len(), 1);
    }
}

fn write(case: &Case, folder: &Path) {
    for (name, content) in &case.files {
        match content {
            Some(content) => fs::write(folder.join(name), content).unwrap(),
            None => fs::create_dir(folder.join(name)).unwrap(),
        }
    }
}

fn configuration(case: &Case, source: &str, with_next: bool) -> Result<Config, Faults> {
    let own = |(name, value): (&String, &String)| (format!("AzureAd:ClientCredentials:0:{name}"), value.clone());
    let mut pairs: Vec<_> = case.settings.iter().map(own).collect();
    pairs.extend(case.environment.iter().map(|(name, value)| (name.replace("__", ":"), value.clone())));
    let mut set = |name: &str, value: &str| pairs.push((format!("AzureAd:{name}"), value.to_owned()));
    set("TenantId", TENANT);
    set("ClientId", CLIENT);
    set("ClientCredentials:0:SourceType", source);
    if with_next {
        set("ClientCredentials:1:SourceType", "ClientSecret");
        set("ClientCredentials:1:ClientSecret", "next");
    }
    Configuration::from_pairs(pairs).bind(Config::read).map(|(config, _)| config)
}

fn only_fault(name: &str, read: Result<Config, Faults>, field: &str) -> String {
    let Err(Faults(faults)) = read else { panic!("{name}: no fault") };
    let [fault] = faults.as_slice() else { panic!("{name}: {faults:?}") };
    assert_eq!(fault.key, format!("AzureAd:ClientCredentials:0:{field}"), "{name}");
    fault.to_string()
}

fn contains(name: &str, text: &str, source: &str, words: &[String]) {
    assert!(text.contains(source), "{name}: `{source}` is not named in: {text}");
    for word in words {
        assert!(text.contains(word.as_str()), "{name}: `{word}` is not in: {text}");
    }
}

async fn choose(case: &Case, config: Config) -> Result<Chosen, NoneUsable> {
    let world = surroundings(&config);
    if case.hangs {
        tokio::time::pause();
    }
    let began = Instant::now();
    let chosen = Credentials::new(&config.credentials, &world).choose(&purpose(&config)).await;
    assert!(began.elapsed() < BUDGET, "{:?}", began.elapsed());
    if case.hangs {
        assert!(began.elapsed() > Duration::from_secs(1), "it did not hang");
        tokio::time::resume();
    }
    chosen
}

fn surroundings(config: &Config) -> Surroundings {
    sidekey_host::tls::install_crypto_provider();
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    Surroundings::new(http, Arc::new(ManualClock::at(NOW)), config.environment.clone())
}

fn purpose(config: &Config) -> Purpose {
    Purpose {
        client_id: config.client_id.clone(),
        audience: format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"),
        host: "login.microsoftonline.com".to_owned(),
        tenant: TENANT.parse().ok(),
        takes_ps256: true,
        send_x5c: false,
        fmi_path: Some("agent/one".to_owned()),
        claims: None,
        correlation_id: Uuid::nil(),
        now: NOW,
        deadline: Instant::now() + BUDGET,
    }
}

fn token(end: u64) -> String {
    let header = base64url::encode(r#"{"alg":"RS256"}"#);
    format!("{header}.{}.c2lnbmF0dXJl", base64url::encode(format!(r#"{{"exp":{end}}}"#)))
}

#[tokio::test]
async fn an_assertion_is_kept_for_the_audience_tenant_and_fmi_path_that_it_was_asked_for() {
    let server = Server::start().await;
    let answer = || Answer {
        status: None,
        headers: BTreeMap::new(),
        text: token(NOW.0 + 300),
        json: None,
        bytes: None,
        hangs: false,
    };
    let asked = || Asked {
        method: "GET".to_owned(),
        path: "/token".to_owned(),
        query: BTreeMap::new(),
        headers: BTreeMap::new(),
        body: None,
    };
    server.script.lock().unwrap().push(Exchange { request: asked(), answer: answer() });
    let settings = BTreeMap::from([("AssertionUrl".to_owned(), format!("{}/token", server.url))]);
    let case = Case {
        settings,
        environment: BTreeMap::new(),
        files: BTreeMap::new(),
        exchanges: Vec::new(),
        #[cfg(unix)]
        workload_api: None,
        hangs: false,
        passing: false,
        expected: Expected::Error(Vec::new()),
    };
    let config = configuration(&case, "AssertionUrl", false).unwrap();
    let world = surroundings(&config);
    let credentials = Credentials::new(&config.credentials, &world);
    let base = purpose(&config);
    for (purpose, asked) in [
        (base.clone(), 1),
        (Purpose { now: UnixTime(NOW.0 + 239), ..base.clone() }, 1),
        (Purpose { now: UnixTime(NOW.0 + 240), ..base.clone() }, 2),
        (Purpose { tenant: "fabrikam.onmicrosoft.com".parse().ok(), ..base.clone() }, 3),
        (Purpose { fmi_path: None, ..base.clone() }, 4),
        (Purpose { host: "login.microsoftonline.us".to_owned(), ..base.clone() }, 5),
    ] {
        credentials.choose(&purpose).await.unwrap();
        assert_eq!(*server.answered.lock().unwrap(), asked);
    }
    let refused = credentials.choose(&base).await.unwrap();
    assert!(refused.reused);
    assert!(!credentials.choose_after(&refused, &base).await.unwrap().reused);
    assert_eq!(*server.answered.lock().unwrap(), 6);
}

/// Answers what it knows, and remembers who asked for anything else.
#[derive(Clone)]
struct Server {
    url: String,
    script: Arc<Mutex<Vec<Exchange>>>,
    answered: Arc<Mutex<usize>>,
    strangers: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { url, script: Arc::default(), answered: Arc::default(), strangers: Arc::default() };
        let own = server.clone();
        let router = axum::Router::new().fallback(move |request: Request| {
            let own = own.clone();
            async move { own.answer(request).await }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    async fn answer(&self, request: Request) -> Response<Body> {
        let asked = read(request).await;
        let found = self.script.lock().unwrap().iter().find(|exchange| asked.is(&exchange.request)).cloned();
        let Some(Exchange { answer, .. }) = found else {
            self.strangers.lock().unwrap().push(asked);
            return status(StatusCode::NOT_FOUND, Body::empty());
        };
        *self.answered.lock().unwrap() += 1;
        if answer.hangs {
            std::future::pending::<()>().await;
        }
        let body = match (&answer.json, answer.bytes) {
            (Some(json), _) => Body::from(json.to_string()),
            (None, Some(bytes)) => endless(bytes),
            (None, None) => Body::from(answer.text.clone()),
        };
        let mut response = status(StatusCode::from_u16(answer.status.unwrap_or(200)).unwrap(), body);
        for (name, value) in &answer.headers {
            response.headers_mut().insert(name.parse::<axum::http::HeaderName>().unwrap(), value.parse().unwrap());
        }
        response
    }
}

impl Asked {
    /// Whether it is what was expected, headers that nobody expects aside.
    fn is(&self, expected: &Self) -> bool {
        let has = |(name, value): (&String, &String)| self.headers.get(name) == Some(value);
        let body = expected.body.is_none() || self.body == expected.body;
        let same = (&self.method, &self.path, &self.query) == (&expected.method, &expected.path, &expected.query);
        same && body && expected.headers.iter().all(has)
    }
}

async fn read(request: Request) -> Asked {
    let (parts, body) = request.into_parts();
    let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let header = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap_or_default().to_owned())
    };
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    Asked {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: query.into_owned().collect(),
        headers: parts.headers.iter().map(header).collect(),
        body: Some(String::from_utf8(body.to_vec()).unwrap()),
    }
}

fn status(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

fn endless(bytes: u64) -> Body {
    let chunks = usize::try_from(bytes / 65_536).unwrap();
    let chunk = bytes::Bytes::from(vec![b'a'; 65_536]);
    let stream = futures_util::stream::iter((0..chunks).map(move |_| Ok::<_, std::io::Error>(chunk.clone())));
    Body::from_stream(stream)
}

const BUDGET: Duration = Duration::from_secs(30);
const NOW: UnixTime = UnixTime(1_800_000_000);
const CLIENT: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
