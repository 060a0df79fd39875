//! `DownstreamApis`, `Sidecar`, `AllowedHosts` and the listener keys as checked types. All that a request needs is made
//! ready here, so that answering from the cache parses nothing.

mod api;
mod door;
mod forward_auth;
mod gates;
mod limits;
mod listen;
mod pop;
mod token_parameters;
mod unavailable;

use std::path::PathBuf;

use sidekey_config::Section;
use sidekey_host::listen::{Endpoint, Limits};

use crate::door::Door;

pub(crate) use api::{Api, Apis};
pub(crate) use forward_auth::ForwardAuth;
pub(crate) use gates::{Gate, Gates};
pub(crate) use limits::Bounds;

/// The sidecar's own part of the configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// `Sidecar:Compatibility`
    pub(crate) mode: Compatibility,
    /// Whether the environment is `Development`, where the OpenAPI document is served.
    pub(crate) development: bool,
    /// `DownstreamApis`
    pub(crate) apis: Apis,
    /// `Sidecar:AllowOverrides`
    pub(crate) gates: Gates,
    /// `Sidecar:AllowOutboundRedirects`
    pub(crate) follow_redirects: bool,
    /// Who may come in.
    pub(crate) door: Door,
    /// `Sidecar:ForwardAuth`
    pub(crate) forward_auth: Option<ForwardAuth>,
    /// `Sidecar:Limits`
    pub(crate) bounds: Bounds,
    /// The one scope that `/Validate` asks for in `Upstream`: the text at `AzureAd:Scopes` as it stands.
    pub(crate) upstream_scope: Option<Box<str>>,
    endpoints: Vec<Endpoint>,
    /// The certificates of the endpoints.
    certificate_files: Vec<PathBuf>,
    /// Whether the names in the endpoints' URLs are the hosts that requests may name.
    hosts_of_endpoints: bool,
}

/// `Sidecar:Compatibility`: where the two differ is in the table of the user documentation, and nowhere else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Compatibility {
    /// Deliberately better.
    #[default]
    Strict,
    /// The answers of Microsoft's sidecar 1.1.x.
    Upstream,
}

impl Config {
    /// Reads the sections below the root; faults are recorded there. `environment` is the environment's name.
    pub fn read(root: &Section<'_>, environment: &str) -> Self {
        let sidecar = root.section("Sidecar");
        sidecar.own();
        unavailable::check(&sidecar);
        let mode = compatibility(&sidecar);
        let development = environment.eq_ignore_ascii_case("Development");
        let listening = listen::read(root);
        Self {
            mode,
            development,
            apis: Apis::read(&root.section("DownstreamApis")),
            gates: Gates::read(&sidecar.section("AllowOverrides")),
            follow_redirects: sidecar.bool("AllowOutboundRedirects", false),
            door: door::read(root, &sidecar, &listening.hosts, mode, development),
            forward_auth: ForwardAuth::read(&sidecar.section("ForwardAuth")),
            bounds: Bounds::read(&sidecar.section("Limits")),
            upstream_scope: upstream_scope(&root.section("AzureAd")),
            endpoints: listening.endpoints,
            certificate_files: listening.certificate_files,
            hosts_of_endpoints: root.text("AllowedHosts").is_none(),
        }
    }

    /// Where to listen, by Kestrel's keys and their precedence.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The files that hold the endpoints' certificates and keys.
    pub fn certificate_files(&self) -> &[PathBuf] {
        &self.certificate_files
    }

    /// The keys whose change a running process cannot take up.
    pub fn needs_restart(&self, changed: &Self) -> Vec<&'static str> {
        let (own, other) = (&self.bounds, &changed.bounds);
        let keys = [
            ("Kestrel:Endpoints, URLS or HTTP_PORTS", !self.listens_where(changed)),
            ("Sidecar:Limits:MaxConnections", own.listener.max_connections != other.listener.max_connections),
            ("Sidecar:Limits:MaxHeaderBytes", own.listener.max_header_bytes != other.listener.max_header_bytes),
            ("Sidecar:Limits:HeaderTimeout", own.listener.header_timeout != other.listener.header_timeout),
            ("Sidecar:Limits:MaxBufferedBytes", own.buffered != other.buffered),
        ];
        keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }

    /// Makes this the configuration of a process that listens where `running` says: listeners stay, and so do the names
    /// under which they are reached; their certificates are exchanged.
    pub(crate) fn keep_listening_as(&mut self, running: &Self) {
        if self.listens_where(running) {
            for (own, new) in running.endpoints.iter().zip(&self.endpoints) {
                if let (Some(own), Some(new)) = (&own.tls, &new.tls) {
                    own.store(new.load_full());
                }
            }
        } else if self.hosts_of_endpoints && running.hosts_of_endpoints {
            self.door.hosts = running.door.hosts.clone();
        }
        self.endpoints.clone_from(&running.endpoints);
    }

    fn listens_where(&self, other: &Self) -> bool {
        let place = |endpoint: &Endpoint| (endpoint.address.clone(), endpoint.protocols, endpoint.tls.is_some());
        self.endpoints.iter().map(place).eq(other.endpoints.iter().map(place))
    }

    /// The listener's limits.
    pub fn limits(&self) -> Limits {
        self.bounds.listener
    }
}

/// A list leaves the original's scalar empty, and so asks for nothing.
fn upstream_scope(azure_ad: &Section<'_>) -> Option<Box<str>> {
    let text = azure_ad.setting("Scopes")?.value;
    (!text.trim().is_empty()).then(|| text.into())
}

fn compatibility(sidecar: &Section<'_>) -> Compatibility {
    let names = [("Strict", Compatibility::Strict), ("Upstream", Compatibility::Upstream)];
    let mode = sidecar.one_of("Compatibility", Compatibility::Strict, &names);
    if mode == Compatibility::Upstream {
        for row in WEAKER {
            sidecar.warn("Compatibility", format!("`Upstream` weakens security: {row}"));
        }
    }
    mode
}

/// The rows of the table in which `Upstream` is the weaker one.
const WEAKER: [&str; 7] = [
    "agent parameters that break a rule are ignored or downgraded to another identity",
    "agent parameters on a route whose overrides are off are dropped, and the call is made as the application itself",
    "an invalid token on an `…Unauthenticated` route is ignored instead of refused",
    "`AzureAd:Scopes` is enforced by `/Validate` alone, and only as one literal text",
    "any `Host` is accepted while `AllowedHosts` is not set, which lets web pages reach the sidecar by DNS rebinding",
    "web pages of other sites may send requests, because `Origin` is ignored",
    "callers from other machines are let in while the environment is `Development`",
];

#[cfg(test)]
mod tests;
