//! Compact JWS (RFC 7515 §7.1).

use std::fmt;

use crate::{Algorithm, Header, JoseError, MAX_TOKEN_BYTES, VerifyingKey, base64url};

/// A compact JWS taken apart; nothing in it has been checked but its form and that its algorithm is one of ours.
#[derive(Clone)]
pub struct UnverifiedJws<'a> {
    header: Header,
    algorithm: Algorithm,
    payload: Vec<u8>,
    signing_input: &'a str,
    signature: Vec<u8>,
}

impl<'a> UnverifiedJws<'a> {
    /// Takes a token apart: three base64url parts, a header object without members twice and without `crit`, an
    /// algorithm that exists here. An encrypted token is [`JoseError::Encrypted`].
    pub fn parse(token: &'a str) -> Result<Self, JoseError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(JoseError::TooLarge);
        }
        let Parts { signing_input, header, payload, signature } = Parts::split(token)?;
        let header = Header::decode(header)?;
        let algorithm = header.algorithm()?;
        let payload = base64url::decode(payload)?;
        let signature = base64url::decode(signature)?;
        Ok(Self { header, algorithm, payload, signing_input, signature })
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
    pub fn verify(self, key: &VerifyingKey, allowed: &[Algorithm]) -> Result<VerifiedJws, JoseError> {
        if !allowed.contains(&self.algorithm) {
            return Err(JoseError::AlgorithmNotAllowed(self.algorithm));
        }
        key.verify(self.algorithm, self.signing_input.as_bytes(), &self.signature)?;
        Ok(VerifiedJws { header: self.header, payload: self.payload })
    }
}

/// Shows the header only: with payload and signature it would be the token itself.
impl fmt::Debug for UnverifiedJws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedJws").field("header", &self.header).finish_non_exhaustive()
    }
}

/// A JWS whose signature was checked. Only [`UnverifiedJws::verify`] makes one.
#[derive(Clone)]
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

/// Shows the header only: the payload is about a person.
impl fmt::Debug for VerifiedJws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedJws").field("header", &self.header).finish_non_exhaustive()
    }
}

/// The parts of a compact JWS, still encoded.
struct Parts<'a> {
    signing_input: &'a str,
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    fn split(token: &'a str) -> Result<Self, JoseError> {
        const THREE: JoseError = JoseError::Malformed("it does not have three parts separated by dots");
        let (signing_input, signature) = token.rsplit_once('.').ok_or(THREE)?;
        let (header, payload) = signing_input.split_once('.').ok_or(THREE)?;
        match payload.matches('.').count() {
            0 => Ok(Self { signing_input, header, payload, signature }),
            2 => Err(JoseError::Encrypted),
            _ => Err(THREE),
        }
    }
}
