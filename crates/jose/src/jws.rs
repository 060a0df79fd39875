//! Compact JWS (RFC 7515 §7.1).

use serde::Deserialize;

use crate::{Algorithm, JoseError, VerifyingKey};

/// A JWS header, as much of it as is used. `jwk`, `jku`, `x5u` are never read: keys come from our own sources only.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Header {
    /// The algorithm's name as sent.
    pub alg: String,
    /// The key's id.
    #[serde(default)]
    pub kid: Option<String>,
    /// The token's type, such as `JWT`, `at+jwt`, `pop`.
    #[serde(default)]
    pub typ: Option<String>,
    /// SHA-1 thumbprint of the signer's certificate, padding stripped.
    #[serde(default)]
    pub x5t: Option<String>,
    /// SHA-256 thumbprint of the signer's certificate, padding stripped.
    #[serde(rename = "x5t#S256", default)]
    pub x5t_s256: Option<String>,
    /// Certificate chain, leaf first; a single string is read as a chain of one.
    #[serde(skip)]
    pub x5c: Vec<String>,
    /// Whether the header has a `nonce`, the mark of Graph's own token format.
    #[serde(skip)]
    pub has_nonce: bool,
}

impl Header {
    /// The algorithm, if it is one of ours.
    pub fn algorithm(&self) -> Result<Algorithm, JoseError> {
        self.alg.parse()
    }
}

/// A compact JWS taken apart; nothing in it has been checked but its form.
#[derive(Clone, Debug)]
pub struct UnverifiedJws<'a> {
    header: Header,
    payload: Vec<u8>,
    signing_input: &'a str,
    signature: Vec<u8>,
}

impl<'a> UnverifiedJws<'a> {
    /// Takes a token apart: three base64url parts, a header object without members twice and without `crit`.
    pub fn parse(_token: &'a str) -> Result<Self, JoseError> {
        todo!()
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The payload's bytes, **unverified**: good for choosing a key or an error text, never for a decision.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// Checks the signature with a key and an algorithm that the caller allows.
    pub fn verify(self, _key: &VerifyingKey, _allowed: &[Algorithm]) -> Result<VerifiedJws, JoseError> {
        let _ = (&self.signing_input, &self.signature);
        todo!()
    }
}

/// A JWS whose signature was checked. Only [`UnverifiedJws::verify`] makes one.
#[derive(Clone, Debug)]
pub struct VerifiedJws {
    header: Header,
    payload: Vec<u8>,
}

impl VerifiedJws {
    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The payload's bytes.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}
