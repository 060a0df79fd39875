//! Where to listen: `Kestrel:Endpoints`, else `URLS`, else `HTTP_PORTS` and `HTTPS_PORTS`, else `http://localhost:5000`.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use sidekey_config::Section;
use sidekey_host::{
    listen::{Address, Endpoint, Protocols, parse_url},
    tls::server_config_from_files,
};

use crate::door::host_of;

/// The endpoints, and the host names that their URLs have.
pub(super) struct Listening {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) hosts: Vec<String>,
    pub(super) certificate_files: Vec<PathBuf>,
}

/// Reads the keys. The first that is set wins; the others are warned about, as Kestrel does.
pub(super) fn read(root: &Section<'_>) -> Listening {
    let kestrel = root.section("Kestrel");
    check_kestrel(&kestrel);
    let defaults = Defaults {
        protocols: protocols(&kestrel.section("EndpointDefaults"), Protocols::default()),
        certificate: kestrel.section("Certificates:Default"),
    };
    let named = kestrel.section("Endpoints").exists();
    let urls = root.text("URLS").is_some();
    let ports = ["HTTP_PORTS", "HTTPS_PORTS"].map(|name| root.text(name).is_some()).contains(&true);
    let prefers_urls = root.bool("PREFERHOSTINGURLS", false) && (urls || ports);
    let endpoints = match () {
        () if named && !prefers_urls => {
            warn_of_losers(root, &["URLS", "HTTP_PORTS", "HTTPS_PORTS"], "Kestrel:Endpoints");
            from_kestrel(&kestrel.section("Endpoints"), &defaults)
        }
        () if urls => {
            warn_of_losers(root, &["HTTP_PORTS", "HTTPS_PORTS"], "URLS");
            from_urls(root, &defaults)
        }
        () if ports => from_ports(root, &defaults),
        () => [endpoint(root, "URLS", DEFAULT_URL, &defaults)].into_iter().flatten().collect(),
    };
    if named && prefers_urls {
        // What is not used is still known, so that nobody is told that it is misspelt.
        root.reserve(&["Kestrel:Endpoints"]);
        root.warn("Kestrel:Endpoints", "is not used, because `PREFERHOSTINGURLS` is set");
    }
    let (endpoints, hosts): (Vec<_>, Vec<_>) = endpoints.into_iter().unzip();
    let certificate_files =
        if endpoints.iter().any(|endpoint| endpoint.tls.is_some()) { certificate_files(&kestrel) } else { Vec::new() };
    Listening { endpoints, hosts: hosts.into_iter().flatten().collect(), certificate_files }
}

/// The files of every certificate that an endpoint may use.
fn certificate_files(kestrel: &Section<'_>) -> Vec<PathBuf> {
    let own = kestrel.section("Endpoints");
    let of_endpoints = own.children().into_iter().map(|name| own.section(name).section("Certificate"));
    let all = of_endpoints.chain([kestrel.section("Certificates:Default")]);
    all.flat_map(|certificate| [certificate.text("Path"), certificate.text("KeyPath")])
        .flatten()
        .map(PathBuf::from)
        .collect()
}

/// What holds for every endpoint that does not say otherwise.
struct Defaults<'s> {
    protocols: Protocols,
    certificate: Section<'s>,
}

/// An endpoint and the host name in its URL.
type Named = (Endpoint, Option<String>);

fn from_kestrel(section: &Section<'_>, defaults: &Defaults<'_>) -> Vec<Named> {
    let mut endpoints = Vec::new();
    for name in section.children() {
        let own = section.section(name);
        refuse_unavailable(&own);
        let certificate = own.section("Certificate");
        let defaults = Defaults {
            protocols: protocols(&own, defaults.protocols),
            certificate: if certificate.exists() { certificate } else { defaults.certificate.clone() },
        };
        match own.text("Url") {
            Some(url) => endpoints.extend(endpoint(&own, "Url", url, &defaults)),
            None => own.fault("Url", "is not set", "write a URL such as `http://127.0.0.1:5000`"),
        }
    }
    endpoints
}

fn from_urls(root: &Section<'_>, defaults: &Defaults<'_>) -> Vec<Named> {
    let urls = root.text("URLS").unwrap_or_default().split(';').map(str::trim).filter(|url| !url.is_empty());
    urls.filter_map(|url| endpoint(root, "URLS", url, defaults)).collect()
}

fn from_ports(root: &Section<'_>, defaults: &Defaults<'_>) -> Vec<Named> {
    let mut endpoints = Vec::new();
    for (name, scheme) in [("HTTP_PORTS", "http"), ("HTTPS_PORTS", "https")] {
        let ports = root.text(name).unwrap_or_default().split(';').map(str::trim).filter(|port| !port.is_empty());
        for port in ports {
            if port.parse::<u16>().is_ok() {
                endpoints.extend(endpoint(root, name, &format!("{scheme}://*:{port}"), defaults));
            } else {
                root.fault(
                    name,
                    format!("`{port}` is not a port"),
                    "write port numbers joined with `;`, such as `8080`",
                );
            }
        }
    }
    endpoints
}

/// The endpoint of a URL; `None` once its fault is recorded.
fn endpoint(section: &Section<'_>, name: &str, url: &str, defaults: &Defaults<'_>) -> Option<Named> {
    let hint = "write URLS such as `http://localhost:5000`, `http://*:8080` or `http://unix:/run/sidekey.sock`";
    let (address, is_https) = match parse_url(url) {
        Ok(parsed) => parsed,
        Err(cause) => {
            section.fault(name, cause.to_string(), hint.replace("URLS", "a URL"));
            return None;
        }
    };
    let protocols = defaults.protocols;
    let tls = if is_https { Some(tls(section, name, &defaults.certificate, protocols)?) } else { None };
    let host = (!matches!(address, Address::Unix(_))).then(|| host(url)).flatten();
    Some((Endpoint { address, tls, protocols }, host))
}

fn tls(
    section: &Section<'_>,
    name: &str,
    certificate: &Section<'_>,
    protocols: Protocols,
) -> Option<Arc<ArcSwap<rustls::ServerConfig>>> {
    let Some(path) = certificate.text("Path") else {
        let hint = format!("write the PEM file of a certificate into `{}:Path`", certificate.key());
        section.fault(name, "`https` needs a certificate", hint);
        return None;
    };
    if certificate.secret("Password").is_some() {
        let hint = "store the key decrypted, readable by this program alone";
        certificate.fault("Password", "protected keys are not available for listeners in this version", hint);
    }
    let key = certificate.text("KeyPath").map(Path::new);
    match server_config_from_files(Path::new(path), key, protocols) {
        Ok(config) => Some(Arc::new(ArcSwap::from(config))),
        Err(cause) => {
            let hint = "name a PEM file with the certificate chain, and its key there or in `KeyPath`";
            certificate.fault("Path", cause.to_string(), hint);
            None
        }
    }
}

fn protocols(section: &Section<'_>, default: Protocols) -> Protocols {
    let names = [
        ("Http1", Protocols::Http1),
        ("Http2", Protocols::Http2),
        ("Http1AndHttp2", Protocols::Http1AndHttp2),
        ("Http1AndHttp2AndHttp3", Protocols::Http1AndHttp2),
    ];
    section.one_of("Protocols", default, &names)
}

/// Settings that make a listener stricter than ours is, or serve certificates that ours does not.
fn refuse_unavailable(endpoint: &Section<'_>) {
    let modes = [
        ("NoCertificate", true),
        ("AllowCertificate", false),
        ("RequireCertificate", false),
        ("DelayCertificate", false),
    ];
    if !endpoint.one_of("ClientCertificateMode", true, &modes) {
        let hint = "write `NoCertificate`";
        endpoint.fault("ClientCertificateMode", "client certificates are not available in this version", hint);
    }
    let versions = endpoint.list("SslProtocols");
    let is_ours = versions.iter().all(|version| version.eq_ignore_ascii_case("None"))
        || ["Tls12", "Tls13"].iter().all(|ours| versions.iter().any(|version| version.eq_ignore_ascii_case(ours)));
    if !is_ours {
        endpoint.fault("SslProtocols", "the versions of TLS cannot be chosen: 1.2 and 1.3 are served", "remove it");
    }
    if endpoint.section("Sni").exists() {
        endpoint.reserve(&["Sni"]);
        endpoint.fault("Sni", "is not available in this version", "write `Certificate`");
    }
}

fn check_kestrel(kestrel: &Section<'_>) {
    kestrel.own();
    kestrel.reserve(&["Certificates:Development"]);
    refuse_unavailable(&kestrel.section("EndpointDefaults"));
    if kestrel.section("Limits").exists() {
        kestrel.reserve(&["Limits"]);
        kestrel.warn("Limits", "has no effect; the limits are in `Sidecar:Limits`");
    }
    for name in ["Subject", "Store", "Location", "AllowInvalid"] {
        kestrel.section("Certificates:Default").reserve(&[name]);
    }
}

fn warn_of_losers(root: &Section<'_>, names: &[&str], winner: &str) {
    for name in names {
        if root.text(name).is_some() {
            root.warn(name, format!("is not used, because `{winner}` is set"));
        }
    }
}

/// The host in a URL that was parsed.
fn host(url: &str) -> Option<String> {
    let authority = url.trim().split_once("://")?.1.trim_end_matches('/');
    host_of(authority).map(str::to_owned)
}

const DEFAULT_URL: &str = "http://localhost:5000";
