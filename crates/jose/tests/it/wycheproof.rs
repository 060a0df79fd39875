//! Project Wycheproof's JOSE vectors. Its verdicts are those of a library that supports everything; ours is narrower, so
//! each case is expected to be valid, invalid, or outside of our profile for a reason that [`Reason::of`] finds in the
//! case itself. What Wycheproof calls invalid never verifies, whatever the reason. What it calls valid and we refuse is all
//! HMAC, two keys whose `alg` is another than the token's, two whose `alg` does not exist, and one `?` within a header.

use std::collections::BTreeMap;

use serde_json::Value;
use sidekey_jose::{Algorithm, JoseError, JwkSet, UnverifiedJws, VerifyingKey, base64url};
use wycheproof_ng_kdf_jose::json_web::{Test, TestGroup, TestName, TestSet};

const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("ES512", Algorithm::ES512),
];

/// Why a case is outside of our profile, whatever Wycheproof says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// We read the compact serialization only.
    JsonSerialization,
    /// The header has a character that base64url does not have. Wycheproof lets a library skip it, RFC 7515 §2 does not.
    NotBase64url,
    /// HMAC: whoever can check such a token can also make one.
    Hmac,
    /// `alg: none`.
    Unsecured,
    /// The key is published for encryption.
    KeyUse,
    /// The key's operations do not include checking signatures.
    KeyOperations,
    /// The key's `alg` is no algorithm of RFC 7518 (`ES521`, `ES224`).
    KeyAlgorithmUnknown,
    /// The key's `alg` is another one than the token's.
    KeyForAnotherAlgorithm,
    /// RSA below 2048 bits.
    KeyTooShort,
    /// RSA with the exponent 1.
    KeyExponent,
    /// RSA from the broken Infineon generator.
    KeyRoca,
}

/// What a case looks like, read without the code under test.
struct Case<'a> {
    comment: &'a str,
    token: &'a str,
    parts: Vec<&'a str>,
    header: Option<Value>,
    key: &'a Value,
}

impl<'a> Case<'a> {
    fn new(comment: &'a str, token: &'a str, keys: &'a [Value]) -> Self {
        let parts: Vec<&str> = token.split('.').collect();
        let header = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, parts[0]).ok();
        let header: Option<Value> = header.and_then(|json| serde_json::from_slice(&json).ok());
        let kid = header.as_ref().map(|header| header["kid"].clone());
        let key = keys.iter().find(|key| Some(&key["kid"]) == kid.as_ref()).unwrap_or(&keys[0]);
        Self { comment, token, parts, header, key }
    }

    fn is_compact(&self) -> bool {
        self.parts.len() == 3 && self.header.is_some()
    }

    fn algorithm(&self) -> &str {
        self.header.as_ref().and_then(|header| header["alg"].as_str()).unwrap_or_default()
    }
}

impl Reason {
    /// The rules of our profile, in the order in which they are looked at.
    fn of(case: &Case<'_>) -> Option<Self> {
        let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if case.token.starts_with('{') {
            return Some(Self::JsonSerialization);
        }
        if case.parts.len() == 3 && !case.parts[0].bytes().all(is_base64url) {
            return Some(Self::NotBase64url);
        }
        if !case.is_compact() {
            return None;
        }
        if case.algorithm().starts_with("HS") {
            return Some(Self::Hmac);
        }
        if case.algorithm().eq_ignore_ascii_case("none") {
            return Some(Self::Unsecured);
        }
        Self::of_key(case)
    }

    fn of_key(case: &Case<'_>) -> Option<Self> {
        let key = case.key;
        if key["use"] == "enc" {
            return Some(Self::KeyUse);
        }
        if key["key_ops"].as_array().is_some_and(|operations| !operations.contains(&"verify".into())) {
            return Some(Self::KeyOperations);
        }
        match key["alg"].as_str() {
            Some(name) if ALGORITHMS.iter().all(|(known, _)| *known != name) => return Some(Self::KeyAlgorithmUnknown),
            Some(name) if name != case.algorithm() => return Some(Self::KeyForAnotherAlgorithm),
            _ => {}
        }
        match case.comment {
            "rejects1024bitRsaKey" => Some(Self::KeyTooShort),
            "rejectsPublicExponent1" => Some(Self::KeyExponent),
            "rejectsKeyWithRocaVulnerability" => Some(Self::KeyRoca),
            _ => None,
        }
    }

    /// The refusal that says so.
    fn refusal(self, case: &Case<'_>) -> JoseError {
        let header_algorithm =
            ALGORITHMS.iter().find(|(name, _)| *name == case.algorithm()).map(|(_, algorithm)| *algorithm);
        match self {
            Self::JsonSerialization => JoseError::Malformed("it does not have three parts separated by dots"),
            Self::NotBase64url => JoseError::Base64,
            Self::Hmac | Self::Unsecured => JoseError::UnsupportedAlgorithm(case.algorithm().to_owned()),
            Self::KeyUse => JoseError::Key("its `use` is not `sig`"),
            Self::KeyOperations => JoseError::Key("its `key_ops` do not include `verify`"),
            Self::KeyAlgorithmUnknown => JoseError::Key("its `alg` is not a signature algorithm known here"),
            Self::KeyForAnotherAlgorithm => JoseError::KeyMismatch(header_algorithm.unwrap()),
            Self::KeyTooShort => JoseError::Key("its RSA modulus is not between 2048 and 8192 bits long"),
            Self::KeyExponent => JoseError::Key("its RSA exponent is not an odd number from 3 to 33 bits"),
            Self::KeyRoca => JoseError::Key("its RSA modulus comes from a broken generator (ROCA, CVE-2017-15361)"),
        }
    }
}

/// What the crate says, used as a resource server uses it: parse, choose the key by `kid`, verify.
fn verdict(token: &str, keys: &[Value]) -> Result<Vec<u8>, JoseError> {
    let jws = UnverifiedJws::parse(token)?;
    let set = JwkSet::parse(serde_json::json!({ "keys": keys }).to_string().as_bytes())?;
    let jwk = set.keys.iter().find(|key| key.kid == jws.header().kid).unwrap_or(&set.keys[0]);
    let every = ALGORITHMS.map(|(_, algorithm)| algorithm);
    let verified = jws.verify(&VerifyingKey::from_jwk(jwk)?, &every)?;
    Ok(verified.payload().to_vec())
}

#[derive(Default)]
struct Tally {
    valid: usize,
    invalid: usize,
    encrypted: usize,
    outside: BTreeMap<Reason, usize>,
}

impl Tally {
    fn count(&mut self, group: &TestGroup, test: &Test) {
        let Some(jws) = &test.jws else {
            self.encrypted += 1;
            return;
        };
        let token = jws.as_str().map_or_else(|| jws.to_string(), str::to_owned);
        let key = group.public_key.as_ref().or(group.private_key.as_ref()).unwrap();
        let keys = key["keys"].as_array().cloned().unwrap_or_else(|| vec![key.clone()]);
        let case = Case::new(&test.comment, &token, &keys);
        let verdict = verdict(&token, &keys);
        let id = format!("{} {} {verdict:?}", test.tc_id, test.comment);
        if test.result.must_fail() {
            assert!(verdict.is_err(), "{id}: verified, but is invalid");
        }
        if let Some(reason) = Reason::of(&case) {
            assert_eq!(verdict, Err(reason.refusal(&case)), "{id}: {reason:?}");
            *self.outside.entry(reason).or_default() += 1;
        } else if test.result.must_fail() {
            self.invalid += 1;
        } else {
            assert_eq!(verdict, base64url::decode(case.parts[1]), "{id}: did not verify, but is valid");
            self.valid += 1;
        }
    }

    fn of(name: TestName) -> Self {
        let set = TestSet::load(name).unwrap();
        let mut tally = Self::default();
        for group in &set.test_groups {
            for test in &group.tests {
                tally.count(group, test);
            }
        }
        let outside: usize = tally.outside.values().sum();
        assert_eq!(tally.valid + tally.invalid + tally.encrypted + outside, set.number_of_tests);
        println!(
            "{name:?}: {} cases: {} valid, {} invalid, {outside} outside of our profile {:?}, {} encrypted",
            set.number_of_tests, tally.valid, tally.invalid, tally.outside, tally.encrypted
        );
        tally
    }
}

#[test]
fn wycheproof_signature_cases_get_their_verdicts() {
    let tally = Tally::of(TestName::JsonWebSignature);
    assert_eq!((tally.valid, tally.invalid, tally.encrypted), (32, 320, 0));
}

#[test]
fn wycheproof_crypto_cases_get_their_verdicts() {
    let tally = Tally::of(TestName::JsonWebCrypto);
    assert_eq!((tally.valid, tally.invalid, tally.encrypted), (2, 34, 34));
}

#[test]
fn wycheproof_key_cases_get_their_verdicts() {
    let tally = Tally::of(TestName::JsonWebKey);
    assert_eq!((tally.valid, tally.invalid, tally.encrypted), (1, 3, 0));
}
