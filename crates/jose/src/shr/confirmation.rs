//! The key that an access token is bound to (RFC 7800 §3.1).

use serde_json::Value;

use super::ShrError;
use crate::{Jwk, VerifyingKey};

/// A key, and its RFC 7638 thumbprint.
pub(super) struct ConfirmedKey {
    pub(super) key: VerifyingKey,
    pub(super) thumbprint: String,
}

impl ConfirmedKey {
    /// By the `cnf` of the access token, which has been validated, and that of the SHR, which has not: it may bring the
    /// key along that the access token names by `kid`, and no other. Keys are never fetched.
    pub(super) fn resolve(bound: &Value, own: Option<&Value>) -> Result<Self, ShrError> {
        let bound = bound.as_object().ok_or(ShrError::Confirmation("it is not an object"))?;
        if ["jwe", "jku", "x5t#S256"].iter().any(|member| bound.contains_key(*member)) {
            return Err(ShrError::Confirmation(
                "it has `jwe`, `jku` or `x5t#S256`; only `kid` and `jwk` are supported",
            ));
        }
        if let Some(value) = bound.get("jwk") {
            return Self::new(&parse(value).ok_or(ShrError::Confirmation("its `jwk` is not a key"))?);
        }
        let kid = bound.get("kid").ok_or(ShrError::Confirmation("it has neither `kid` nor `jwk`"))?;
        let kid = kid.as_str().ok_or(ShrError::Confirmation("its `kid` is not text"))?;
        let own = own.and_then(|own| own.get("jwk")).ok_or(ShrError::Missing("cnf"))?;
        Self::named(kid, own)
    }

    /// The key that the SHR brings along. The thumbprint is looked at first: an attacker's key is not even parsed.
    fn named(kid: &str, own: &Value) -> Result<Self, ShrError> {
        let expected = "an object with a public key as `jwk`";
        let jwk = parse(own).ok_or(ShrError::Malformed { claim: "cnf", expected })?;
        let found = jwk.thumbprint()?;
        if found == kid { Self::new(&jwk) } else { Err(ShrError::OtherKey { expected: kid.to_owned(), found }) }
    }

    fn new(jwk: &Jwk) -> Result<Self, ShrError> {
        Ok(Self { key: VerifyingKey::from_jwk(jwk)?, thumbprint: jwk.thumbprint()? })
    }
}

fn parse(jwk: &Value) -> Option<Jwk> {
    serde_json::from_value(jwk.clone()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{JoseError, SigningKey};

    fn jwk_of(key: &SigningKey) -> Value {
        serde_json::to_value(key.public_jwk()).unwrap()
    }

    fn refusal(bound: &Value, own: Option<&Value>) -> ShrError {
        ConfirmedKey::resolve(bound, own).map(|confirmed| confirmed.thumbprint).unwrap_err()
    }

    #[test]
    fn a_jwk_in_the_access_token_is_the_key_whatever_the_request_brings() {
        let (bound, other) = (SigningKey::generate_p256().unwrap(), SigningKey::generate_p256().unwrap());
        let thumbprint = bound.public_jwk().thumbprint().unwrap();
        for own in [None, Some(json!({ "jwk": jwk_of(&other) })), Some(json!("noise"))] {
            for cnf in [json!({ "jwk": jwk_of(&bound) }), json!({ "jwk": jwk_of(&bound), "kid": "any name" })] {
                assert_eq!(ConfirmedKey::resolve(&cnf, own.as_ref()).unwrap().thumbprint, thumbprint);
            }
        }
    }

    #[test]
    fn a_kid_takes_the_key_of_the_request_with_that_thumbprint_and_no_other() {
        let (bound, other) = (SigningKey::generate_rsa().unwrap(), SigningKey::generate_rsa().unwrap());
        let (expected, found) = (bound.public_jwk().thumbprint().unwrap(), other.public_jwk().thumbprint().unwrap());
        // Azure adds where the key is stored; what is not understood is not looked at (RFC 7800 §3.1).
        let cnf = json!({ "kid": expected, "xms_ksl": "sw" });
        assert_eq!(ConfirmedKey::resolve(&cnf, Some(&json!({ "jwk": jwk_of(&bound) }))).unwrap().thumbprint, expected);
        let substituted = refusal(&cnf, Some(&json!({ "jwk": jwk_of(&other), "kid": expected })));
        assert_eq!(substituted, ShrError::OtherKey { expected: expected.clone(), found });
        // The name that a key gives itself counts for nothing.
        let mut posing = jwk_of(&other);
        posing["kid"] = expected.clone().into();
        assert!(matches!(refusal(&cnf, Some(&json!({ "jwk": posing }))), ShrError::OtherKey { .. }));
    }

    #[test]
    fn a_request_without_its_key_cannot_be_checked() {
        let cnf = json!({ "kid": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" });
        for own in [None, Some(json!({})), Some(json!({ "kid": "k" })), Some(json!("k")), Some(json!(null))] {
            assert_eq!(refusal(&cnf, own.as_ref()), ShrError::Missing("cnf"));
        }
        for own in [json!({ "jwk": null }), json!({ "jwk": "k" }), json!({ "jwk": {} })] {
            assert!(matches!(refusal(&cnf, Some(&own)), ShrError::Malformed { claim: "cnf", .. }), "{own}");
        }
        for own in [json!({ "jwk": { "kty": "oct", "k": "AA" } }), json!({ "jwk": { "kty": "RSA", "n": "AA" } })] {
            assert!(matches!(refusal(&cnf, Some(&own)), ShrError::Token(JoseError::Key(_))), "{own}");
        }
    }

    #[test]
    fn access_tokens_that_are_bound_otherwise_or_not_at_all_are_refused() {
        let key = SigningKey::generate_p256().unwrap();
        let (jwk, kid) = (jwk_of(&key), key.public_jwk().thumbprint().unwrap());
        let own = json!({ "jwk": jwk });
        for cnf in [
            json!(null),
            json!("text"),
            json!([]),
            json!({}),
            json!({ "kid": 7 }),
            json!({ "kid": null }),
            json!({ "jwk": null }),
            json!({ "jwk": "text" }),
            json!({ "jwe": "a.b.c.d.e" }),
            json!({ "jku": "https://attacker.example/keys" }),
            json!({ "kid": kid, "jku": "https://attacker.example/keys" }),
            json!({ "jwk": jwk, "jwe": "a.b.c.d.e" }),
            json!({ "kid": kid, "x5t#S256": "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0" }),
        ] {
            assert!(matches!(refusal(&cnf, Some(&own)), ShrError::Confirmation(_)), "{cnf}");
        }
        let symmetric = refusal(&json!({ "jwk": { "kty": "oct", "k": "c2VjcmV0" } }), Some(&own));
        assert!(matches!(symmetric, ShrError::Token(JoseError::Key(_))), "{symmetric}");
    }
}
