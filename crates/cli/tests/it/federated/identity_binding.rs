//! AKS identity bindings: the cluster's token proxy exchanges the pod's token, and is known by a name and a CA of its own.

use std::{
    fs,
    io::Write as _,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    thread,
};

use rustls::{
    ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::{Value, json};
use sidekey_host::listen::Protocols;
use tempfile::TempDir;

use super::{EXCHANGE, ask, assert_proven, directory, exchange, serve};
use crate::{
    client,
    provider::{self, Asked, Provider, Signer},
    stage::{Emulator, TENANT},
};

const NAME: &str = "identity-binding.contoso.svc";
/// What the pod's token is for.
const BINDING: &str = "api://AKSIdentityBinding";
const POD: &str = "system:serviceaccount:shop:orders";

/// The name in each handshake, and each request.
type Record = Arc<Mutex<Vec<(Option<String>, Asked)>>>;

/// A cluster: its issuer, its proxy, and a pod's files.
struct Cluster {
    provider: Provider,
    emulator: Emulator,
    proxy: String,
    passed: Record,
    folder: TempDir,
}

impl Cluster {
    fn new() -> Self {
        let provider = Provider::start(|_, _| (404, String::new()));
        let emulator = Emulator::of(&directory(&json!([{
            "name": "binding", "issuer": provider.signer.issuer, "subject": "/binding/orders", "audience": EXCHANGE,
        }])));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = format!("https://{}/base/", listener.local_addr().unwrap());
        let certificate = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("ca.crt"), certificate.cert.pem()).unwrap();
        fs::write(folder.path().join("token"), provider.signer.token(POD, BINDING)).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certificate.signing_key.serialize_der()));
        let tls =
            sidekey_host::tls::server_config(vec![certificate.cert.der().clone()], key, Protocols::Http1).unwrap();
        let passed = Record::default();
        let (record, signer, authority) = (passed.clone(), provider.signer.clone(), emulator.address);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut stream = StreamOwned::new(ServerConnection::new(tls.clone()).unwrap(), stream);
                let Some(asked) = provider::read(&mut stream) else { continue };
                record.lock().unwrap().push((stream.conn.server_name().map(str::to_owned), asked.clone()));
                provider::write(&mut stream, pass_on(&signer, authority, &asked));
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        });
        Self { provider, emulator, proxy, passed, folder }
    }

    /// The settings of the pod, as the webhook makes them.
    fn settings(&self) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
        vec![
            ("SourceType", "SignedAssertionFilePath".to_owned()),
            ("$AZURE_FEDERATED_TOKEN_FILE", path("token")),
            ("$AZURE_KUBERNETES_TOKEN_PROXY", self.proxy.clone()),
            ("$AZURE_KUBERNETES_SNI_NAME", NAME.to_owned()),
            ("$AZURE_KUBERNETES_CA_FILE", path("ca.crt")),
        ]
    }
}

/// Exchanges the pod's token for one that the application trusts, and asks the authority with it.
fn pass_on(signer: &Signer, authority: SocketAddr, asked: &Asked) -> (u16, String) {
    let Some(path) = asked.line.strip_prefix("POST /base") else { return (404, String::new()) };
    let mut form: Vec<(String, String)> = url::form_urlencoded::parse(asked.body.as_bytes()).into_owned().collect();
    for (name, value) in &mut form {
        if name == "client_assertion" {
            *value = signer.token("/binding/orders", EXCHANGE);
        }
    }
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let reply = client::request(authority, "POST", path, &headers, body.as_bytes());
    (reply.status, reply.text())
}

#[test]
fn the_clusters_token_proxy_exchanges_the_pods_token() {
    let cluster = Cluster::new();
    let pods = cluster.provider.take_signed().pop().unwrap();
    let (serve, sidecar) = serve(&cluster.emulator, &cluster.settings());
    assert_proven(&ask(sidecar));
    let passed = cluster.passed.lock().unwrap().clone();
    let [(name, asked)] = passed.as_slice() else { panic!("{passed:?}") };
    assert_eq!(name.as_deref(), Some(NAME));
    let host = cluster.proxy.trim_start_matches("https://").trim_end_matches("/base/");
    assert_eq!(asked.header("host"), host);
    assert_eq!(asked.line, format!("POST /base/{TENANT}/oauth2/v2.0/token"));
    let form = url::form_urlencoded::parse(asked.body.as_bytes());
    let assertion = form.into_iter().find(|(name, _)| name == "client_assertion").unwrap().1.into_owned();
    assert_eq!(assertion, pods, "the proxy gets the pod's own token");
    let exchanged = cluster.provider.take_signed().pop().unwrap();
    let requests: Vec<Value> = cluster.emulator.requests();
    let token = requests.iter().find(|request| request["path"].as_str().unwrap().ends_with("/token")).unwrap();
    assert_eq!(token["parameters"], exchange(&exchanged));
    serve.stop();
}

#[test]
fn a_token_for_the_proxy_is_no_credential_without_it() {
    let cluster = Cluster::new();
    fs::write(cluster.folder.path().join("token"), cluster.provider.signer.token("/binding/orders", BINDING)).unwrap();
    let (serve, sidecar) = serve(&cluster.emulator, &cluster.settings()[..2]);
    let detail = ask(sidecar).problem(401);
    assert!(detail.starts_with("AADSTS700212: "), "{detail}");
    assert!(cluster.passed.lock().unwrap().is_empty());
    serve.stop();
}

#[test]
fn a_proxy_of_another_name_or_ca_gets_no_token() {
    let cluster = Cluster::new();
    let stranger = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    let wrong_name = ("$AZURE_KUBERNETES_SNI_NAME", "other.contoso.svc".to_owned());
    let mut other_name = cluster.settings();
    other_name[3] = wrong_name;
    let mut other_ca = cluster.settings();
    other_ca[4] = ("$AZURE_KUBERNETES_CA_DATA", stranger.cert.pem());
    for settings in [other_name, other_ca] {
        let (serve, sidecar) = serve(&cluster.emulator, &settings);
        let detail = ask(sidecar).problem(503);
        assert!(detail.contains("127.0.0.1"), "{detail}");
        serve.stop();
    }
    assert!(cluster.passed.lock().unwrap().is_empty());
}
