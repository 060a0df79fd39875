//! Checking signed HTTP requests.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value};

use super::{
    BoundClaim, ShrError, ShrRequest,
    confirmation::ConfirmedKey,
    cover::{Cover, hash},
    target::Target,
};
use crate::{Algorithm, Header, NumericDate, UnverifiedJws, error::shorten, parse_object};

/// What an SHR must satisfy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShrRules {
    /// Claims that must be there and be right.
    pub required: Vec<BoundClaim>,
    /// Claims that must be right where they are there.
    pub when_present: Vec<BoundClaim>,
    /// Whether `q`, where it is checked, may leave query parameters out.
    pub accept_unsigned_query: bool,
    /// Whether `h`, where it is checked, may leave headers out.
    pub accept_unsigned_headers: bool,
    /// How long after `ts` it is valid, in seconds.
    pub lifetime: u64,
    /// How far `ts` may be ahead of our clock, in seconds. Without an end to it, an SHR could be made out for any day to
    /// come, and whoever watches for replays would have to remember it until then.
    pub clock_skew: u64,
    /// Signature algorithms.
    pub algorithms: Vec<Algorithm>,
}

/// Method, host and path for five minutes; the rest may be unsigned.
impl Default for ShrRules {
    fn default() -> Self {
        Self {
            required: BoundClaim::USUAL.to_vec(),
            when_present: Vec::new(),
            accept_unsigned_query: true,
            accept_unsigned_headers: true,
            lifetime: 300,
            clock_skew: 300,
            algorithms: vec![Algorithm::RS256, Algorithm::PS256, Algorithm::ES256],
        }
    }
}

/// A signed HTTP request taken apart; nothing in it has been checked but its form.
#[derive(Clone)]
pub struct UnverifiedShr<'a> {
    jws: UnverifiedJws<'a>,
    claims: Map<String, Value>,
    access_token: String,
}

impl<'a> UnverifiedShr<'a> {
    /// Takes a token apart: a JWS of type `pop` around claims with an access token.
    pub fn parse(token: &'a str) -> Result<Self, ShrError> {
        Self::from_jws(UnverifiedJws::parse(token)?)
    }

    /// The same for a token that has been parsed.
    pub fn from_jws(jws: UnverifiedJws<'a>) -> Result<Self, ShrError> {
        check_type(jws.header())?;
        let claims = parse_object(jws.unverified_payload())?;
        let access_token = text(&claims, "at")?.to_owned();
        Ok(Self { jws, claims, access_token })
    }

    /// The access token within. It has to be validated as any other before [`Self::verify`] is asked.
    pub fn access_token(&self) -> &str {
        &self.access_token
    }

    /// Checks the signature with the key that the access token is bound to, and the claims against the request.
    ///
    /// `confirmation` is the `cnf` of the access token, after its validation; `now` is in Unix seconds.
    pub fn verify(
        self,
        confirmation: &Value,
        request: &ShrRequest<'_>,
        rules: &ShrRules,
        now: u64,
    ) -> Result<VerifiedShr, ShrError> {
        let confirmed = ConfirmedKey::resolve(confirmation, self.claims.get("cnf"))?;
        let signed = digest(&SHA256, self.jws.signing_input().as_bytes());
        self.jws.verify(&confirmed.key, &rules.algorithms)?;
        let expires = check_time(&self.claims, rules, now)?;
        check_request(&self.claims, request, rules)?;

        let mut replay_key = [0; 32];
        replay_key.copy_from_slice(signed.as_ref());
        let Self { claims, access_token, .. } = self;
        Ok(VerifiedShr { access_token, claims, key_thumbprint: confirmed.thumbprint, replay_key, expires })
    }
}

/// Shows the header only.
impl fmt::Debug for UnverifiedShr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedShr").field("header", self.jws.header()).finish_non_exhaustive()
    }
}

/// An SHR whose signature, time and claims were checked. Only [`UnverifiedShr::verify`] makes one.
#[derive(Clone)]
pub struct VerifiedShr {
    access_token: String,
    claims: Map<String, Value>,
    key_thumbprint: String,
    replay_key: [u8; 32],
    expires: u64,
}

impl VerifiedShr {
    /// The access token within.
    pub fn access_token(&self) -> &str {
        &self.access_token
    }

    /// All claims, `at` among them.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// The nonce, if it has one. Only a server that hands nonces out can judge it.
    pub fn nonce(&self) -> Option<&str> {
        self.claims.get("nonce").and_then(Value::as_str)
    }

    /// The RFC 7638 thumbprint of the key that signed it.
    pub fn key_thumbprint(&self) -> &str {
        &self.key_thumbprint
    }

    /// What to remember it by: SHA-256 of what was signed. Not of the whole token, as a signature with ECDSA has a twin
    /// that anyone can compute.
    pub fn replay_key(&self) -> [u8; 32] {
        self.replay_key
    }

    /// The last Unix second in which it is valid: until then it has to be remembered.
    pub fn expires(&self) -> u64 {
        self.expires
    }
}

/// Shows the key and the time: the rest is the access token, or could help to guess it.
impl fmt::Debug for VerifiedShr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("VerifiedShr");
        debug.field("key_thumbprint", &self.key_thumbprint).field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// `pop`, or no type of its own: hand-made SHRs often have the `JWT` that JWT libraries write by themselves. Any other
/// type says that the token was made for something else (RFC 8725 §3.11).
fn check_type(header: &Header) -> Result<(), ShrError> {
    match &header.typ {
        Some(typ) if !["pop", "JWT"].iter().any(|known| typ.eq_ignore_ascii_case(known)) => {
            Err(ShrError::Type(shorten(typ)))
        }
        _ => Ok(()),
    }
}

/// Checks `ts` and says until when the SHR is valid.
fn check_time(claims: &Map<String, Value>, rules: &ShrRules, now: u64) -> Result<u64, ShrError> {
    let expected = "a time in seconds since 1970";
    let NumericDate(created) =
        NumericDate::from_value(present(claims, "ts")?).ok_or(ShrError::Malformed { claim: "ts", expected })?;
    let expires = created.saturating_add(rules.lifetime);
    if now > expires {
        return Err(ShrError::Expired { created, lifetime: rules.lifetime, now });
    }
    if created > now.saturating_add(rules.clock_skew) {
        return Err(ShrError::NotYet { created, now });
    }
    Ok(expires)
}

fn check_request(claims: &Map<String, Value>, request: &ShrRequest<'_>, rules: &ShrRules) -> Result<(), ShrError> {
    let target = Target::parse(request.url)?;
    for claim in BoundClaim::ALL {
        let is_there = claims.get(claim.as_str()).is_some_and(|value| !value.is_null());
        if rules.required.contains(&claim) || (is_there && rules.when_present.contains(&claim)) {
            check_claim(claim, claims, request, &target, rules)?;
        }
    }
    Ok(())
}

fn check_claim(
    claim: BoundClaim,
    claims: &Map<String, Value>,
    request: &ShrRequest<'_>,
    target: &Target<'_>,
    rules: &ShrRules,
) -> Result<(), ShrError> {
    let name = claim.as_str();
    match claim {
        BoundClaim::Method => {
            let expected = request.method.trim();
            let same = |found: &str| !expected.is_empty() && found.trim().eq_ignore_ascii_case(expected);
            compare(name, text(claims, name)?, expected, same)
        }
        BoundClaim::Host => compare(name, text(claims, name)?, &target.host_claim(), |found| target.is_host(found)),
        BoundClaim::Path => compare(name, text(claims, name)?, target.path_claim(), |found| target.is_path(found)),
        BoundClaim::Query => Cover::of_query(target.query).check(present(claims, name)?, rules.accept_unsigned_query),
        BoundClaim::Headers => {
            let headers =
                request.headers.ok_or(ShrError::Request("its headers are not known, so `h` cannot be checked"))?;
            Cover::of_headers(headers).check(present(claims, name)?, rules.accept_unsigned_headers)
        }
        BoundClaim::Body => {
            let body = request.body.ok_or(ShrError::Request("its body is not known, so `b` cannot be checked"))?;
            if text(claims, name)? == hash(body) { Ok(()) } else { Err(ShrError::Hash(name)) }
        }
    }
}

fn compare(claim: &'static str, found: &str, expected: &str, same: impl Fn(&str) -> bool) -> Result<(), ShrError> {
    if same(found) {
        Ok(())
    } else {
        Err(ShrError::Mismatch { claim, expected: shorten(expected), found: shorten(found) })
    }
}

/// A claim that is there and not `null`.
fn present<'c>(claims: &'c Map<String, Value>, name: &'static str) -> Result<&'c Value, ShrError> {
    claims.get(name).filter(|value| !value.is_null()).ok_or(ShrError::Missing(name))
}

fn text<'c>(claims: &'c Map<String, Value>, name: &'static str) -> Result<&'c str, ShrError> {
    present(claims, name)?.as_str().ok_or(ShrError::Malformed { claim: name, expected: "text" })
}
