//! The door: who may come in at all, before anything is looked at. Callers by their socket and how often they come, then
//! `Host`, then `Origin`, then the key that callers show.

mod caller_key;
mod cors;
mod hosts;
mod origins;
mod rate;

use std::{sync::Arc, time::Duration};

use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use ipnet::IpNet;
use sidekey_host::listen::Peer;

use crate::{error, reply};

pub(crate) use caller_key::CallerKey;
pub(crate) use cors::{allow_origin, preflight};
pub(crate) use hosts::{Hosts, host_of};
pub(crate) use origins::Origins;
pub(crate) use rate::RateLimit;

use origins::Verdict;

/// The rules of the door.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    /// Let every caller in.
    pub(crate) anyone: bool,
    /// Callers besides those of this host.
    pub(crate) callers: Vec<IpNet>,
    /// Users who may call by a Unix socket.
    pub(crate) uids: Vec<u32>,
    /// The names that a request may give us.
    pub(crate) hosts: Hosts,
    /// The origins that a browser may come from; `None` does not ask.
    pub(crate) origins: Option<Origins>,
    /// The key that callers show; `None` asks for none.
    pub(crate) key: Option<Arc<CallerKey>>,
    /// How often a caller may come; `None` does not count.
    pub(crate) rate: Option<Arc<RateLimit>>,
}

/// Why a request is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TurnedAway {
    /// The peer is not of this host and not listed.
    #[error("its peer {0:?} is not on this host; list its range in `Sidecar:AllowedCallers` to let it in")]
    Caller(Peer),
    /// The peer asks too often.
    #[error("its peer asks more often than `Sidecar:RateLimit` allows; it may come again in {} ms", .0.as_millis())]
    TooOften(Duration),
    /// The name that it gives us is not ours.
    #[error("its `Host` is not one of ours; list it in `AllowedHosts` to accept it")]
    Host,
    /// It comes from a web page of another site.
    #[error("it comes from a web page of another site; list its origin in `Sidecar:AllowedOrigins` to let it in")]
    Origin,
    /// It does not show the caller key.
    #[error("its `X-Sidekey-Caller-Key` is missing or not the one in `Sidecar:CallerKeyPath`")]
    Key,
}

impl Door {
    /// Judges a request but for its key. `Ok` holds the origin of a web page that may read the reply.
    pub(crate) fn admit(&self, peer: Peer, uri: &Uri, headers: &HeaderMap) -> Result<Option<HeaderValue>, TurnedAway> {
        self.admit_caller(peer, headers)?;
        if !self.hosts.allow(uri, headers) {
            return Err(TurnedAway::Host);
        }
        match self.origins.as_ref().map(|origins| origins.judge(uri, headers)) {
            None | Some(Verdict::Own) => Ok(None),
            Some(Verdict::Listed(origin)) => Ok(Some(origin)),
            Some(Verdict::Foreign) => Err(TurnedAway::Origin),
        }
    }

    /// Judges the peer: whether it may come in, by the socket alone, and whether so often.
    pub(crate) fn admit_caller(&self, peer: Peer, headers: &HeaderMap) -> Result<(), TurnedAway> {
        if !self.knows(peer) {
            return Err(TurnedAway::Caller(peer));
        }
        let Some(rate) = &self.rate else { return Ok(()) };
        let shows_key = self.key.as_ref().is_some_and(|key| key.admits(headers));
        rate.admit(peer, shows_key).map_err(TurnedAway::TooOften)
    }

    /// Judges the key that a request shows.
    pub(crate) fn admit_key(&self, headers: &HeaderMap) -> Result<(), TurnedAway> {
        match &self.key {
            Some(key) if !key.admits(headers) => Err(TurnedAway::Key),
            _ => Ok(()),
        }
    }

    /// Whether a caller may come in, by its socket alone.
    fn knows(&self, peer: Peer) -> bool {
        match peer {
            _ if self.anyone => true,
            Peer::Unix { uid } => uid.is_some_and(|uid| self.uids.contains(&uid)),
            Peer::Tcp(address) => {
                let ip = address.ip().to_canonical();
                ip.is_loopback() || self.callers.iter().any(|net| net.contains(&ip))
            }
        }
    }
}

impl TurnedAway {
    /// The reply: nothing to learn from, but for a wrong `Host` a page that a person may see.
    pub(crate) fn into_response(self) -> Response {
        match self {
            Self::Caller(_) | Self::Origin | Self::Key => reply::empty(StatusCode::FORBIDDEN),
            Self::TooOften(after) => error::too_often(after),
            Self::Host => Self::invalid_host(),
        }
    }

    fn invalid_host() -> Response {
        let mut response = Response::new(Body::from(INVALID_HOST));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
        response
    }
}

const INVALID_HOST: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>Bad Request</title></head>\n<body>\n\
                            <h1>Bad Request</h1>\n<p>Invalid host name.</p>\n</body>\n</html>\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn door() -> Door {
        Door {
            anyone: false,
            callers: vec!["10.244.0.0/16".parse().unwrap(), "fd00::/8".parse().unwrap()],
            uids: vec![1000, 0],
            hosts: Hosts::local([]),
            origins: Some(Origins::default()),
            key: None,
            rate: None,
        }
    }

    fn tcp(address: &str) -> Peer {
        Peer::Tcp(address.parse().unwrap())
    }

    #[test]
    fn callers_are_judged_by_their_socket() {
        let unix = |uid| Peer::Unix { uid };
        for known in [
            "127.0.0.1:1",
            "127.255.0.9:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
            "10.244.3.4:1",
            "[::ffff:10.244.0.1]:1",
            "[fd00::1]:1",
        ] {
            assert!(door().knows(tcp(known)), "{known}");
        }
        for unknown in ["10.245.0.1:1", "192.168.0.1:1", "[::2]:1", "[::ffff:128.0.0.1]:1", "0.0.0.0:1", "[fe80::1]:1"]
        {
            assert!(!door().knows(tcp(unknown)), "{unknown}");
        }
        assert!(door().knows(unix(Some(1000))) && door().knows(unix(Some(0))));
        assert!(!door().knows(unix(Some(1001))) && !door().knows(unix(None)));
        assert!(Door { anyone: true, ..door() }.knows(tcp("8.8.8.8:1")));
    }

    #[test]
    fn no_header_makes_a_caller_local() {
        let headers = ["x-forwarded-for", "forwarded", "x-real-ip", "x-original-for"]
            .map(|name| (http::HeaderName::from_static(name), HeaderValue::from_static("127.0.0.1")));
        let admitted = door().admit(tcp("192.168.0.1:1"), &Uri::from_static("/"), &headers.into_iter().collect());
        assert_eq!(admitted, Err(TurnedAway::Caller(tcp("192.168.0.1:1"))));
    }

    #[test]
    fn the_caller_comes_before_the_host_and_the_host_before_the_origin() {
        let headers: HeaderMap = [(header::HOST, "evil.example"), (header::ORIGIN, "https://evil.example")]
            .map(|(name, value)| (name, HeaderValue::from_static(value)))
            .into_iter()
            .collect();
        let admit = |door: Door, peer| door.admit(tcp(peer), &Uri::from_static("/"), &headers);
        assert!(matches!(admit(door(), "8.8.8.8:1"), Err(TurnedAway::Caller(_))));
        assert_eq!(admit(door(), "127.0.0.1:1"), Err(TurnedAway::Host));
        let any_host = || Door { hosts: Hosts::Any, ..door() };
        assert_eq!(admit(any_host(), "127.0.0.1:1"), Ok(None), "the very origin of the host that is named");
        let other: HeaderMap =
            [(header::ORIGIN, HeaderValue::from_static("https://evil.example"))].into_iter().collect();
        assert_eq!(any_host().admit(tcp("127.0.0.1:1"), &Uri::from_static("/"), &other), Err(TurnedAway::Origin));
        let upstream = Door { origins: None, ..any_host() };
        assert_eq!(upstream.admit(tcp("127.0.0.1:1"), &Uri::from_static("/"), &other), Ok(None));
    }
}
