//! Assertions from everywhere, through the sidecar and against the emulator: what the third party is asked, what the authority is asked,
//! and whose token comes out.

mod build_systems;
mod clouds;
mod entra_app;
mod identity_binding;
mod local;
mod managed_identity;
mod refusals;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use serde_json::{Value, json};
use sidekey_emulator::Emulator as Directory;
use tempfile::TempDir;

use crate::{
    client::{Reply, get},
    process::Process,
    provider::{Answer, Asked, Provider, Signer},
    stage::{Emulator, ORDERS, ORDERS_APIS, ORDERS_WEB, TENANT, assert_claims, claims},
};

/// A platform that has tokens to give.
struct Platform {
    /// Whom its tokens are about.
    subject: &'static str,
    /// What they are for, where that is not Entra's token exchange.
    audience: &'static str,
    /// What it says when it is asked; `None` if it is not meant.
    answer: fn(&Signer, &Asked) -> Option<Answer>,
    /// The settings of a sidecar there: `SourceType` and so on without their prefix, variables with `$` before their name.
    settings: fn(&World) -> Vec<(&'static str, String)>,
    /// What it is asked by that sidecar for one token: lines of method, target, headers and body.
    asked: &'static [&'static str],
}

/// Every platform.
const PLATFORMS: &[Platform] = &[
    build_systems::GITHUB,
    build_systems::AZURE_PIPELINES,
    build_systems::GITLAB,
    build_systems::GITLAB_FILE,
    clouds::GOOGLE,
    clouds::GOOGLE_ACCOUNT,
    clouds::AWS,
    clouds::AWS_ROLE,
    clouds::EKS,
    local::FILE,
    local::FILE_BY_VARIABLE,
    local::VARIABLE,
    local::COMMAND,
    local::URL,
];

/// Third parties, and an emulator whose `orders-web` trusts them.
struct World {
    provider: Provider,
    /// The status of every answer of theirs, if it is not 0.
    denied: Arc<AtomicU16>,
    emulator: Emulator,
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        let denied = Arc::<AtomicU16>::default();
        let status = denied.clone();
        let provider = Provider::start(move |signer, asked| {
            let status = status.load(Ordering::SeqCst);
            if status != 0 {
                return (status, "denied".to_owned());
            }
            let answer = PLATFORMS.iter().find_map(|platform| (platform.answer)(signer, asked));
            answer.unwrap_or((404, "nobody is meant".to_owned()))
        });
        let issuer = &provider.signer.issuer;
        let credential = |(index, platform): (usize, &Platform)| {
            let Platform { subject, audience, .. } = platform;
            json!({ "name": format!("platform-{index}"), "issuer": issuer, "subject": subject, "audience": audience })
        };
        let mut credentials: Vec<Value> = PLATFORMS.iter().enumerate().map(credential).collect();
        credentials.dedup_by_key(|credential| credential["subject"].clone());
        let emulator = Emulator::of(&directory(&json!(credentials)));
        Self { provider, denied, emulator, folder: TempDir::new().unwrap() }
    }

    /// From now on the third parties answer with this status; 0 lets them give tokens again.
    fn deny(&self, status: u16) {
        self.denied.store(status, Ordering::SeqCst);
    }

    /// A file with a token about a subject; its path.
    fn token_file(&self, name: &str, token: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, token).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A sidecar whose one credential this is.
    fn serve(&self, settings: &[(&str, String)]) -> (Process, SocketAddr) {
        serve(&self.emulator, settings)
    }
}

/// A sidecar whose one credential this is: settings without their prefix, variables with `$` before their name.
fn serve(emulator: &Emulator, settings: &[(impl AsRef<str>, String)]) -> (Process, SocketAddr) {
    let name = |name: &str| match name.strip_prefix('$') {
        Some(variable) => variable.to_owned(),
        None => format!("AzureAd__ClientCredentials__0__{name}"),
    };
    let named: Vec<_> = settings.iter().map(|(own, value)| (name(own.as_ref()), value.clone())).collect();
    let settings: Vec<_> = named.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    emulator.serve(ORDERS_WEB, &[ORDERS_APIS, &settings].concat())
}

/// The built-in directory, whose `orders-web` has these federated credentials.
fn directory(credentials: &Value) -> String {
    let kind = "kind: applicationAndBlueprint\n";
    let all = format!("{kind}    federatedCredentials: {credentials}\n");
    Directory::DEFAULT_DIRECTORY.replacen(kind, &all, 1)
}

/// Asks for the application's own token.
fn ask(sidecar: SocketAddr) -> Reply {
    get(sidecar, "/AuthorizationHeaderUnauthenticated/all-orders")
}

/// The application's own token, proven by an assertion.
#[track_caller]
fn assert_proven(reply: &Reply) {
    let expected = [
        ("azp", ORDERS_WEB.into()),
        ("azpacr", "2".into()),
        ("aud", ORDERS.into()),
        ("tid", TENANT.into()),
        ("roles", json!(["Orders.Read.All"])),
    ];
    assert_claims(&claims(reply), &expected);
}

/// What the authority has to be asked for a token by this assertion, and nothing else.
fn exchange(assertion: &str) -> Value {
    json!({
        "client_assertion": crate::stage::shown(assertion),
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_id": ORDERS_WEB,
        "client_info": "2",
        "grant_type": "client_credentials",
        "scope": format!("api://{ORDERS}/.default"),
    })
}

#[test]
fn every_platforms_token_is_a_credential() {
    let world = World::new();
    for platform in PLATFORMS {
        let settings = (platform.settings)(&world);
        world.provider.take_asked();
        let before = world.emulator.requests().len();
        let (serve, sidecar) = world.serve(&settings);
        assert_proven(&ask(sidecar));
        let source = &settings[0].1;
        let signed = world.provider.take_signed();
        let signed = signed.last().unwrap_or_else(|| panic!("{source}: no token was signed"));
        let asked: Vec<_> = world.provider.take_asked().iter().map(shown).collect();
        assert_eq!(asked, platform.asked, "{source}");
        let requests = world.emulator.requests().split_off(before);
        let paths: Vec<_> = requests.iter().map(|request| request["path"].as_str().unwrap()).collect();
        assert_eq!(paths, ["/common/discovery/instance", &format!("/{TENANT}/oauth2/v2.0/token")], "{source}");
        assert_eq!(requests[1]["parameters"], exchange(signed), "{source}");
        assert_proven(&ask(sidecar));
        assert!(world.provider.take_asked().is_empty(), "{source}: the second one comes from the cache");
        assert_eq!(world.emulator.requests().len(), before + 2, "{source}");
        serve.stop();
    }
}

/// A request as one line: what it is, whatever of its headers identifies, and its body.
fn shown(asked: &Asked) -> String {
    let headers = ["authorization", "metadata-flavor", "x-tfs-fedauthredirect", "x-vault-token", "x-vault-namespace"];
    let headers = headers.iter().filter(|name| !asked.header(name).is_empty());
    let headers = headers.map(|name| format!("{name}={}", clouds::without_times(asked.header(name))));
    let parts = [asked.line.clone()].into_iter().chain(headers).chain([asked.body.clone()]);
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

const EXCHANGE: &str = "api://AzureADTokenExchange";
const FILE_SUBJECT: &str = local::FILE.subject;

/// For platforms that are asked nothing.
fn silent(_: &Signer, _: &Asked) -> Option<Answer> {
    None
}
