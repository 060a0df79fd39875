//! A trust domain: its key, the JWT-SVIDs that it signs, and whether one is its own.

use serde_json::{Map, Value, json};
use sidekey_host::UnixTime;
use sidekey_jose::{Algorithm, JoseError, Jwk, JwkSet, SigningKey, UnverifiedJws, VerifyingKey, sign_compact};

/// `example.org` with a key of its own.
#[derive(Debug)]
pub struct TrustDomain {
    key: SigningKey,
    kid: String,
    algorithm: Algorithm,
}

impl TrustDomain {
    /// Its name.
    pub const NAME: &str = "example.org";

    /// One with a new RSA key, the only kind that Entra takes.
    pub fn new() -> Result<Self, JoseError> {
        Self::of(SigningKey::generate_rsa()?, Algorithm::RS256)
    }

    /// One with a new P-256 key, which many agents make unless they are told otherwise.
    pub fn with_p256() -> Result<Self, JoseError> {
        Self::of(SigningKey::generate_p256()?, Algorithm::ES256)
    }

    fn of(key: SigningKey, algorithm: Algorithm) -> Result<Self, JoseError> {
        let kid = key.public_jwk().thumbprint()?;
        Ok(Self { key, kid, algorithm })
    }

    /// A JWT-SVID with these claims.
    pub(crate) fn sign(&self, claims: &Value) -> Result<String, JoseError> {
        let header = Map::from_iter([("kid".to_owned(), json!(self.kid)), ("typ".to_owned(), json!("JWT"))]);
        sign_compact(&header, claims.to_string().as_bytes(), &self.key, self.algorithm)
    }

    /// The public keys.
    pub(crate) fn bundle(&self) -> JwkSet {
        let (use_, alg, kid) = ("sig".to_owned(), self.algorithm.as_str().to_owned(), self.kid.clone());
        let key = Jwk { use_: Some(use_), alg: Some(alg), kid: Some(kid), ..self.key.public_jwk() };
        JwkSet { keys: vec![key] }
    }

    /// The claims of a JWT-SVID for an audience; else what is wrong with it.
    pub fn validate(&self, svid: &str, audience: &str, now: UnixTime) -> Result<Map<String, Value>, String> {
        let jws = UnverifiedJws::parse(svid).map_err(|error| error.to_string())?;
        if jws.header().kid.as_deref() != Some(&self.kid) {
            return Err("its key is none of this trust domain".to_owned());
        }
        let key: VerifyingKey = self.key.verifying_key();
        let verified = jws.verify(&key, &[self.algorithm]).map_err(|error| error.to_string())?;
        let claims: Map<String, Value> =
            serde_json::from_slice(verified.payload()).map_err(|error| error.to_string())?;
        let audiences = claims.get("aud").and_then(Value::as_array);
        if !audiences.is_some_and(|all| all.iter().any(|one| one == audience)) {
            return Err("it is for another audience".to_owned());
        }
        if claims.get("exp").and_then(Value::as_u64).is_none_or(|end| end <= now.0) {
            return Err("it has expired".to_owned());
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1_800_000_000);

    #[test]
    fn an_svid_is_good_for_its_audience_until_its_end_and_in_its_trust_domain() {
        let (own, other) = (TrustDomain::new().unwrap(), TrustDomain::with_p256().unwrap());
        let svid =
            own.sign(&json!({ "sub": "spiffe://example.org/a", "aud": ["one", "two"], "exp": NOW.0 + 1 })).unwrap();
        assert_eq!(own.validate(&svid, "two", NOW).unwrap()["sub"], "spiffe://example.org/a");
        for (domain, audience, now, why) in [
            (&own, "three", NOW, "another audience"),
            (&own, "two", UnixTime(NOW.0 + 1), "expired"),
            (&other, "two", NOW, "none of this trust domain"),
        ] {
            let refusal = domain.validate(&svid, audience, now).unwrap_err();
            assert!(refusal.contains(why), "{refusal}");
        }
    }

    #[test]
    fn a_changed_svid_is_not_taken() {
        let own = TrustDomain::new().unwrap();
        let sign = |end: u64| own.sign(&json!({ "aud": ["one"], "exp": end })).unwrap();
        let (first, second) = (sign(NOW.0 + 1), sign(NOW.0 + 2));
        let (head, _) = first.rsplit_once('.').unwrap();
        let (_, signature) = second.rsplit_once('.').unwrap();
        assert!(own.validate(&format!("{head}.{signature}"), "one", NOW).is_err());
        assert!(own.validate("no token", "one", NOW).is_err());
    }
}
