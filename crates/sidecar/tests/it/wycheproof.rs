//! Project Wycheproof's JOSE vectors as bearer tokens. Whether a case is valid or not, it is no token for this application: each is
//! refused, none does harm, and the keys of the vectors are published, so that it is the vector that is refused and not
//! an unknown key. What each case means to the parser is told beside that.
//!
//! The vectors sign texts such as `foo`. To get behind the reading of claims, each signed one is also sent with good claims
//! in the place of its payload: under its own header, key and signature, which then is a wrong one.

use std::collections::BTreeMap;

use http::HeaderValue;
use serde_json::{Value, json};
use sidekey_jose::base64url;
use wycheproof_ng_kdf_jose::json_web::{Test, TestGroup, TestName, TestSet};

use crate::{encrypted::certificate, setup::Setup};

/// How many cases were refused for which reason, valid and invalid ones apart.
#[derive(Default)]
struct Tally {
    valid: BTreeMap<String, usize>,
    invalid: BTreeMap<String, usize>,
    /// Those with good claims in the place of their payload.
    transplanted: BTreeMap<String, usize>,
    /// Those with characters that a header cannot have.
    cannot_travel: usize,
}

impl Tally {
    async fn of(name: TestName) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (decryption, _) = certificate(folder.path());
        let mut tally = Self::default();
        let set = TestSet::load(name).unwrap();
        for group in &set.test_groups {
            tally.play(group, &decryption).await;
        }
        println!(
            "{name:?}: valid {:#?} invalid {:#?} transplanted {:#?}",
            tally.valid, tally.invalid, tally.transplanted
        );
        let refused: usize = tally.valid.values().chain(tally.invalid.values()).sum();
        assert_eq!((refused, tally.cannot_travel), (set.number_of_tests, 0), "every case travelled");
        tally
    }

    async fn play(&mut self, group: &TestGroup, decryption: &str) {
        let settings = [
            ("AzureAd:TokenDecryptionCredentials:0:SourceType", "Path"),
            ("AzureAd:TokenDecryptionCredentials:0:CertificateDiskPath", decryption),
            ("Sidecar:TokenValidation:Algorithms", "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512"),
        ];
        let setup = Setup::new(&settings).await;
        setup.authority.publish(keys(group));
        for case in &group.tests {
            self.send(&setup, case).await;
        }
        let good = setup.authority.user_token(json!({}));
        assert_eq!(setup.get_with("/Validate", &good).await.status, 200, "{} did harm", group.group_comment);
    }

    async fn send(&mut self, setup: &Setup, case: &Test) {
        let text = case.jws.as_ref().or(case.jwe.as_ref()).unwrap();
        let token = text.as_str().map_or_else(|| text.to_string(), str::to_owned);
        if HeaderValue::from_str(&token).is_err() {
            self.cannot_travel += 1;
            return;
        }
        let reason = refusal(setup, case, &token).await;
        let counts = if case.result.must_fail() { &mut self.invalid } else { &mut self.valid };
        *counts.entry(reason).or_default() += 1;
        if let [header, _, signature] = token.split('.').collect::<Vec<_>>()[..] {
            let claims = base64url::encode(setup.authority.user_claims(json!({})).to_string());
            let reason = refusal(setup, case, &format!("{header}.{claims}.{signature}")).await;
            *self.transplanted.entry(reason).or_default() += 1;
        }
    }
}

/// The keys by which a case is meant to be checked; where they are secret ones, those.
fn keys(group: &TestGroup) -> Vec<Value> {
    let keys = group.public_key.as_ref().or(group.private_key.as_ref()).unwrap();
    keys["keys"].as_array().cloned().unwrap_or_else(|| vec![keys.clone()])
}

/// The reason for which a token is refused with 401, cut to what is the same for many.
async fn refusal(setup: &Setup, case: &Test, token: &str) -> String {
    let reply = setup.get_with("/Validate", token).await;
    assert_eq!((reply.status, reply.body.len()), (401, 0), "{} {}: {token}", case.tc_id, case.comment);
    let reason = reply.header("x-sidekey-reason").unwrap_or("no token");
    reason.split('`').next().unwrap_or_default().trim().to_owned()
}

/// The valid cases by reason, and how many cases of all were refused for a signature that is wrong for good claims.
fn summary(tally: &Tally) -> (Vec<(&str, usize)>, usize) {
    let valid = tally.valid.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
    (valid, tally.transplanted.get(SIGNATURE).copied().unwrap_or_default())
}

/// Beyond the signature, the claims: what is signed is not a JSON object.
const CLAIMS: &str = "the token is malformed: not an acceptable JSON object: it is not an object";
const CLAIMS_NOT_UTF8: &str = "the token is malformed: not an acceptable JSON object: it is not UTF-8";
/// HMAC.
const ALGORITHM: &str = "the token is signed with";
const DECRYPTION: &str = "the token cannot be decrypted";
const SIGNATURE: &str = "the signature is invalid";

#[tokio::test]
async fn no_signature_case_passes() {
    let tally = Tally::of(TestName::JsonWebSignature).await;
    let base64 = "the token is malformed: not base64url without padding";
    let valid = vec![(CLAIMS_NOT_UTF8, 6), (CLAIMS, 30), (base64, 1), (ALGORITHM, 9)];
    assert_eq!(summary(&tally), (valid, 327));
}

#[tokio::test]
async fn no_key_case_passes() {
    let tally = Tally::of(TestName::JsonWebKey).await;
    assert_eq!(summary(&tally), (vec![(CLAIMS, 1), (ALGORITHM, 4)], 1));
}

#[tokio::test]
async fn no_crypto_case_passes() {
    let tally = Tally::of(TestName::JsonWebCrypto).await;
    assert_eq!(summary(&tally), (vec![(DECRYPTION, 2), (CLAIMS, 2), (ALGORITHM, 2)], 11));
}

#[tokio::test]
async fn no_encryption_case_passes() {
    let tally = Tally::of(TestName::JsonWebEncryption).await;
    assert_eq!(summary(&tally), (vec![(DECRYPTION, 65)], 0));
}
