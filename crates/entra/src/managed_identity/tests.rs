//! Every host against a scripted server. A case is a folder in `tests/cases/managed_identity`:
//!
//! - `env.json`: the variables that are set; `{server}` is the server's URL, `{thumbprint}` its certificate's.
//! - `ask.json`, if there is one: `resource`, one of `clientId`, `objectId`, `resourceId`, `challenged`, `capabilities`,
//!   `again` (ask twice), and `arcAgent`.
//! - `http.json`: what the server is asked and answers, in order. `hang` in place of an answer never comes.
//! - `fs/`, if there is one: what is in the agent's folder of challenges, `{folder}`; `large.key` is made 4097 bytes long.
//! - `expected.json`: the token that comes out, or the kind of error and parts of its text.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::Response,
};
use serde::Deserialize;
use serde_json::Value;
use sidekey_host::{
    ManualClock, Shutdown, UnixTime,
    listen::{Address, Endpoint, Limits, Listener, Protocols, serve},
    tls,
};

use super::*;

#[tokio::test]
async fn each_case_asks_and_ends_as_it_says() {
    tls::install_crypto_provider();
    let mut names: Vec<_> = fs::read_dir(cases()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert!(names.len() > 30, "cases are missing");
    for name in names {
        let case = Case::read(&cases().join(&name));
        let name = name.to_string_lossy();
        let world = World::start(&case).await;
        let found = world.run(&case).await;
        let wrong = world.script.lock().unwrap().wrong.clone();
        assert_eq!(wrong, Vec::<String>::new(), "{name}; it ended with {found:?}");
        let left = world.script.lock().unwrap().exchanges.len();
        assert_eq!(left, 0, "{name}: {left} requests were not made; it ended with {found:?}");
        case.expected.hold(&found, &name);
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct Question {
    resource: Option<String>,
    client_id: Option<String>,
    object_id: Option<String>,
    resource_id: Option<String>,
    challenged: bool,
    again: bool,
    capabilities: Vec<String>,
    arc_agent: bool,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    request: Expected,
    response: Answered,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    method: String,
    path: String,
    #[serde(default)]
    query: BTreeMap<String, String>,
    #[serde(default)]
    form: BTreeMap<String, String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Headers that must not be there.
    #[serde(default)]
    absent: Vec<String>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Answered {
    Reply {
        status: u16,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        #[serde(default)]
        body: Value,
    },
    /// `hang`
    Never(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Ending {
    token: Option<String>,
    expires_in: Option<u64>,
    refresh_in: Option<u64>,
    kind: Option<String>,
    #[serde(default)]
    says: Vec<String>,
    retry_after: Option<u64>,
}

struct Case {
    environment: BTreeMap<String, String>,
    question: Question,
    exchanges: VecDeque<Exchange>,
    files: PathBuf,
    expected: Ending,
}

impl Case {
    fn read(folder: &Path) -> Self {
        let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
        let required = |name: &str| text(name).unwrap_or_else(|| panic!("{}: no {name}", folder.display()));
        Self {
            environment: json(folder, &required("env.json")),
            question: text("ask.json").map(|text| json(folder, &text)).unwrap_or_default(),
            exchanges: json(folder, &required("http.json")),
            files: folder.join("fs"),
            expected: json(folder, &required("expected.json")),
        }
    }
}

fn json<T: serde::de::DeserializeOwned>(folder: &Path, text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
}

/// A case's server and files.
struct World {
    url: String,
    script: Arc<Mutex<Script>>,
    folder: tempfile::TempDir,
    shutdown: Shutdown,
}

struct Script {
    exchanges: VecDeque<Exchange>,
    /// `{folder}` in answers.
    folder: String,
    wrong: Vec<String>,
}

impl World {
    async fn start(case: &Case) -> Self {
        let folder = challenges(&case.files);
        let script = Script {
            exchanges: case.exchanges.clone(),
            folder: folder.path().to_string_lossy().into_owned(),
            wrong: Vec::new(),
        };
        let script = Arc::new(Mutex::new(script));
        let secure = case.environment.contains_key("IDENTITY_SERVER_THUMBPRINT");
        let tls = secure.then(|| {
            let (chain, key) = (data("certificate.pem"), data("key.pem"));
            let config = tls::server_config_from_files(&chain, Some(&key), Protocols::Http1).unwrap();
            Arc::new(arc_swap::ArcSwap::new(config))
        });
        let address = Address::Ip(([127, 0, 0, 1], 0).into());
        let listener = Listener::bind(&Endpoint { address, tls, protocols: Protocols::Http1 }).await.unwrap();
        let (url, shutdown) = (listener.url(), Shutdown::new());
        let app = Router::new().fallback(answer).with_state(Arc::clone(&script));
        tokio::spawn(serve(
            vec![listener],
            std::sync::Arc::new(app),
            Limits::default(),
            shutdown.clone(),
            Duration::ZERO,
        ));
        Self { url, script, folder, shutdown }
    }

    async fn run(&self, case: &Case) -> Result<Token, ManagedIdentityError> {
        let filled = case.environment.iter().map(|(name, value)| {
            (name.as_str(), value.replace("{server}", &self.url).replace("{thumbprint}", &thumbprint()))
        });
        let filled: Vec<_> = filled.collect();
        let environment = Environment::from_pairs(filled.iter().map(|(name, value)| (*name, value.as_str())));
        let clock = Arc::new(ManualClock::at(NOW));
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        let question = &case.question;
        let mut identities = ManagedIdentities::new(http, clock, environment, question.capabilities.clone());
        identities.second = Duration::ZERO;
        identities.arc_files.challenges = self.folder.path().to_owned();
        let agent = if question.arc_agent { self.folder.path().to_owned() } else { self.folder.path().join("none") };
        identities.arc_files.agent = agent;
        let ask = question.ask();
        let first = identities.token(&Ask { challenged: false, ..ask.as_ask() }).await;
        if question.again { identities.token(&ask.as_ask()).await } else { first }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.trigger();
    }
}

struct OwnedAsk {
    resource: String,
    identity: ManagedIdentityId,
    challenged: bool,
}

impl OwnedAsk {
    fn as_ask(&self) -> Ask<'_> {
        Ask {
            resource: &self.resource,
            identity: &self.identity,
            challenged: self.challenged,
            correlation_id: Uuid::from_u128(7),
            deadline: Instant::now() + PATIENCE,
        }
    }
}

impl Question {
    fn ask(&self) -> OwnedAsk {
        let identity = match (&self.client_id, &self.object_id, &self.resource_id) {
            (Some(id), _, _) => ManagedIdentityId::ClientId(id.clone()),
            (_, Some(id), _) => ManagedIdentityId::ObjectId(id.clone()),
            (_, _, Some(id)) => ManagedIdentityId::ResourceId(id.clone()),
            _ => ManagedIdentityId::System,
        };
        let resource = self.resource.clone().unwrap_or_else(|| "https://graph.microsoft.com".to_owned());
        OwnedAsk { resource, identity, challenged: self.challenged }
    }
}

impl Ending {
    fn hold(&self, found: &Result<Token, ManagedIdentityError>, name: &str) {
        match found {
            Ok(token) => {
                assert_eq!(Some(token.text.expose()), self.token.as_deref(), "{name}");
                assert_eq!(Some(token.expires_in), self.expires_in.or(Some(token.expires_in)), "{name}");
                assert_eq!(Some(token.refresh_in), self.refresh_in.or(Some(token.refresh_in)), "{name}");
            }
            Err(error) => {
                let (kind, retry_after) = match error {
                    ManagedIdentityError::Setting { .. } => ("setting", None),
                    ManagedIdentityError::Refused { .. } => ("refused", None),
                    ManagedIdentityError::Unavailable { throttled: true, retry_after, .. } => {
                        ("throttled", *retry_after)
                    }
                    ManagedIdentityError::Unavailable { retry_after, .. } => ("unavailable", *retry_after),
                };
                assert_eq!(Some(kind), self.kind.as_deref(), "{name}: {error}");
                assert_eq!(retry_after.map(|wait| wait.as_secs()), self.retry_after, "{name}: {error}");
                let text = error.to_string();
                for part in &self.says {
                    let part = part.replace("{thumbprint}", &thumbprint());
                    assert!(text.contains(&part), "{name}: `{text}` does not say `{part}`");
                }
                assert!(!text.contains("s3cret"), "{name}: {text}");
            }
        }
    }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 16).await.unwrap();
    let reply = {
        let mut script = script.lock().unwrap();
        let Some(exchange) = script.exchanges.pop_front() else {
            script.wrong.push(format!("{} {} was not expected", head.method, head.uri));
            return Response::builder().status(418).body(Body::empty()).unwrap();
        };
        script.wrong.extend(exchange.request.differences(&head, &body));
        exchange.response.with_folder(&script.folder)
    };
    match reply {
        Answered::Never(word) => {
            assert_eq!(word, "hang");
            std::future::pending().await
        }
        Answered::Reply { status, headers, body } => {
            let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
            let reply = headers
                .iter()
                .fold(Response::builder().status(status), |reply, (name, value)| reply.header(name, value));
            reply.body(Body::from(text)).unwrap()
        }
    }
}

impl Answered {
    fn with_folder(self, folder: &str) -> Self {
        let fill = |value: &str| value.replace("{folder}", folder);
        match self {
            Self::Reply { status, headers, body } => {
                let headers = headers.iter().map(|(name, value)| (name.clone(), fill(value))).collect();
                Self::Reply { status, headers, body }
            }
            never @ Self::Never(_) => never,
        }
    }
}

impl Expected {
    fn differences(&self, head: &axum::http::request::Parts, body: &[u8]) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut check = |what: &str, found: &str, expected: &str| {
            if found != expected {
                wrong.push(format!("{what} is `{found}`, not `{expected}`"));
            }
        };
        check("the method", head.method.as_str(), &self.method);
        check("the path", head.uri.path(), &self.path);
        let pairs =
            |bytes: &[u8]| -> BTreeMap<String, String> { url::form_urlencoded::parse(bytes).into_owned().collect() };
        let query = pairs(head.uri.query().unwrap_or_default().as_bytes());
        check("the query", &format!("{query:?}"), &format!("{:?}", self.query));
        check("the form", &format!("{:?}", pairs(body)), &format!("{:?}", self.form));
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        for (name, value) in &self.headers {
            check(name, header(name), value);
        }
        for name in &self.absent {
            check(name, header(name), "");
        }
        check("x-ms-client-request-id", header("x-ms-client-request-id"), &Uuid::from_u128(7).to_string());
        wrong
    }
}

/// The case's files, in a folder of their own.
fn challenges(files: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(files).into_iter().flatten() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    fs::write(folder.path().join("large.key"), "k".repeat(4097)).unwrap();
    folder
}

fn thumbprint() -> String {
    use rustls_pki_types::{CertificateDer, pem::PemObject as _};
    let certificate = CertificateDer::from_pem_file(data("certificate.pem")).unwrap();
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &certificate);
    // In upper case, as Windows writes it.
    hex(hash.as_ref()).to_uppercase()
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/managed_identity")
}

const NOW: UnixTime = UnixTime(1_800_000_000);
/// Only a case that hangs takes as long.
const PATIENCE: Duration = Duration::from_millis(600);
