//! Signed HTTP requests (SHR, draft-ietf-oauth-signed-http-request-03): the proof-of-possession tokens of Microsoft's
//! libraries, `Authorization: PoP <token>`.
//!
//! An SHR is a JWS around an access token. The access token names a key (`cnf`, RFC 7800); the holder of that key signs
//! the access token (`at`), the time (`ts`) and what of the request it wants to be bound to: method `m`, host `u`,
//! path `p`, query `q`, headers `h`, body `b`. A stolen access token is worth nothing without the key, a stolen SHR
//! nothing for another request or a few minutes later.
//!
//! Building is [`NewShr::sign`]. Checking goes in this order, and no step can be left out:
//! 1. [`UnverifiedShr::parse`];
//! 2. the caller validates [`UnverifiedShr::access_token`] as it would any other, and takes its `cnf`;
//! 3. [`UnverifiedShr::verify`] with that `cnf`, the request and the time;
//! 4. the caller remembers [`VerifiedShr::replay_key`] until [`VerifiedShr::expires`], and refuses what it knows already.

mod build;
mod check;
mod confirmation;
mod cover;
mod error;
mod target;

use std::{fmt, str::FromStr};

pub use self::{
    build::NewShr,
    check::{ShrRules, UnverifiedShr, VerifiedShr},
    error::ShrError,
};

/// What is known of an HTTP request. `Debug` shows the method only: headers, query and body may hold secrets.
#[derive(Clone, Copy)]
pub struct ShrRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The absolute `http` or `https` URL, as it is sent: its query is hashed letter by letter.
    pub url: &'a str,
    /// Names and values of the headers, where they are known; a repeated header is repeated here.
    pub headers: Option<&'a [(&'a str, &'a str)]>,
    /// The body, where it is known; empty if there is none.
    pub body: Option<&'a [u8]>,
}

impl fmt::Debug for ShrRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShrRequest").field("method", &self.method).finish_non_exhaustive()
    }
}

/// A claim that binds an SHR to a part of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BoundClaim {
    /// `m`: the method.
    Method,
    /// `u`: the host, with the port if it is not the usual one.
    Host,
    /// `p`: the path.
    Path,
    /// `q`: names of query parameters, and the hash over them.
    Query,
    /// `h`: names of headers, and the hash over them.
    Headers,
    /// `b`: the hash of the body.
    Body,
}

impl BoundClaim {
    /// What is signed and checked where nothing else is said: method, host and path.
    pub const USUAL: [Self; 3] = [Self::Method, Self::Host, Self::Path];

    /// All of them.
    pub const ALL: [Self; 6] = [Self::Method, Self::Host, Self::Path, Self::Query, Self::Headers, Self::Body];

    /// The claim's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Method => "m",
            Self::Host => "u",
            Self::Path => "p",
            Self::Query => "q",
            Self::Headers => "h",
            Self::Body => "b",
        }
    }
}

impl fmt::Display for BoundClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for BoundClaim {
    type Err = ShrError;

    /// Reads a claim's name.
    fn from_str(name: &str) -> Result<Self, ShrError> {
        Self::ALL
            .into_iter()
            .find(|claim| claim.as_str() == name)
            .ok_or(ShrError::Request("it is none of `m`, `u`, `p`, `q`, `h`, `b`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_claim_is_read_back_from_its_name() {
        for claim in BoundClaim::ALL {
            assert_eq!(claim.to_string().parse(), Ok(claim));
        }
        for name in ["", "M", "ts", "at", "nonce", "method", "m "] {
            assert!(matches!(name.parse::<BoundClaim>(), Err(ShrError::Request(_))), "{name}");
        }
    }

    #[test]
    fn debug_output_shows_nothing_that_may_be_secret() {
        let request = ShrRequest {
            method: "GET",
            url: "https://host/?code=secret",
            headers: Some(&[("cookie", "secret")]),
            body: Some(b"secret"),
        };
        assert_eq!(format!("{request:?}"), r#"ShrRequest { method: "GET", .. }"#);
    }
}
