//! Project Wycheproof's JWE vectors. Our profile is RSA-OAEP alone, so most of its cases are outside, each for a reason that
//! [`Reason::of`] finds in the case itself. All that is left to be invalid is malformed: Wycheproof has no damaged
//! RSA-OAEP token. So each valid one is damaged here as Wycheproof damages its others, and the AES cases are held
//! against the content encryption alone, beside the code of that.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use sidekey_jose::{
    JoseError, base64url,
    jwe::{DecryptionKey, UnverifiedJwe},
};
use wycheproof_ng_kdf_jose::json_web::{Test, TestGroup, TestName, TestSet};

use crate::keys;

/// Why a case is outside of our profile, whatever Wycheproof says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// We read the compact serialization only.
    JsonSerialization,
    /// `dir`, AES key wrap, AES-GCM key wrap: sender and recipient share a secret.
    SharedSecret,
    /// `ECDH-ES` and what builds on it.
    EllipticCurve,
    /// `RSA1_5`.
    Pkcs1Padding,
}

impl Reason {
    fn of(token: &str) -> Option<Self> {
        if token.starts_with('{') {
            return Some(Self::JsonSerialization);
        }
        match algorithm(token)?.as_str() {
            "RSA1_5" => Some(Self::Pkcs1Padding),
            "dir" => Some(Self::SharedSecret),
            name if name.starts_with("ECDH-ES") => Some(Self::EllipticCurve),
            name if name.starts_with('A') && name.ends_with("KW") => Some(Self::SharedSecret),
            _ => None,
        }
    }

    /// The words by which the refusal says so.
    fn words(self) -> &'static str {
        match self {
            Self::JsonSerialization => "it does not have five parts",
            Self::SharedSecret => "it needs a shared secret, and only RSA keys decrypt here",
            Self::EllipticCurve => "is not supported: only RSA keys decrypt here",
            Self::Pkcs1Padding => "Bleichenbacher",
        }
    }
}

/// The `alg` of a token with five parts, read without the code under test.
fn algorithm(token: &str) -> Option<String> {
    let (header, rest) = token.split_once('.')?;
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    (rest.matches('.').count() == 3).then(|| header["alg"].as_str().map(str::to_owned))?
}

/// What the crate says, with the group's key if that is one of ours.
fn verdict(token: &str, key: Option<&DecryptionKey>) -> Result<Vec<u8>, JoseError> {
    let jwe = UnverifiedJwe::parse(token)?;
    jwe.decrypt(key.expect("a token of our profile has an RSA key")).map(|plaintext| plaintext.to_vec())
}

#[derive(Default)]
struct Tally {
    valid: usize,
    malformed: usize,
    damaged: usize,
    outside: BTreeMap<Reason, usize>,
}

impl Tally {
    fn of(name: TestName) -> Self {
        let mut tally = Self::default();
        for group in &TestSet::load(name).unwrap().test_groups {
            let key = key(group);
            for test in group.tests.iter().filter(|test| test.jwe.is_some()) {
                tally.count(test, key.as_ref());
            }
        }
        println!(
            "{name:?}: {} valid, {} malformed, {} damaged by us, outside of our profile {:?}",
            tally.valid, tally.malformed, tally.damaged, tally.outside
        );
        tally
    }

    fn count(&mut self, test: &Test, key: Option<&DecryptionKey>) {
        let jwe = test.jwe.as_ref().unwrap();
        let token = jwe.as_str().map_or_else(|| jwe.to_string(), str::to_owned);
        let id = format!("{} {}", test.tc_id, test.comment);
        if let Some(reason) = Reason::of(&token) {
            let refusal = verdict(&token, key).unwrap_err().to_string();
            assert!(refusal.contains(reason.words()), "{id}: {reason:?}: {refusal}");
            *self.outside.entry(reason).or_default() += 1;
        } else if test.result.must_fail() {
            let refusal = verdict(&token, key).unwrap_err();
            let expected = matches!(refusal, JoseError::Malformed(_) | JoseError::Json(_));
            assert!(expected, "{id}: {refusal}");
            self.malformed += 1;
        } else {
            assert_eq!(hex(&verdict(&token, key).unwrap()), *test.pt.as_ref().unwrap(), "{id}");
            self.valid += 1;
            self.damage(&id, &token, key);
        }
    }

    /// Changes, cuts, lengthens and empties each part behind the header.
    fn damage(&mut self, id: &str, token: &str, key: Option<&DecryptionKey>) {
        let parts: Vec<Vec<u8>> = token.split('.').skip(1).map(|part| base64url::decode(part).unwrap()).collect();
        for (index, part) in parts.iter().enumerate() {
            let flipped =
                |at: usize| part.iter().enumerate().map(|(i, byte)| if i == at { byte ^ 1 } else { *byte }).collect();
            let damages: [Vec<u8>; 6] = [
                flipped(0),
                flipped(part.len() - 1),
                part[..part.len() - 1].to_vec(),
                part[..part.len() / 2].to_vec(),
                [part.as_slice(), &[0]].concat(),
                Vec::new(),
            ];
            for damaged in damages {
                let mut parts = parts.clone();
                parts[index] = damaged;
                let parts: Vec<String> = parts.iter().map(base64url::encode).collect();
                let token = format!("{}.{}", token.split('.').next().unwrap(), parts.join("."));
                assert_eq!(verdict(&token, key), Err(JoseError::Decryption), "{id}: part {index}");
                self.damaged += 1;
            }
        }
    }
}

fn key(group: &TestGroup) -> Option<DecryptionKey> {
    let encrypted = group.tests.iter().any(|test| test.jwe.is_some());
    group.private_key.as_ref().filter(|key| encrypted && key["kty"] == "RSA").map(keys::decryption_key)
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[test]
fn wycheproof_encryption_cases_get_their_verdicts() {
    let tally = Tally::of(TestName::JsonWebEncryption);
    assert_eq!((tally.valid, tally.malformed, tally.damaged), (14, 13, 14 * 4 * 6));
    let outside: Vec<(Reason, usize)> = tally.outside.into_iter().collect();
    let expected = [
        (Reason::JsonSerialization, 1),
        (Reason::SharedSecret, 44),
        (Reason::EllipticCurve, 37),
        (Reason::Pkcs1Padding, 30),
    ];
    assert_eq!(outside, expected);
}

#[test]
fn wycheproof_crypto_cases_that_are_encrypted_get_their_verdicts() {
    let tally = Tally::of(TestName::JsonWebCrypto);
    assert_eq!((tally.valid, tally.malformed, tally.damaged), (0, 13, 0));
    let outside: Vec<(Reason, usize)> = tally.outside.into_iter().collect();
    assert_eq!(outside, [(Reason::JsonSerialization, 1), (Reason::SharedSecret, 10), (Reason::EllipticCurve, 10)]);
}
