//! AKS identity bindings: token requests with the pod's projected token go to a proxy in the cluster, which exchanges it
//! (<https://learn.microsoft.com/azure/aks/identity-bindings-concepts>).
//!
//! The proxy is reached at its URL, but the handshake and its certificate name another server, and the request's path comes behind the
//! URL's own. Only the token named by `AZURE_FEDERATED_TOKEN_FILE` goes this way: it is made for the proxy.

use std::path::{Path, PathBuf};

use reqwest::{
    Client, RequestBuilder,
    header::{HOST, HeaderValue},
};
use sidekey_host::client::{self, ClientOptions};
use url::Url;

use super::{
    CredentialError,
    file::{self, Watched},
};
use crate::Environment;

/// What the variables say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenProxySettings {
    url: Url,
    /// The name in the handshake, where it is not the URL's host.
    server_name: Option<String>,
    ca: Ca,
}

/// Whose certificates are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ca {
    System,
    File(PathBuf),
    Pem(String),
}

impl TokenProxySettings {
    /// Reads the variables; `None` if there is no proxy. The error names the variable to blame, the problem, and what to do.
    pub(crate) fn read(environment: &Environment) -> Result<Option<Self>, (&'static str, String, &'static str)> {
        let get = |name| environment.get(name).map(str::trim);
        let Some(url) = get(URL) else {
            return match [SERVER_NAME, CA_FILE, CA_DATA].into_iter().find(|name| environment.has(name)) {
                None => Ok(None),
                Some(other) => Err((URL, format!("is not set, but `{other}` is"), "set both or neither")),
            };
        };
        let url = parse(url).map_err(|problem| (URL, problem.to_owned(), "write the https URL of the token proxy"))?;
        let server_name = get(SERVER_NAME).map(str::to_owned);
        if server_name.as_deref().is_some_and(|name| !is_name(name)) {
            return Err((SERVER_NAME, "is no DNS name".to_owned(), "write the name in the proxy's certificate"));
        }
        let ca = match (get(CA_FILE), get(CA_DATA)) {
            (None, None) => Ca::System,
            (Some(file), None) => Ca::File(file.into()),
            (None, Some(pem)) => Ca::Pem(pem.to_owned()),
            // Some versions of the webhook name a file that they do not mount.
            (Some(file), Some(pem)) if !Path::new(file).exists() => Ca::Pem(pem.to_owned()),
            (Some(_), Some(_)) => {
                return Err((CA_DATA, format!("is set as well as `{CA_FILE}`"), "remove one of the two"));
            }
        };
        Ok(Some(Self { url, server_name, ca }))
    }
}

/// A token proxy and the client that reaches it.
#[derive(Debug)]
pub(super) struct TokenProxy {
    settings: Result<TokenProxySettings, CredentialError>,
    client: Watched<Client>,
}

/// The way of a token request through a proxy.
#[derive(Clone, Debug)]
pub(crate) struct Via {
    client: Client,
    /// The proxy's own URL, for messages.
    place: String,
    /// With the name of the handshake as its host.
    url: Url,
    host: HeaderValue,
}

impl TokenProxy {
    /// The proxy for assertions from this file, if there is one for them.
    pub(super) fn of(assertion: &Path, environment: &Environment) -> Option<Self> {
        if environment.get(TOKEN_FILE).is_none_or(|projected| Path::new(projected.trim()) != assertion) {
            return None;
        }
        let settings = TokenProxySettings::read(environment).transpose()?.map_err(|(variable, problem, hint)| {
            CredentialError::new("SourceType", format!("the variable `{variable}` {problem}"), hint)
        });
        let watched = match &settings {
            Ok(TokenProxySettings { ca: Ca::File(path), .. }) => Some(path.clone()),
            _ => None,
        };
        Some(Self { settings, client: Watched::new(watched) })
    }

    /// The way at present. Reads the CA's file when it changed; an unusable change leaves the old one in force.
    pub(super) fn via(&self) -> Result<Via, CredentialError> {
        let settings = self.settings.as_ref().map_err(Clone::clone)?;
        let client = self.client.get(|| settings.client())?;
        let refuse = |problem: &str| {
            CredentialError::new(
                "SourceType",
                format!("the token proxy `{}` {problem}", settings.url),
                "check `AZURE_KUBERNETES_SNI_NAME`",
            )
        };
        let mut url = settings.url.clone();
        if let Some(name) = &settings.server_name {
            url.set_host(Some(name)).map_err(|_| refuse("cannot be called by its name in the handshake"))?;
        }
        let host = HeaderValue::from_str(&settings.authority()).map_err(|_| refuse("has an unusable host"))?;
        Ok(Via { client: Client::clone(&client), place: settings.url.to_string(), url, host })
    }
}

impl TokenProxySettings {
    fn client(&self) -> Result<Client, CredentialError> {
        let pem = match &self.ca {
            Ca::System => None,
            Ca::File(path) => Some(file::read(path, "SourceType")?),
            Ca::Pem(pem) => Some(zeroize::Zeroizing::new(pem.clone().into_bytes())),
        };
        let host = self.url.host_str().unwrap_or_default();
        client::build_to_host(&ClientOptions::default(), host, pem.as_ref().map(|pem| pem.as_slice())).map_err(
            |error| {
                let from = match &self.ca {
                    Ca::File(path) => format!("`{}`", path.display()),
                    Ca::Pem(_) => format!("`{CA_DATA}`"),
                    Ca::System => "the system's roots".to_owned(),
                };
                let problem = format!("no client for the token proxy can be made with {from}: {error}");
                CredentialError::new("SourceType", problem, "put the PEM certificate of the proxy's CA there")
            },
        )
    }

    /// Host and port as they stand in the URL.
    fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

impl Via {
    /// Who is asked, for messages.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// A request for a token endpoint: its path behind the proxy's own, its query as it is.
    pub(crate) fn post(&self, endpoint: &Url) -> RequestBuilder {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{}", self.url.path().trim_end_matches('/'), endpoint.path()));
        url.set_query(endpoint.query());
        self.client.post(url).header(HOST, self.host.clone())
    }
}

fn parse(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is no URL")?;
    if url.scheme() != "https" || url.host_str().is_none() {
        return Err("is no https URL");
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("has more than a host, a port and a path");
    }
    Ok(url)
}

fn is_name(text: &str) -> bool {
    rustls_pki_types::DnsName::try_from(text).is_ok()
}

const URL: &str = "AZURE_KUBERNETES_TOKEN_PROXY";
const SERVER_NAME: &str = "AZURE_KUBERNETES_SNI_NAME";
const CA_FILE: &str = "AZURE_KUBERNETES_CA_FILE";
const CA_DATA: &str = "AZURE_KUBERNETES_CA_DATA";
const TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
