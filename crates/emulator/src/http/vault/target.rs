//! Which vault a request is for, and by what names it was asked.

use axum::{extract::Request, http::uri::Authority};
use percent_encoding::percent_decode_str;

use super::{super::Site, RESOURCE};
use crate::vault::VaultHost;

/// The vault and what of it is meant.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: String,
    /// The vault's address, without a slash at its end.
    pub(super) base: String,
    /// What tokens are to be asked for.
    pub(super) resource: String,
    /// The path below the address as it was sent, without empty segments.
    pub(super) path: String,
}

impl Target {
    /// `None` if the request is not for a vault.
    pub(super) fn find(site: &Site, request: &Request) -> Option<Self> {
        let asked = site.asked(request.headers(), request.uri());
        let (scheme, authority) = asked.split_once("://")?;
        let segments: Vec<&str> = request.uri().path().split('/').filter(|segment| !segment.is_empty()).collect();
        if let Some(host) = authority.parse::<Authority>().ok().as_ref().and_then(VaultHost::find) {
            let (name, resource) = (host.name.to_owned(), format!("{scheme}://{}", host.resource));
            return Some(Self { name, base: asked.clone(), resource, path: segments.join("/") });
        }
        let [first, second, name, path @ ..] = &segments[..] else { return None };
        if !(first.eq_ignore_ascii_case("sidekey") && second.eq_ignore_ascii_case("vault")) {
            return None;
        }
        let base = format!("{asked}/sidekey/vault/{name}");
        Some(Self { name: (*name).to_owned(), base, resource: RESOURCE.to_owned(), path: path.join("/") })
    }

    /// The path's segments, decoded.
    pub(super) fn segments(&self) -> Vec<String> {
        let segments = self.path.split('/').filter(|segment| !segment.is_empty());
        segments.map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned()).collect()
    }

    /// The path as the log and scripted faults have it: the same for both ways to ask.
    pub(super) fn log_path(&self) -> String {
        format!("/sidekey/vault/{}/{}", self.name, self.path)
    }
}
