//! One sidecar with its authority and its API, and requests to it.

use std::{fmt::Write, path::PathBuf, time::Duration};

use http::{HeaderMap, Method};
use sidekey_config::Configuration;
use sidekey_entra::Entra;
use sidekey_host::{
    Shutdown, SystemClock,
    client::{ClientOptions, build},
    listen::{Address, Endpoint, Limits, Listener, Protocols, serve},
};
use sidekey_sidecar::{Config, Sidecar};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use crate::{
    api::Api,
    authority::{Authority, CLIENT, SECRET, TENANT},
};

pub(crate) struct Setup {
    pub(crate) authority: Authority,
    pub(crate) api: Api,
    pub(crate) url: String,
    pub(crate) socket: PathBuf,
    _folder: tempfile::TempDir,
    pub(crate) shutdown: Shutdown,
    pub(crate) client: reqwest::Client,
}

impl Setup {
    /// A sidecar with two APIs, `App` (app tokens) and `User` (on behalf of the caller), and more settings.
    pub(crate) async fn new(settings: &[(&str, &str)]) -> Self {
        Self::in_environment("Production", settings).await
    }

    pub(crate) async fn in_environment(environment: &str, settings: &[(&str, &str)]) -> Self {
        crate::logs::listen();
        let (authority, api) = (Authority::start().await, Api::start().await);
        let base = format!("{}/v1/orders/", api.origin);
        let instance = format!("{}/", authority.origin);
        let own = [
            ("AzureAd:Instance", instance.as_str()),
            ("AzureAd:TenantId", TENANT),
            ("AzureAd:ClientId", CLIENT),
            ("AzureAd:ClientCredentials:0:SourceType", "ClientSecret"),
            ("AzureAd:ClientCredentials:0:ClientSecret", SECRET),
            ("DownstreamApis:App:BaseUrl", base.as_str()),
            ("DownstreamApis:App:Scopes", "api://orders/.default"),
            ("DownstreamApis:App:RequestAppToken", "true"),
            ("DownstreamApis:User:BaseUrl", base.as_str()),
            ("DownstreamApis:User:Scopes", "api://orders/Orders.Read"),
        ];
        let configuration = Configuration::from_pairs(own.into_iter().chain(settings.iter().copied()));
        let read =
            |root: &sidekey_config::Section<'_>| (sidekey_entra::Config::read(root), Config::read(root, environment));
        let ((entra, config), _) = configuration.bind(read).unwrap();
        let client = build(&ClientOptions::default()).unwrap();
        let entra = Entra::new(entra, client.clone(), std::sync::Arc::new(SystemClock));
        let shutdown = Shutdown::new();
        let sidecar = Sidecar::new(config, entra, client.clone(), shutdown.clone());
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("sidekey.sock");
        let mut listeners = Vec::new();
        for address in [Address::Localhost(0), Address::Unix(socket.clone())] {
            let endpoint = Endpoint { address, tls: None, protocols: Protocols::default() };
            listeners.push(Listener::bind(&endpoint).await.unwrap());
        }
        let url = listeners[0].url();
        // The listeners have a shutdown of their own, so that readiness can be asked for after the end was.
        tokio::spawn(serve(listeners, sidecar, Limits::default(), Shutdown::new(), Duration::ZERO));
        Self { authority, api, url, socket, _folder: folder, shutdown, client }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], "").await
    }

    pub(crate) async fn get_with(&self, path: &str, token: &str) -> Reply {
        self.send(Method::GET, path, &[("authorization", &format!("Bearer {token}"))], "").await
    }

    /// Sends a request as it is written over the Unix socket; the reply's first line.
    pub(crate) async fn by_unix_socket(&self, request: &str) -> String {
        let mut stream = UnixStream::connect(&self.socket).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).await.unwrap();
        String::from_utf8(reply).unwrap().lines().next().unwrap_or_default().to_owned()
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Reply {
        let mut request = self.client.request(method, format!("{}{path}", self.url)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Reply { status, headers, body: response.bytes().await.unwrap().to_vec() }
    }
}

/// A reply, read to its end.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Status, headers (but the date) and body; a reference is the same each time.
    pub(crate) fn whole(&self) -> String {
        let mut text = format!("{}\n", self.status);
        for (name, value) in &self.headers {
            if name != "date" {
                writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
            }
        }
        write!(text, "\n{}", String::from_utf8_lossy(&self.body)).unwrap();
        match self.json_reference() {
            Some(reference) => text.replace(&reference, "00000000-0000-0000-0000-000000000000"),
            None => text,
        }
    }

    fn json_reference(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        Some(body.get("referenceId")?.as_str()?.to_owned())
    }
}
