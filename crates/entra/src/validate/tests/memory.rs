//! Tokens that come again.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use sidekey_host::UnixTime;

use super::Setting;
use crate::{
    Rejection, Validator,
    validate::fixtures::{CLIENT, NOW, OTHER_TENANT, TENANT, TestKey},
};

#[tokio::test]
async fn a_repeated_token_is_remembered() {
    let setting = Setting::new().await;
    let token = setting.token();
    let first = setting.validate(&token).await.unwrap();
    assert!(Arc::ptr_eq(&first, &setting.validate(&token).await.unwrap()));
    let off = setting.other_rules(|_| ());
    let off = Validator { remembered: None, ..off };
    assert!(!Arc::ptr_eq(&off.validate(&token).await.unwrap(), &off.validate(&token).await.unwrap()));
}

#[tokio::test]
async fn a_remembered_token_is_judged_by_the_rules_of_the_moment() {
    let setting = Setting::new().await;
    let token = setting.token();
    let first = setting.validate(&token).await.unwrap();
    let validators = [
        setting.other_rules(|config| config.validation.audiences = vec!["api://other".to_owned()]),
        setting.other_rules(|config| config.validation.allowed_tenants = vec![OTHER_TENANT.parse().unwrap()]),
        setting.other_rules(|config| config.validation.allowed_client_apps = vec![CLIENT.parse().unwrap()]),
    ];
    for validator in validators {
        let again = setting.validate(&token).await.unwrap();
        assert_eq!(again.claims_json, first.claims_json);
        assert!(validator.validate(&token).await.is_err(), "{:?}", validator.rules);
    }
}

#[tokio::test]
async fn a_remembered_token_of_an_issuer_that_counts_no_longer_is_refused() {
    let own = "https://issuer.example.com/v2.0";
    let setting = Setting::with(TENANT, |config| config.validation.valid_issuers = vec![own.to_owned()]).await;
    let token = setting.key.sign(&setting.claims(&json!({"iss": own})));
    assert!(setting.validate(&token).await.is_ok());
    let found = setting.other_rules(|_| ()).validate(&token).await;
    assert!(matches!(found, Err(Rejection::Issuer { .. })), "{found:?}");
}

#[tokio::test]
async fn a_remembered_token_that_lacks_the_scope_is_still_without_it() {
    let setting = Setting::new().await;
    let token = setting.token();
    for (scope, good) in [("access_as_user", true), ("Orders.Delete", false), ("other", true)] {
        let validator = setting.other_rules(|config| config.validation.scopes = vec![scope.to_owned()]);
        let verified = validator.validate(&token).await.unwrap();
        assert_eq!(validator.authorize(&verified).is_ok(), good, "{scope}");
    }
    let bare = setting.key.sign(&setting.claims(&json!({"scp": null})));
    assert!(setting.validate(&bare).await.is_ok());
    let strict = setting.other_rules(|config| config.validation.allow_acl = false);
    assert!(matches!(strict.validate(&bare).await, Err(Rejection::NoScopeOrRole)));
}

#[tokio::test]
async fn a_token_is_remembered_by_the_whole_of_it() {
    let setting = Setting::new().await;
    let one = setting.token();
    let other = setting.key.sign(&setting.claims(&json!({"scp": "other", "n": 2})));
    for token in [&one, &other] {
        assert!(setting.validate(token).await.is_ok());
    }
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (one, other) = (parts(&one), parts(&other));
    let evil = sidekey_jose::base64url::encode(setting.claims(&json!({"scp": "admin"})).to_string());
    let [header, payload, signature] = &one[..] else { unreachable!() };
    let changed = if signature.ends_with('A') { "Q" } else { "A" };
    for token in [
        format!("{header}.{payload}.{}", other[2]),
        format!("{header}.{}.{signature}", other[1]),
        format!("{header}.{evil}.{signature}"),
        format!("{header}.{payload}.{}{changed}", &signature[..signature.len() - 1]),
        format!("{header}.{payload}.{signature}A"),
        format!("{header}.{payload}.{signature}."),
        format!("{header}.{payload}."),
        format!(" {header}.{payload}.{signature}"),
    ] {
        let found = setting.refusal(&token).await;
        assert!(matches!(found, Rejection::Signature | Rejection::Malformed(_)), "{token}: {found:?}");
    }
}

#[tokio::test]
async fn a_remembered_token_expires() {
    let setting = Setting::new().await;
    let token = setting.token();
    assert!(setting.validate(&token).await.is_ok());
    setting.clock.set(UnixTime(NOW.0 + 3_600 + 300));
    assert!(setting.validate(&token).await.is_ok(), "within the skew");
    setting.clock.advance(Duration::from_secs(1));
    assert_eq!(setting.refusal(&token).await, Rejection::Expired(UnixTime(NOW.0 + 3_600)));
    let remembered = setting.validator.remembered.as_ref().unwrap();
    assert_eq!(remembered.len(), 0, "and is forgotten");
}

#[tokio::test]
async fn a_withdrawn_key_ends_a_remembered_token() {
    let setting = Setting::new().await;
    let token = setting.token();
    assert!(setting.validate(&token).await.is_ok());
    let new = TestKey::new("b");
    setting.authority.publish(vec![new.jwk()]);
    assert!(setting.validate(&token).await.is_ok(), "nobody has looked yet");
    assert!(setting.validate(&new.sign(&setting.claims(&json!({})))).await.is_ok());
    assert!(matches!(setting.refusal(&token).await, Rejection::UnknownKey(_)));
    // The same id on another key does not bring it back.
    setting.authority.publish(vec![TestKey::new("a").jwk()]);
    setting.clock.advance(Duration::from_secs(30));
    assert_eq!(setting.refusal(&token).await, Rejection::Signature);
}

#[tokio::test]
async fn the_memory_is_bounded() {
    let setting = Setting::with(TENANT, |config| config.validation.verified_token_cache = Some(10)).await;
    for count in 0..50 {
        let token = setting.key.sign(&setting.claims(&json!({"count": count})));
        assert!(setting.validate(&token).await.is_ok());
        assert!(setting.validator.remembered.as_ref().unwrap().len() <= 10);
    }
    let large = setting.key.sign(&setting.claims(&json!({"groups": vec!["g".repeat(36); 4_000]})));
    assert!(setting.validate(&large).await.is_ok());
    assert!(setting.validate(&large).await.is_ok());
    assert!(setting.validator.remembered.as_ref().unwrap().bytes() < 10 * 16 * 1024);
}
