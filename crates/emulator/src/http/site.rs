//! What every handler has: the emulator, its canonical origin, and the address that the client asked.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Uri, header::HOST, request::Parts, uri::Authority},
};
use sidekey_oauth::Cloud;
use url::Url;

use crate::Emulator;

/// Whether a listener speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The state of all handlers.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) emulator: Arc<Emulator>,
    /// Without a slash at its end.
    pub(crate) origin: Arc<str>,
    /// The listener's scheme, if it is known.
    pub(crate) scheme: Option<Scheme>,
}

impl Site {
    /// The origin that a request was sent to, such as `http://localhost:5080`.
    pub(super) fn asked(&self, headers: &HeaderMap, uri: &Uri) -> String {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).or(uri.authority().map(Authority::as_str));
        let authority =
            host.and_then(|host| host.parse::<Authority>().ok()).filter(|host| !host.as_str().contains('@'));
        let Some(authority) = authority else { return self.origin.to_string() };
        let scheme = self.scheme.map_or_else(|| self.guess_scheme(&authority, uri), Scheme::as_str);
        format!("{scheme}://{authority}")
    }

    /// HTTP/2 tells the scheme; HTTP/1 does not, but the port does: the canonical one has the canonical scheme, and Entra's own
    /// hosts without port are https. Other ports are the plain listener's.
    fn guess_scheme(&self, authority: &Authority, uri: &Uri) -> &'static str {
        let canonical = self.origin.parse::<Url>().ok();
        let port = canonical.as_ref().and_then(Url::port_or_known_default);
        match uri.scheme_str() {
            Some("https") => "https",
            Some("http") => "http",
            _ if authority.port_u16().is_none() && Cloud::of_host(authority.host()).is_some() => "https",
            _ if authority.port_u16().or(Some(443)) == port && self.origin.starts_with("https:") => "https",
            _ => "http",
        }
    }
}

/// The origin that the client asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked(pub(crate) String);

impl FromRequestParts<Site> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Infallible> {
        Ok(Self(site.asked(&parts.headers, &parts.uri)))
    }
}
