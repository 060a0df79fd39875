//! An emulator, and sidecars of its applications.

use std::{fs, net::SocketAddr, path::Path, sync::OnceLock};

use serde_json::Value;
use sidekey_jose::base64url;
use tempfile::TempDir;

use crate::{
    client::{Reply, get, request},
    process::{Process, Settings},
};

/// A running emulator.
pub(crate) struct Emulator {
    _process: Process,
    /// Its plain address: `http://127.0.0.1:1234/`.
    pub(crate) origin: String,
    pub(crate) address: SocketAddr,
    /// Its address with TLS, with which its issuers begin.
    pub(crate) secure: String,
}

impl Emulator {
    /// With the built-in directory.
    pub(crate) fn start() -> Self {
        Self::run(&[], &[], with_keys(TempDir::new().unwrap()))
    }

    /// With a directory of the test's own.
    pub(crate) fn of(yaml: &str) -> Self {
        Self::run(&["--directory", DIRECTORY], &[], with_keys(with_directory(yaml)))
    }

    /// With a directory of the test's own, variables in its environment, and signing keys that no other has.
    pub(crate) fn apart(yaml: &str, variables: Settings<'_>) -> Self {
        Self::run(&["--directory", DIRECTORY], variables, with_directory(yaml))
    }

    /// Whose key files for Azure Arc are in this folder.
    pub(crate) fn with_arc_keys(folder: &Path) -> Self {
        Self::run(&["--arc-keys", folder.to_str().unwrap()], &[], with_keys(TempDir::new().unwrap()))
    }

    fn run(more: &[&str], variables: Settings<'_>, folder: TempDir) -> Self {
        let base = ["emulator", "--json", "--http", "127.0.0.1:0", "--https", "127.0.0.1:0", "--state", STATE];
        let process = Process::start(&[&base, more].concat(), variables, folder);
        let document: Value = process.wait_for(|line| serde_json::from_str(line).ok());
        let url = |name: &str| document[name].as_str().unwrap().to_owned();
        let origin = url("http");
        let address = origin.trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
        Self { _process: process, origin, address, secure: url("https") }
    }

    /// A sidecar of this authority that is this application of the built-in directory.
    pub(crate) fn serve(&self, client: &str, more: Settings<'_>) -> (Process, SocketAddr) {
        let base =
            [("AzureAd__Instance", self.origin.as_str()), ("AzureAd__TenantId", TENANT), ("AzureAd__ClientId", client)];
        Process::serve(&[&base, more].concat())
    }

    /// A user's token: `user=alice`, or more (`&scope=…`).
    #[track_caller]
    pub(crate) fn token(&self, query: &str) -> String {
        let token = get(self.address, &format!("/sidekey/token?{query}")).text().trim().to_owned();
        assert_eq!(token.split('.').count(), 3, "not a token: {token}");
        token
    }

    /// The variables of a host of managed identities.
    pub(crate) fn variables_of(&self, host: &str) -> Vec<(String, String)> {
        let environment = get(self.address, &format!("/sidekey/env?host={host}&format=json")).json();
        let variables = environment.as_object().unwrap().iter();
        let of_host = |name: &str| ["IDENTITY_", "IMDS_", "MSI_", "AZURE_POD_"].iter().any(|own| name.starts_with(own));
        let variables = variables.filter(|(name, _)| of_host(name));
        variables.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
    }

    /// What it was asked so far, oldest first.
    pub(crate) fn requests(&self) -> Vec<Value> {
        let log = get(self.address, "/sidekey/requests").json();
        log.as_array().unwrap().clone()
    }
}

fn with_directory(yaml: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(DIRECTORY), yaml).unwrap();
    folder
}

/// Puts signing keys into an emulator's folder that were made once for all tests: to make some takes longer than most tests.
fn with_keys(folder: TempDir) -> TempDir {
    static KEYS: OnceLock<String> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(STATE).join(KEYS_FILE);
        let emulator = Emulator::run(&[], &[], folder);
        assert_eq!(get(emulator.address, "/sidekey/health").status, 200);
        fs::read_to_string(path).unwrap()
    });
    let state = folder.path().join(STATE);
    fs::create_dir(&state).unwrap();
    fs::write(state.join(KEYS_FILE), keys).unwrap();
    folder
}

const DIRECTORY: &str = "directory.yaml";
const STATE: &str = "state";
const KEYS_FILE: &str = "signing-keys.json";

/// An emulator and a sidecar.
pub(crate) struct Stage {
    pub(crate) emulator: Emulator,
    pub(crate) serve: Process,
    pub(crate) sidecar: SocketAddr,
}

impl Stage {
    /// A sidecar that is an application with a secret: `ORDERS_WEB` or `BLUEPRINT`.
    pub(crate) fn new(client: &str, more: Settings<'_>) -> Self {
        let emulator = Emulator::start();
        let (serve, sidecar) = emulator.serve(client, &[&secret_of(client), more].concat());
        Self { emulator, serve, sidecar }
    }

    /// Asks for a header without a user.
    #[track_caller]
    pub(crate) fn anonymous(&self, target: &str) -> Reply {
        get(self.sidecar, &format!("/AuthorizationHeaderUnauthenticated/{target}"))
    }

    /// Asks for a header in the name of a user.
    #[track_caller]
    pub(crate) fn as_user(&self, user: &str, target: &str) -> Reply {
        let bearer = format!("Bearer {user}");
        request(self.sidecar, "GET", &format!("/AuthorizationHeader/{target}"), &[("Authorization", &bearer)], b"")
    }
}

/// The settings by which an application of the built-in directory proves itself.
pub(crate) fn secret_of(client: &str) -> [(&'static str, &'static str); 2] {
    let secret = match client {
        ORDERS_WEB => "orders-web-development-secret",
        BLUEPRINT => "orders-agents-development-secret",
        other => panic!("`{other}` has no secret"),
    };
    [
        ("AzureAd__ClientCredentials__0__SourceType", "ClientSecret"),
        ("AzureAd__ClientCredentials__0__ClientSecret", secret),
    ]
}

/// How a secret is shown in the emulator's list of requests.
pub(crate) fn shown(secret: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, secret.as_bytes());
    let start = digest.as_ref().first_chunk().copied().map(u32::from_be_bytes).unwrap_or_default();
    format!("sha256:{start:08x}")
}

/// The claims of a token.
pub(crate) fn claims_of(token: &str) -> Value {
    serde_json::from_slice(&base64url::decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// The claims of the token in a good reply.
#[track_caller]
pub(crate) fn claims(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let json = reply.json();
    claims_of(json["authorizationHeader"].as_str().unwrap().strip_prefix("Bearer ").unwrap())
}

#[track_caller]
pub(crate) fn assert_claims(claims: &Value, expected: &[(&str, Value)]) {
    for (name, value) in expected {
        assert_eq!(&claims[*name], value, "{name} in {claims}");
    }
}

pub(crate) const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
/// Takes users' tokens, and has an agent of its own.
pub(crate) const ORDERS_WEB: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
/// The API behind it.
pub(crate) const ORDERS: &str = "11112222-bbbb-3333-cccc-4444dddd5555";
/// An application whose agents are `COURIER` and another.
pub(crate) const BLUEPRINT: &str = "33334444-dddd-5555-eeee-6666ffff7777";
pub(crate) const COURIER: &str = "44445555-eeee-6666-ffff-777788889999";
pub(crate) const ALICE: &str = "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb";
/// An API that users call, and the same one for applications.
pub(crate) const ORDERS_APIS: Settings<'_> = &[
    ("DownstreamApis__orders__Scopes__0", "api://11112222-bbbb-3333-cccc-4444dddd5555/Orders.Read"),
    ("DownstreamApis__all-orders__Scopes__0", "api://11112222-bbbb-3333-cccc-4444dddd5555/.default"),
    ("DownstreamApis__all-orders__RequestAppToken", "true"),
    ("Sidecar__AllowOverrides__GetAuthorizationHeaderUnauthenticated", "true"),
];
