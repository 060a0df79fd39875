//! Token requests through the proxy of an AKS identity binding: a TLS server that is known by another name than its own.

use std::sync::Mutex;

use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sidekey_host::listen::Protocols;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::*;

/// What came: the name in the handshake, and the request.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Passed {
    server_name: Option<String>,
    head: String,
    body: String,
}

/// A proxy that answers tokens; its certificate can be replaced.
#[derive(Clone)]
struct Proxy {
    port: u16,
    acceptor: Arc<Mutex<TlsAcceptor>>,
    passed: Arc<Mutex<Vec<Passed>>>,
}

impl Proxy {
    /// The proxy, and its certificate in PEM.
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (acceptor, pem) = certificate();
        let port = listener.local_addr().unwrap().port();
        let proxy = Self { port, acceptor: Arc::new(Mutex::new(acceptor)), passed: Arc::default() };
        let own = proxy.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let own = own.clone();
                tokio::spawn(async move { own.serve(stream).await });
            }
        });
        (proxy, pem)
    }

    /// Takes a new certificate into use and gives it.
    fn rotate(&self) -> String {
        let (acceptor, pem) = certificate();
        *self.acceptor.lock().unwrap() = acceptor;
        pem
    }

    async fn serve(self, stream: TcpStream) -> Option<()> {
        let acceptor = self.acceptor.lock().unwrap().clone();
        let mut stream = acceptor.accept(stream).await.ok()?;
        let server_name = stream.get_ref().1.server_name().map(str::to_owned);
        let mut text = String::new();
        let (head, body) = loop {
            let mut bytes = [0; 4096];
            let count = stream.read(&mut bytes).await.ok().filter(|count| *count > 0)?;
            text += std::str::from_utf8(bytes.get(..count)?).ok()?;
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse::<usize>().ok()?;
            if body.len() == length {
                break (head.to_owned(), body.to_owned());
            }
        };
        self.passed.lock().unwrap().push(Passed { server_name, head, body });
        let body = r#"{"token_type":"Bearer","expires_in":3600,"access_token":"by-proxy"}"#;
        let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.ok()?;
        stream.shutdown().await.ok()
    }
}

fn certificate() -> (TlsAcceptor, String) {
    let signed = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signed.signing_key.serialize_der()));
    let config = sidekey_host::tls::server_config(vec![signed.cert.der().clone()], key, Protocols::Http1).unwrap();
    (TlsAcceptor::from(config), signed.cert.pem())
}

/// A pod with the binding's variables.
struct Pod {
    folder: tempfile::TempDir,
    url: String,
}

impl Pod {
    fn new(proxy: &Proxy, ca: &str) -> Self {
        let pod = Self { folder: tempfile::tempdir().unwrap(), url: format!("https://127.0.0.1:{}/base/", proxy.port) };
        std::fs::write(pod.path("ca.crt"), ca).unwrap();
        std::fs::write(pod.path("token"), "aa.bb.cc\n").unwrap();
        pod
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    async fn bench(&self, more: &[(&str, &str)]) -> Bench {
        let (token, ca) = (self.path("token"), self.path("ca.crt"));
        let mut pairs = vec![
            ("AzureAd:ClientCredentials:0:SourceType", "SignedAssertionFilePath"),
            ("AzureAd:ClientCredentials:0:ClientSecret", ""),
            ("AZURE_FEDERATED_TOKEN_FILE", token.as_str()),
            ("AZURE_KUBERNETES_TOKEN_PROXY", self.url.as_str()),
            ("AZURE_KUBERNETES_SNI_NAME", NAME),
            ("AZURE_KUBERNETES_CA_FILE", ca.as_str()),
        ];
        pairs.extend(more);
        Bench::with(&pairs).await
    }
}

#[tokio::test]
async fn the_projected_token_goes_to_the_proxy_under_its_own_name_and_path() {
    let (proxy, ca) = Proxy::start().await;
    let bench = Pod::new(&proxy, &ca);
    let pod = bench.bench(&[("AzureAd:ExtraQueryParameters:dc", "x y")]).await;
    assert_eq!(pod.acquire(&app()).await.unwrap().0, "Bearer by-proxy");
    assert_eq!(pod.asked(), 0);
    let passed = proxy.passed.lock().unwrap().pop().unwrap();
    assert_eq!(passed.server_name.as_deref(), Some(NAME));
    let line = passed.head.lines().next();
    assert_eq!(line, Some(format!("POST /base/{TENANT}/oauth2/v2.0/token?dc=x+y HTTP/1.1").as_str()));
    assert!(passed.head.contains(&format!("\r\nhost: 127.0.0.1:{}\r\n", proxy.port)), "{}", passed.head);
    assert!(passed.body.contains("client_assertion=aa.bb.cc"), "{}", passed.body);
}

#[tokio::test]
async fn a_new_ca_is_read_and_a_half_written_one_is_not_used() {
    let (proxy, ca) = Proxy::start().await;
    let pod = Pod::new(&proxy, &ca);
    let bench = pod.bench(&[]).await;
    bench.acquire(&app()).await.unwrap();
    std::fs::write(pod.path("ca.crt"), "").unwrap();
    bench.acquire(&forced(app())).await.unwrap();
    let rotated = proxy.rotate();
    let error = bench.acquire(&forced(app())).await.unwrap_err();
    assert!(matches!(&error, AcquireError::Unavailable { message, .. } if message.contains(&pod.url)), "{error}");
    std::fs::write(pod.path("ca.crt"), rotated).unwrap();
    bench.acquire(&forced(app())).await.unwrap();
    assert_eq!(proxy.passed.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_ca_in_the_variable_serves_as_well() {
    let (proxy, ca) = Proxy::start().await;
    let pod = Pod::new(&proxy, "");
    // Some versions of the webhook name a file that they do not mount.
    for file in ["", "/none/ca.crt"] {
        let bench = pod.bench(&[("AZURE_KUBERNETES_CA_FILE", file), ("AZURE_KUBERNETES_CA_DATA", &ca)]).await;
        bench.acquire(&app()).await.unwrap();
    }
    assert_eq!(proxy.passed.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn other_files_and_other_credentials_go_to_the_authority() {
    let (proxy, ca) = Proxy::start().await;
    let pod = Pod::new(&proxy, &ca);
    let other = pod.path("other");
    std::fs::write(&other, "dd.ee.ff").unwrap();
    let bench = pod.bench(&[("AzureAd:ClientCredentials:0:SignedAssertionFileDiskPath", &other)]).await;
    bench.acquire(&app()).await.unwrap();
    assert_eq!(bench.asked(), 1);
    // Without a usable CA the next credential has its turn.
    std::fs::write(pod.path("ca.crt"), "no certificate").unwrap();
    let next = [
        ("AzureAd:ClientCredentials:1:SourceType", "ClientSecret"),
        ("AzureAd:ClientCredentials:1:ClientSecret", "next"),
    ];
    let bench = pod.bench(&next).await;
    bench.acquire(&app()).await.unwrap();
    assert_eq!(bench.server.tokens_asked().pop().unwrap().field("client_secret"), Some("next"));
    let error = pod.bench(&[]).await.acquire(&app()).await.unwrap_err();
    assert!(matches!(&error, AcquireError::Configuration(text) if text.contains("ca.crt`: ")), "{error}");
    assert_eq!(*proxy.passed.lock().unwrap(), []);
}

#[test]
fn variables_that_contradict_each_other_are_faults() {
    let ca = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/certificate.pem");
    for (pairs, variable, problem) in [
        (&[("AZURE_KUBERNETES_SNI_NAME", NAME)][..], "TOKEN_PROXY", "is not set, but `AZURE_KUBERNETES_SNI_NAME` is"),
        (&[("AZURE_KUBERNETES_CA_FILE", ca)], "TOKEN_PROXY", "is not set"),
        (&[("AZURE_KUBERNETES_TOKEN_PROXY", "http://proxy")], "TOKEN_PROXY", "no https URL"),
        (&[("AZURE_KUBERNETES_TOKEN_PROXY", "/tmp")], "TOKEN_PROXY", "no URL"),
        (&[("AZURE_KUBERNETES_TOKEN_PROXY", "https://u@proxy")], "TOKEN_PROXY", "more than"),
        (&[("AZURE_KUBERNETES_TOKEN_PROXY", "https://proxy/?x")], "TOKEN_PROXY", "more than"),
        (&[("AZURE_KUBERNETES_TOKEN_PROXY", "https://proxy/#x")], "TOKEN_PROXY", "more than"),
        (
            &[("AZURE_KUBERNETES_TOKEN_PROXY", "https://p"), ("AZURE_KUBERNETES_SNI_NAME", "a b")],
            "SNI_NAME",
            "no DNS name",
        ),
        (
            &[
                ("AZURE_KUBERNETES_TOKEN_PROXY", "https://p"),
                ("AZURE_KUBERNETES_CA_FILE", ca),
                ("AZURE_KUBERNETES_CA_DATA", "pem"),
            ],
            "CA_DATA",
            "as well as",
        ),
    ] {
        let base = [("AZURE_TENANT_ID", TENANT), ("AZURE_CLIENT_ID", CLIENT), ("AZURE_FEDERATED_TOKEN_FILE", "/none")];
        let pairs = base.iter().chain(pairs).copied();
        let sidekey_config::Faults(faults) = Configuration::from_pairs(pairs).bind(Config::read).unwrap_err();
        let [fault] = faults.as_slice() else { panic!("{faults:?}") };
        assert_eq!(fault.key, format!("AZURE_KUBERNETES_{variable}"));
        assert!(fault.problem.contains(problem), "{fault}");
    }
}

const NAME: &str = "binding.aks.example.com";
