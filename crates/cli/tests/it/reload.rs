//! Configuration files that change while the sidecar serves: no request fails, and what comes after a change is served by it.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use serde_json::{Value, json};
use sidekey_host::client::{ClientOptions, build};
use tempfile::TempDir;

use crate::{
    client::{get, request},
    process::Process,
    stage::{Emulator, ORDERS, ORDERS_WEB, TENANT, claims_of},
};

/// A sidecar that reads `appsettings.json` in a folder.
struct Watched {
    emulator: Emulator,
    process: Process,
    folder: PathBuf,
    sidecar: SocketAddr,
}

impl Watched {
    /// `put` lays the first configuration down.
    fn start(put: impl FnOnce(&Path, &str)) -> Self {
        let (emulator, folder) = (Emulator::start(), TempDir::new().unwrap());
        put(folder.path(), &appsettings(&emulator, &json!({})));
        let path = folder.path().to_owned();
        let (process, sidecar) = Process::serve_in(folder, &[("Logging__LogLevel__Default", "Information")]);
        Self { emulator, process, folder: path, sidecar }
    }

    /// As editors do it: the whole file at once, under its name. Returns when the log says what came of it.
    fn change(&self, text: &str, outcome: &str) {
        let new = self.folder.join("appsettings.json.new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.folder.join("appsettings.json")).unwrap();
        self.says(outcome);
    }

    fn changed(&self, more: &Value) -> String {
        appsettings(&self.emulator, more)
    }

    fn says(&self, text: &str) {
        self.process.wait_for(|line| line.contains(text).then_some(()));
    }

    /// The audience of the token for the one API.
    fn audience(&self) -> String {
        let reply = get(self.sidecar, HEADER);
        assert_eq!(reply.status, 200, "{}", reply.text());
        let header = reply.json()["authorizationHeader"].as_str().unwrap().to_owned();
        claims_of(header.strip_prefix("Bearer ").unwrap())["aud"].as_str().unwrap().to_owned()
    }

    /// The status with which the API answers.
    fn api_status(&self) -> u64 {
        get(self.sidecar, CALL).json()["statusCode"].as_u64().unwrap()
    }

    fn verdict(&self, token: &str) -> u16 {
        request(self.sidecar, "GET", "/Validate", &[("Authorization", &format!("Bearer {token}"))], b"").status
    }

    /// Asks without a pause, from several threads, while something is done. Every request must be answered well.
    fn under_load(&self, work: impl FnOnce()) {
        let (over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            for path in [HEADER, CALL, HEADER] {
                let (over, answered, sidecar) = (&over, &answered, self.sidecar);
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        let reply = get(sidecar, path);
                        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            let _end = End(&over);
            work();
        });
        assert!(answered.into_inner() > 100, "there was hardly any load");
    }
}

/// Ends the load, also where the work fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A whole configuration; `more` replaces sections.
fn appsettings(emulator: &Emulator, more: &Value) -> String {
    let mut all = json!({
        "AzureAd": {
            "Instance": emulator.origin, "TenantId": TENANT, "ClientId": ORDERS_WEB,
            "ClientCredentials": [{ "SourceType": "ClientSecret", "ClientSecret": "orders-web-development-secret" }],
        },
        "DownstreamApis": { "own": api(emulator, ORDERS_WEB, "common/v2.0/.well-known/") },
    });
    for (name, section) in more.as_object().unwrap() {
        for (key, value) in section.as_object().unwrap() {
            all[name][key] = value.clone();
        }
    }
    serde_json::to_string_pretty(&all).unwrap()
}

fn api(emulator: &Emulator, resource: &str, path: &str) -> Value {
    json!({
        "BaseUrl": format!("{}/{path}", emulator.origin), "RelativePath": "openid-configuration",
        "Scopes": [format!("api://{resource}/.default")], "RequestAppToken": true,
    })
}

#[test]
fn good_changes_take_effect_and_bad_ones_do_not_while_no_request_fails() {
    let watched = Watched::start(|folder, text| fs::write(folder.join("appsettings.json"), text).unwrap());
    assert_eq!((watched.audience().as_str(), watched.api_status()), (ORDERS_WEB, 200));
    watched.under_load(|| {
        let other = json!({ "DownstreamApis": { "own": api(&watched.emulator, ORDERS, "nowhere/") } });
        watched.change(&watched.changed(&other), IN_FORCE);
        assert_eq!((watched.audience().as_str(), watched.api_status()), (ORDERS, 404));

        for bad in
            ["{ \"DownstreamApis\": ", &watched.changed(&json!({ "DownstreamApis": { "own": { "BaseUrl": "x" } } }))]
        {
            watched.change(bad, "The changed configuration is not used");
            assert_eq!((watched.audience().as_str(), watched.api_status()), (ORDERS, 404));
        }

        // Written in place, as other editors do it.
        fs::write(watched.folder.join("appsettings.json"), watched.changed(&json!({}))).unwrap();
        watched.says(IN_FORCE);
        assert_eq!((watched.audience().as_str(), watched.api_status()), (ORDERS_WEB, 200));
    });
}

#[test]
fn a_token_that_was_good_is_judged_anew_by_the_changed_rules() {
    let watched = Watched::start(|folder, text| fs::write(folder.join("appsettings.json"), text).unwrap());
    let token = watched.emulator.token("user=alice");
    assert_eq!((watched.verdict(&token), watched.verdict(&token)), (200, 200));
    for (section, verdict) in [
        (json!({ "Audience": "api://other" }), 401),
        (json!({}), 200),
        (json!({ "Scopes": "Orders.Delete" }), 403),
        (json!({ "TenantId": "bbbbcccc-1111-dddd-2222-eeee3333ffff" }), 401),
    ] {
        watched.change(&watched.changed(&json!({ "AzureAd": section })), IN_FORCE);
        assert_eq!(watched.verdict(&token), verdict, "{section}");
    }
}

#[test]
fn what_needs_a_restart_is_named_and_everything_else_is_taken_up() {
    let watched = Watched::start(|folder, text| fs::write(folder.join("appsettings.json"), text).unwrap());
    let more = json!({
        "AzureAd": {}, "Sidecar": { "Limits": { "MaxConnections": 7 } }, "TokenCache": { "MaxEntries": 9 },
        "Kestrel": { "Endpoints": { "Http": { "Url": "http://127.0.0.1:1" } } },
        "DownstreamApis": { "own": api(&watched.emulator, ORDERS, "nowhere/") },
    });
    let text = watched.changed(&more);
    watched.change(&text, "`TokenCache` has changed: restart");
    watched.says("`Kestrel:Endpoints, URLS or HTTP_PORTS` has changed: restart");
    watched.says("`Sidecar:Limits:MaxConnections` has changed: restart");
    watched.says(IN_FORCE);
    assert_eq!(watched.audience(), ORDERS);
}

#[test]
fn a_config_map_is_followed_through_its_links() {
    let watched = Watched::start(|folder, text| {
        fs::create_dir(folder.join("..first")).unwrap();
        fs::write(folder.join("..first/appsettings.json"), text).unwrap();
        symlink("..first", folder.join("..data")).unwrap();
        symlink("..data/appsettings.json", folder.join("appsettings.json")).unwrap();
    });
    assert_eq!(watched.audience(), ORDERS_WEB);
    let own = json!({ "own": api(&watched.emulator, ORDERS, "nowhere/") });
    let path = |name: &str| watched.folder.join(name);
    fs::create_dir(path("..second")).unwrap();
    fs::write(path("..second/appsettings.json"), watched.changed(&json!({ "DownstreamApis": own }))).unwrap();
    symlink("..second", path("..data_tmp")).unwrap();
    fs::rename(path("..data_tmp"), path("..data")).unwrap();
    fs::remove_dir_all(path("..first")).unwrap();
    watched.says(IN_FORCE);
    assert_eq!(watched.audience(), ORDERS);
}

#[test]
fn a_listeners_new_certificate_is_used_for_new_connections() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tls.pem");
    let (first, second) = (certificate(), certificate());
    fs::write(&path, first.concat()).unwrap();
    let settings = [
        ("ASPNETCORE_URLS", "https://127.0.0.1:0"),
        ("Kestrel__Certificates__Default__Path", path.to_str().unwrap()),
        ("AzureAd__TenantId", TENANT),
        ("AzureAd__ClientId", ORDERS_WEB),
    ];
    let process = Process::start(&["serve"], &settings, TempDir::new().unwrap());
    let url = process.wait_for(|line| line.split_once("Now listening on: ").map(|(_, url)| url.trim().to_owned()));
    let is_known = |[certificate, _]: &[String; 2]| trusts(certificate, &format!("{url}/healthz"));
    assert_eq!((is_known(&first), is_known(&second)), (true, false));
    let new = folder.path().join("tls.pem.new");
    fs::write(&new, second.concat()).unwrap();
    fs::rename(new, path).unwrap();
    process.wait_for(|line| line.contains(IN_FORCE).then_some(()));
    assert_eq!((is_known(&first), is_known(&second)), (false, true));
}

/// A certificate for this machine, and its key.
fn certificate() -> [String; 2] {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    [made.cert.pem(), made.signing_key.serialize_pem()]
}

/// Whether a client that trusts one certificate gets an answer.
fn trusts(certificate: &str, url: &str) -> bool {
    let options = ClientOptions { additional_ca_pem: vec![certificate.to_owned()], ..ClientOptions::default() };
    let asked = async { build(&options).unwrap().get(url).send().await.is_ok_and(|reply| reply.status() == 200) };
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(asked)
}

const IN_FORCE: &str = "The changed configuration is in force.";
const HEADER: &str = "/AuthorizationHeaderUnauthenticated/own";
const CALL: &str = "/DownstreamApiUnauthenticated/own";
