//! The keys that say who may come in: `AllowedHosts`, `Sidecar:AllowedCallers`, `:AllowedUids`, `:AllowedOrigins`,
//! `:CallerKeyPath`, `:RateLimit`.

use std::{net::IpAddr, path::Path, sync::Arc};

use ipnet::IpNet;
use sidekey_config::Section;

use super::Compatibility;
use crate::door::{CallerKey, Door, Hosts, Origins, RateLimit};

pub(super) fn read(
    root: &Section<'_>,
    sidecar: &Section<'_>,
    endpoint_hosts: &[String],
    mode: Compatibility,
    development: bool,
) -> Door {
    let origins = origins(sidecar);
    if mode == Compatibility::Upstream && sidecar.section("AllowedOrigins").exists() {
        sidecar.warn("AllowedOrigins", "has no effect while `Sidecar:Compatibility` is `Upstream`");
    }
    Door {
        anyone: mode == Compatibility::Upstream && development,
        callers: callers(sidecar),
        uids: uids(sidecar),
        hosts: hosts(root, endpoint_hosts, mode),
        origins: (mode == Compatibility::Strict).then_some(origins),
        key: caller_key(sidecar),
        rate: rate_limit(&sidecar.section("RateLimit")),
    }
}

fn callers(sidecar: &Section<'_>) -> Vec<IpNet> {
    let mut nets = Vec::new();
    for text in sidecar.list("AllowedCallers") {
        match text.parse::<IpNet>().or_else(|cause| text.parse::<IpAddr>().map(IpNet::from).map_err(|_| cause)) {
            Ok(net) => nets.push(net.trunc()),
            Err(_) => sidecar.fault(
                "AllowedCallers",
                format!("`{text}` is neither an address nor a range of addresses"),
                "write CIDR ranges such as `10.244.0.0/16`",
            ),
        }
    }
    if let Some(all) = nets.iter().find(|net| net.prefix_len() == 0) {
        let message = format!("`{all}` lets everyone who can reach the port get tokens");
        sidecar.warn("AllowedCallers", message);
    }
    nets
}

fn uids(sidecar: &Section<'_>) -> Vec<u32> {
    let texts = sidecar.list("AllowedUids");
    if texts.is_empty() {
        return vec![rustix::process::geteuid().as_raw(), 0];
    }
    let mut uids = Vec::new();
    for text in texts {
        match text.parse() {
            Ok(uid) => uids.push(uid),
            Err(_) => {
                sidecar.fault("AllowedUids", format!("`{text}` is not a user id"), "write numbers such as `1000`");
            }
        }
    }
    uids
}

fn caller_key(sidecar: &Section<'_>) -> Option<Arc<CallerKey>> {
    let path = sidecar.text("CallerKeyPath")?;
    let opened = CallerKey::open(Path::new(path));
    opened.map_err(|fault| sidecar.fault("CallerKeyPath", fault.to_string(), fault.hint)).ok().map(Arc::new)
}

/// `Burst` 0 is one second's worth.
fn rate_limit(section: &Section<'_>) -> Option<Arc<RateLimit>> {
    let number = |name| u32::try_from(section.integer(name, 0, 0..=1_000_000)).unwrap_or(u32::MAX);
    let (per_second, burst) = (number("RequestsPerSecond"), number("Burst"));
    if per_second == 0 && burst > 0 {
        section.warn("Burst", "has no effect while `RequestsPerSecond` is 0");
    }
    let burst = if burst == 0 { per_second } else { burst };
    (per_second > 0).then(|| Arc::new(RateLimit::new(per_second, burst)))
}

fn origins(sidecar: &Section<'_>) -> Origins {
    Origins::parse(sidecar.list("AllowedOrigins")).unwrap_or_else(|entry| {
        let hint = "write origins such as `https://portal.contoso.com`, without a path";
        sidecar.fault("AllowedOrigins", format!("`{entry}` is not an origin"), hint);
        Origins::default()
    })
}

fn hosts(root: &Section<'_>, endpoint_hosts: &[String], mode: Compatibility) -> Hosts {
    match root.text("AllowedHosts") {
        Some(list) => Hosts::parse(list).unwrap_or_else(|entry| {
            let hint = "write host names without ports, joined with `;`, such as `localhost;*.contoso.com`";
            root.fault("AllowedHosts", format!("`{entry}` is not a host name"), hint);
            Hosts::Any
        }),
        None if mode == Compatibility::Upstream => Hosts::Any,
        None => Hosts::local(endpoint_hosts.iter().map(String::as_str)),
    }
}
