//! Building signed HTTP requests.

use serde_json::{Map, Value, json};

use super::{
    BoundClaim, ShrError, ShrRequest,
    cover::{Cover, hash},
    target::Target,
};
use crate::{Algorithm, Jwk, SigningKey, sign_compact};

/// An SHR to be made.
#[derive(Clone, Copy)]
pub struct NewShr<'a> {
    /// The access token, which must be bound to the key.
    pub access_token: &'a str,
    /// The request that it is for.
    pub request: ShrRequest<'a>,
    /// The parts of the request to sign; [`BoundClaim::USUAL`] is what resources expect.
    pub cover: &'a [BoundClaim],
    /// A value that is used once: one that the resource gave out, or a random one.
    pub nonce: &'a str,
    /// The present time in Unix seconds.
    pub now: u64,
}

impl NewShr<'_> {
    /// Makes the token, to be sent as `Authorization: PoP <token>`.
    pub fn sign(&self, key: &SigningKey, algorithm: Algorithm) -> Result<String, ShrError> {
        let jwk = key.public_jwk();
        let kid = jwk.thumbprint()?;
        let mut claims = Map::new();
        claims.insert("at".to_owned(), self.access_token.into());
        claims.insert("ts".to_owned(), self.now.into());
        claims.insert("nonce".to_owned(), self.nonce.into());
        claims.insert("cnf".to_owned(), json!({ "jwk": Jwk { kid: Some(kid.clone()), ..jwk } }));
        let target = Target::parse(self.request.url)?;
        for claim in self.cover {
            claims.insert(claim.as_str().to_owned(), self.claim(*claim, &target)?);
        }
        let header = [("kid".to_owned(), kid.into()), ("typ".to_owned(), "pop".into())].into_iter().collect();
        Ok(sign_compact(&header, Value::Object(claims).to_string().as_bytes(), key, algorithm)?)
    }

    fn claim(&self, claim: BoundClaim, target: &Target<'_>) -> Result<Value, ShrError> {
        Ok(match claim {
            BoundClaim::Method => checked_method(self.request.method)?.into(),
            BoundClaim::Host => target.host_claim().into(),
            BoundClaim::Path => target.path_claim().into(),
            BoundClaim::Query => Cover::of_query(target.query).claim(),
            BoundClaim::Headers => {
                let headers = self.request.headers;
                Cover::of_headers(headers.ok_or(ShrError::Request("its headers are not known, so `h` cannot be made"))?)
                    .claim()
            }
            BoundClaim::Body => {
                hash(self.request.body.ok_or(ShrError::Request("its body is not known, so `b` cannot be made"))?).into()
            }
        })
    }
}

/// Shows what it is for, and not the access token.
impl std::fmt::Debug for NewShr<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("NewShr");
        debug
            .field("request", &self.request)
            .field("cover", &self.cover)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// Methods have case (RFC 9110 §9.1), and the draft wants them in capitals.
fn checked_method(method: &str) -> Result<&str, ShrError> {
    let token = |byte: u8| byte.is_ascii_graphic() && !byte.is_ascii_lowercase();
    if !method.is_empty() && method.bytes().all(token) {
        Ok(method)
    } else {
        Err(ShrError::Request("its method is not in capitals"))
    }
}
