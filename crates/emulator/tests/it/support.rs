//! An emulator that runs, and what a client does with it.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use sidekey_emulator::{Emulator, Options};
use sidekey_host::{Clock, ManualClock, UnixTime};
use sidekey_jose::{Algorithm, JwkSet, UnverifiedJws, VerifyingKey};

pub(crate) const CONTOSO: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
pub(crate) const FABRIKAM: &str = "bbbbcccc-1111-dddd-2222-eeee3333ffff";
pub(crate) const ORIGIN: &str = "https://localhost:5443";
pub(crate) const WEB: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
pub(crate) const WEB_SECRET: &str = "orders-web-development-secret";
pub(crate) const API: &str = "11112222-bbbb-3333-cccc-4444dddd5555";
pub(crate) const SHELL: &str = "22223333-cccc-4444-dddd-5555eeee6666";
pub(crate) const ALICE: &str = "alice@contoso.onmicrosoft.com";
pub(crate) const ALICE_OID: &str = "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb";
pub(crate) const PASSWORD: &str = "Passw0rd!development";
pub(crate) const NOW: u64 = 1_767_924_132;

/// An emulator on a free port of `127.0.0.1`, with a clock that stands still.
pub(crate) struct Fixture {
    pub(crate) emulator: Arc<Emulator>,
    pub(crate) url: String,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) http: reqwest::Client,
    _state: tempfile::TempDir,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::with(Emulator::DEFAULT_DIRECTORY).await
    }

    pub(crate) async fn with(directory: &str) -> Self {
        Self::asking_with(directory, client()).await
    }

    /// One whose requests to other issuers go through a client of the test's own.
    pub(crate) async fn asking_with(directory: &str, http: reqwest::Client) -> Self {
        let clock = Arc::new(ManualClock::at(UnixTime(NOW)));
        let state = state_folder().await;
        let state_folder = Some(state.path().to_owned());
        let arc_key_folder = Some(state.path().join("arc"));
        let client = Some(http.clone());
        let options = Options { seed: Some(1), client, state_folder, arc_key_folder, ..Options::default() };
        let emulator = Emulator::new(directory, options, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let url = serve(emulator.router(ORIGIN)).await;
        Self { emulator, url, clock, http, _state: state }
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        Reply::read(self.http.get(format!("{}{path}", self.url)).send().await.unwrap()).await
    }

    pub(crate) async fn post_json(&self, path: &str, body: Value) -> Reply {
        Reply::read(self.http.post(format!("{}{path}", self.url)).json(&body).send().await.unwrap()).await
    }

    pub(crate) async fn token(&self, tenant: &str, form: &[(&str, &str)]) -> Reply {
        let url = format!("{}/{tenant}/oauth2/v2.0/token", self.url);
        Reply::read(self.http.post(url).form(form).send().await.unwrap()).await
    }

    /// Claims of a token whose signature was checked with the published keys.
    pub(crate) async fn claims(&self, token: &str) -> Value {
        let keys = self.http.get(format!("{}/common/discovery/v2.0/keys", self.url)).send().await.unwrap();
        let keys = JwkSet::parse(&keys.bytes().await.unwrap()).unwrap();
        let jws = UnverifiedJws::parse(token).unwrap();
        let kid = jws.header().kid.clone();
        let key = keys.keys.iter().find(|key| key.kid == kid).expect("the key is published");
        let verified = jws.verify(&VerifyingKey::from_jwk(key).unwrap(), &[Algorithm::RS256]).unwrap();
        serde_json::from_slice(verified.payload()).unwrap()
    }

    /// A token of Alice for orders-web, as the shell gets it.
    pub(crate) async fn user_token(&self) -> String {
        let scope = format!("api://{WEB}/access_as_user");
        let reply = self.token(CONTOSO, &password_form(ALICE, PASSWORD, &scope)).await;
        reply.text("access_token")
    }
}

/// A form for the password grant of the shell.
pub(crate) fn password_form<'a>(user: &'a str, password: &'a str, scope: &'a str) -> [(&'a str, &'a str); 5] {
    [("grant_type", "password"), ("client_id", SHELL), ("username", user), ("password", password), ("scope", scope)]
}

/// A form for the client credentials grant of orders-web.
pub(crate) fn secret_form<'a>(secret: &'a str, scope: &'a str) -> [(&'a str, &'a str); 4] {
    [("grant_type", "client_credentials"), ("client_id", WEB), ("client_secret", secret), ("scope", scope)]
}

/// A state folder with a signing key that was made once for all tests: making one takes longer than most tests.
async fn state_folder() -> tempfile::TempDir {
    static KEYS: tokio::sync::OnceCell<String> = tokio::sync::OnceCell::const_new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("signing-keys.json");
    let make = async || {
        let options = Options { state_folder: Some(folder.path().to_owned()), ..Options::default() };
        let clock = Arc::new(ManualClock::at(UnixTime(NOW)));
        let emulator = Emulator::new(Emulator::DEFAULT_DIRECTORY, options, clock).unwrap();
        let url = serve(emulator.router(ORIGIN)).await;
        client().get(format!("{url}/sidekey/health")).send().await.unwrap();
        std::fs::read_to_string(&file).unwrap()
    };
    let keys = KEYS.get_or_init(make).await;
    std::fs::write(&file, keys).unwrap();
    folder
}

pub(crate) async fn serve(router: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

pub(crate) fn client() -> reqwest::Client {
    sidekey_host::tls::install_crypto_provider();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

/// A reply whose body is JSON, if it is.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
    pub(crate) raw: String,
}

impl Reply {
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let raw = response.text().await.unwrap();
        let body = serde_json::from_str(&raw).unwrap_or(Value::Null);
        Self { status, headers, body, raw }
    }

    pub(crate) fn text(&self, member: &str) -> String {
        self.body[member].as_str().unwrap_or_else(|| panic!("no `{member}` in {self:?}")).to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Status, `error` and the AADSTS code.
    pub(crate) fn refusal(&self) -> (u16, String, u64) {
        (self.status, self.text("error"), self.body["error_codes"][0].as_u64().unwrap_or_default())
    }
}
