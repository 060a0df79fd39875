//! Judging inbound access tokens.
//!
//! [`Validator::validate`] takes a token apart, finds its key in [`Metadata`], checks the signature and lets
//! [`mod@judge`] decide by pure rules. A token that comes again skips the signature, never the rules, and never the question
//! whether its key is still published.

mod audience;
mod authorize;
mod claims;
mod decrypt;
#[cfg(test)]
pub(crate) mod fixtures;
mod issuer;
mod judge;
mod pop;
mod rejection;
mod remembered;
mod replay;
mod rules;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;

use sidekey_host::{Clock, UnixTime};
use sidekey_jose::{Algorithm, JoseError, MAX_TOKEN_BYTES, UnverifiedJws, VerifiedJws};

pub(crate) use issuer::IssuerPattern;
pub use pop::{PopRejection, VerifiedPop};
pub use rejection::Rejection;
pub use token::VerifiedToken;

use crate::{
    Config,
    credential::Surroundings,
    metadata::{Document, KeySet, Metadata, PublishedKey},
    request::sha256,
};
use claims::Claims;
use decrypt::{Decryptor, is_encrypted};
use judge::{Signer, check_type, judge, judge_unsigned};
use pop::PopJudge;
pub(crate) use rejection::Echo;
use remembered::Remembered;
use rules::Rules;

/// Judges tokens by the rules of one configuration.
#[derive(Debug)]
pub struct Validator {
    rules: Rules,
    metadata: Arc<Metadata>,
    decryptor: Option<Decryptor>,
    pop: PopJudge,
    remembered: Option<Arc<Remembered>>,
    clock: Arc<dyn Clock>,
}

impl Validator {
    /// By the rules of a configuration and what its authority publishes.
    pub fn new(config: &Config, metadata: Arc<Metadata>, http: &reqwest::Client, clock: Arc<dyn Clock>) -> Self {
        let remembered = config.validation.verified_token_cache.map(Remembered::new);
        let surroundings = || Surroundings::of(config, http, &clock);
        let decryptor = Decryptor::new(&config.validation.decryption, surroundings);
        let pop = PopJudge::new(&config.validation.pop);
        Self { rules: Rules::of(config), metadata, decryptor, pop, remembered: remembered.map(Arc::new), clock }
    }

    /// By changed rules. No verdict outlives them; signed requests that came before are still known.
    pub(crate) fn reconfigured(&self, config: &Config, metadata: Arc<Metadata>, http: &reqwest::Client) -> Self {
        Self {
            pop: self.pop.reconfigured(&config.validation.pop),
            ..Self::new(config, metadata, http, Arc::clone(&self.clock))
        }
    }

    /// What the authority publishes.
    pub(crate) fn metadata(&self) -> &Arc<Metadata> {
        &self.metadata
    }

    /// Judges one token that comes by itself: form, signature, lifetime, audience, issuer, allowed clients and tenants. One
    /// that is bound to a key is refused, since whoever stole it could send it as well (RFC 9449 §7.2 has the same rule).
    ///
    /// A repeated token skips the signature, never the other checks.
    pub async fn validate(&self, token: &str) -> Result<Arc<VerifiedToken>, Rejection> {
        let verified = self.judge_token(token).await?;
        if verified.claims.is_bound { Err(Rejection::Bound) } else { Ok(verified) }
    }

    /// The same, whether the token is bound to a key or not.
    async fn judge_token(&self, token: &str) -> Result<Arc<VerifiedToken>, Rejection> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::Malformed(JoseError::TooLarge.to_string()));
        }
        let now = self.clock.now();
        // On the heap, so that what comes most, a token that is remembered, makes a small future.
        let anew = || Box::pin(self.judge_anew(token, now));
        let Some(remembered) = &self.remembered else { return anew().await };
        let digest = sha256(token);
        if let Some(known) = remembered.get(&digest) {
            if let Some(verdict) = self.judge_again(known, now) {
                return verdict.inspect_err(|_| remembered.forget(&digest));
            }
            remembered.forget(&digest);
        }
        let verified = anew().await?;
        remembered.keep(digest, Arc::clone(&verified));
        Ok(verified)
    }

    /// Whether the token has one of the configured `AzureAd:Scopes` (or, for an app, one of `AzureAd:Roles`). `Err` is the
    /// text of the 403.
    pub fn authorize(&self, token: &VerifiedToken) -> Result<(), String> {
        authorize::authorize(&self.rules, token)
    }

    /// Whether an app that proved possession of its key has one of `AzureAd:Roles`, where those are asked for. Scopes are not:
    /// no app's token has any.
    pub fn authorize_pop(&self, token: &VerifiedToken) -> Result<(), String> {
        authorize::authorize_pop(&self.rules, token)
    }

    /// `None` if the key that signed the token does not count any more, so that another one must be looked for.
    fn judge_again(&self, known: Arc<VerifiedToken>, now: UnixTime) -> Option<Result<Arc<VerifiedToken>, Rejection>> {
        let keys = self.document(&known.claims).current(now).filter(|keys| keys.contains(&known.key))?;
        let main = names_another_issuer(&known.key, &keys).then(|| self.metadata.main().current(now)).flatten();
        let verdict = judge(&self.rules, signer(&keys, &known.key, main.as_deref()), &known.claims, now);
        Some(verdict.map(|()| known))
    }

    async fn judge_anew(&self, token: &str, now: UnixTime) -> Result<Arc<VerifiedToken>, Rejection> {
        let verified = match &self.decryptor {
            Some(decryptor) if is_encrypted(token) => {
                let within = decryptor.open(token).await?;
                self.judge_signed(within.expose(), now).await?.opened(within)
            }
            _ => self.judge_signed(token, now).await?,
        };
        Ok(Arc::new(verified))
    }

    async fn judge_signed(&self, token: &str, now: UnixTime) -> Result<VerifiedToken, Rejection> {
        let jws = self.take_apart(token)?;
        let read = claims::read(jws.unverified_payload())?;
        let algorithm = self.algorithm(&jws)?;
        let (keys, candidates) = self.find_keys(&jws, algorithm, &read.0, now).await?;
        let (jws, key) = self.verify(jws, &read.0, candidates)?;
        let main = if names_another_issuer(&key, &keys) { self.metadata.main().keys(now).await.ok() } else { None };
        judge(&self.rules, signer(&keys, &key, main.as_deref()), &read.0, now)?;
        check_type(jws.header())?;
        VerifiedToken::new(token.len(), &jws, read, key)
    }

    fn algorithm(&self, jws: &UnverifiedJws<'_>) -> Result<Algorithm, Rejection> {
        let found = jws.header().algorithm().ok().filter(|found| self.rules.algorithms.contains(found));
        found.ok_or_else(|| self.algorithm_refused(jws.header().alg.clone()))
    }

    /// The published keys that may have signed the token; asks the authority again where there is none.
    async fn find_keys(
        &self,
        jws: &UnverifiedJws<'_>,
        algorithm: Algorithm,
        claims: &Claims,
        now: UnixTime,
    ) -> Result<(Arc<KeySet>, Vec<Arc<PublishedKey>>), Rejection> {
        let document = self.document(claims);
        let mut keys = match document.keys(now).await {
            Ok(keys) => keys,
            Err(error) => {
                judge_unsigned(&self.rules, None, claims, now)?;
                return Err(Rejection::UnknownKey(error.to_string()));
            }
        };
        let mut candidates = keys.candidates(jws.header(), algorithm);
        if candidates.is_empty() {
            judge_unsigned(&self.rules, Some(&keys.issuer), claims, now)?;
            if let Some(newer) = document.keys_newer_than(&keys, now).await {
                keys = newer;
                candidates = keys.candidates(jws.header(), algorithm);
            }
        }
        if candidates.is_empty() {
            return Err(Rejection::UnknownKey(keys.describe_missing(jws.header(), algorithm)));
        }
        Ok((keys, candidates))
    }

    /// The first key under which the signature is good.
    fn verify(
        &self,
        jws: UnverifiedJws<'_>,
        claims: &Claims,
        mut keys: Vec<Arc<PublishedKey>>,
    ) -> Result<(VerifiedJws, Arc<PublishedKey>), Rejection> {
        let refused = if jws.header().has_nonce {
            Rejection::ForeignFormat(claims.audiences.first().cloned())
        } else {
            Rejection::Signature
        };
        let allowed = &self.rules.algorithms;
        let Some(last) = keys.pop() else { return Err(refused) };
        for key in keys {
            if let Ok(verified) = jws.clone().verify(&key.key, allowed) {
                return Ok((verified, key));
            }
        }
        jws.verify(&last.key, allowed).map(|verified| (verified, last)).map_err(|_| refused)
    }

    /// The document that vouches for the token's issuer: by the issuer's form, except for those that are configured,
    /// whose tokens are signed with the authority's main keys.
    fn document(&self, claims: &Claims) -> &Arc<Document> {
        match claims.issuer.as_deref() {
            Some(issuer) if !issuer::is_configured(&self.rules, claims) => self.metadata.for_issuer(issuer),
            _ => self.metadata.main(),
        }
    }

    fn take_apart<'a>(&self, token: &'a str) -> Result<UnverifiedJws<'a>, Rejection> {
        UnverifiedJws::parse(token).map_err(|error| match error {
            JoseError::Encrypted => Rejection::Encrypted,
            JoseError::UnsupportedAlgorithm(found) => self.algorithm_refused(found),
            other => Rejection::Malformed(other.to_string()),
        })
    }

    fn algorithm_refused(&self, found: String) -> Rejection {
        Rejection::Algorithm { found, allowed: self.rules.algorithm_names() }
    }
}

fn signer<'a>(keys: &'a KeySet, key: &'a PublishedKey, main: Option<&'a KeySet>) -> Signer<'a> {
    Signer { metadata: &keys.issuer, key: key.issuer.as_ref(), main: main.map(|main| &main.issuer) }
}

/// Whether only the authority's main document can tell that the key is for the issuers of this one.
fn names_another_issuer(key: &PublishedKey, keys: &KeySet) -> bool {
    key.issuer.as_ref().is_some_and(|issuer| *issuer != keys.issuer)
}
