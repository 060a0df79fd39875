//! Signed HTTP requests around tokens of the scripted authority.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use sidekey_host::UnixTime;
use sidekey_jose::{
    Algorithm, SigningKey,
    shr::{BoundClaim, NewShr, ShrError, ShrRequest},
};

use super::{Setting, Validator, client};
use crate::{
    PopRejection, Rejection,
    validate::fixtures::{NOW, TENANT, config},
};

const URL: &str = "https://orders.contoso.com/orders/1?top=5";

/// An app with its key, and a token that is bound to it.
struct App {
    key: SigningKey,
    token: String,
}

impl App {
    fn new(setting: &Setting, changes: Value) -> Self {
        let key = SigningKey::generate_p256().unwrap();
        let mut claims = json!({"scp": null, "roles": ["Orders.Process"], "idtyp": "app",
            "cnf": {"kid": key.public_jwk().thumbprint().unwrap()}});
        let Value::Object(changes) = changes else { unreachable!() };
        claims.as_object_mut().unwrap().extend(changes);
        Self { token: setting.key.sign(&setting.claims(&claims)), key }
    }

    fn shr(&self, nonce: &str) -> String {
        self.shr_at(nonce, NOW, &BoundClaim::USUAL)
    }

    fn shr_at(&self, nonce: &str, now: UnixTime, cover: &[BoundClaim]) -> String {
        let request = ShrRequest { method: "GET", url: URL, headers: None, body: None };
        let shr = NewShr { access_token: &self.token, request, cover, nonce, now: now.0 };
        shr.sign(&self.key, Algorithm::ES256).unwrap()
    }
}

async fn refusal(validator: &Validator, shr: &str, method: &str, url: &str) -> PopRejection {
    match validator.validate_pop(shr, method, url).await {
        Err(rejection) => rejection,
        Ok(_) => panic!("accepted: {method} {url} {shr}"),
    }
}

#[tokio::test]
async fn a_signed_request_that_came_before_a_change_of_the_rules_is_still_known() {
    let setting = Setting::new().await;
    let app = App::new(&setting, json!({}));
    let shr = app.shr("1");
    assert!(setting.validator.validate_pop(&shr, "GET", URL).await.is_ok());
    let config = config(&setting.authority.origin, TENANT);
    let changed = setting.validator.reconfigured(&config, Arc::clone(&setting.metadata), &client());
    assert_eq!(refusal(&changed, &shr, "GET", URL).await, PopRejection::Replayed);
    assert!(changed.validate_pop(&app.shr("2"), "GET", URL).await.is_ok());
}

#[tokio::test]
async fn a_signed_request_is_good_once_for_the_request_that_it_is_for() {
    let setting = Setting::new().await;
    let app = App::new(&setting, json!({}));
    let shr = app.shr("1");
    let found = setting.validator.validate_pop(&shr, "get", URL).await.unwrap();
    assert_eq!((found.access_token.expose(), found.token.is_app), (app.token.as_str(), true));
    assert_eq!(refusal(&setting.validator, &shr, "GET", URL).await, PopRejection::Replayed);
    let (signed, _) = shr.rsplit_once('.').unwrap();
    let again = app.shr("1");
    assert!(again.starts_with(signed) && again != shr, "another signature over the same is the same request");
    assert_eq!(refusal(&setting.validator, &again, "GET", URL).await, PopRejection::Replayed);
    assert!(setting.validator.validate_pop(&app.shr("2"), "GET", URL).await.is_ok());
    let elsewhere = "https://orders.contoso.com/orders/2";
    for (method, url, claim) in
        [("POST", URL, "m"), ("", URL, "m"), ("GET", "https://evil.example/orders/1", "u"), ("GET", elsewhere, "p")]
    {
        let found = refusal(&setting.validator, &app.shr("3"), method, url).await;
        assert!(
            matches!(&found, PopRejection::Request(ShrError::Mismatch { claim: found, .. }) if *found == claim),
            "{method} {url}: {found:?}"
        );
    }
    for url in ["/orders/1", "orders.contoso.com/orders/1", "", "ftp://orders.contoso.com/orders/1", "https://a b/"] {
        let found = refusal(&setting.validator, &app.shr("3"), "GET", url).await;
        assert!(matches!(found, PopRejection::Request(ShrError::Request(_))), "{url}: {found:?}");
    }
    assert!(setting.validator.validate_pop(&app.shr("3"), "GET", URL).await.is_ok(), "what was refused took no room");
}

#[tokio::test]
async fn the_token_within_is_judged_in_full_and_is_an_apps() {
    let setting = Setting::new().await;
    let expired = App::new(&setting, json!({"exp": 1, "nbf": 0}));
    let found = refusal(&setting.validator, &expired.shr("1"), "GET", URL).await;
    assert_eq!(found, PopRejection::Token(Rejection::Expired(UnixTime(1))));
    let foreign = App::new(&setting, json!({"aud": "api://other"}));
    let found = refusal(&setting.validator, &foreign.shr("1"), "GET", URL).await;
    assert!(matches!(found, PopRejection::Token(Rejection::Audience { .. })), "{found:?}");
    let user = App::new(&setting, json!({"scp": "access_as_user", "idtyp": "user"}));
    assert_eq!(refusal(&setting.validator, &user.shr("1"), "GET", URL).await, PopRejection::NotAnApp);
    let plain = App::new(&setting, json!({}));
    let forged = App { token: crate::validate::fixtures::TestKey::new("a").sign(&json!({})), ..plain };
    assert!(matches!(refusal(&setting.validator, &forged.shr("1"), "GET", URL).await, PopRejection::Token(_)));
}

#[tokio::test]
async fn a_stolen_token_is_worth_nothing_without_its_key() {
    let setting = Setting::new().await;
    let app = App::new(&setting, json!({}));
    let thief = App { token: app.token.clone(), key: SigningKey::generate_p256().unwrap() };
    let found = refusal(&setting.validator, &thief.shr("1"), "GET", URL).await;
    assert!(matches!(found, PopRejection::Request(ShrError::OtherKey { .. })), "{found:?}");
    let unbound = App::new(&setting, json!({"cnf": null}));
    let found = refusal(&setting.validator, &unbound.shr("1"), "GET", URL).await;
    assert!(matches!(found, PopRejection::Request(ShrError::Confirmation(_))), "{found:?}");
    let remote = App::new(&setting, json!({"cnf": {"jku": "https://evil.example/keys"}}));
    let found = refusal(&setting.validator, &remote.shr("1"), "GET", URL).await;
    assert!(matches!(found, PopRejection::Request(ShrError::Confirmation(_))), "{found:?}");
    for nonsense in ["", "a.b.c", &app.token, "a.b.c.d.e"] {
        let found = refusal(&setting.validator, nonsense, "GET", URL).await;
        assert!(matches!(found, PopRejection::Request(_)), "{nonsense}: {found:?}");
    }
}

#[tokio::test]
async fn a_bound_token_by_itself_is_refused_whatever_is_remembered_of_it() {
    let setting = Setting::new().await;
    let app = App::new(&setting, json!({}));
    for nonce in ["1", "2"] {
        assert_eq!(setting.refusal(&app.token).await, Rejection::Bound);
        assert!(setting.validator.validate_pop(&app.shr(nonce), "GET", URL).await.is_ok());
    }
    assert!(Rejection::Bound.reason().contains("`Authorization: PoP`"));
    for confirmation in [json!({"jwk": app.key.public_jwk()}), json!({"x5t#S256": "AAAA"}), json!({}), json!("k")] {
        let bound = setting.key.sign(&setting.claims(&json!({ "cnf": confirmation })));
        assert_eq!(setting.refusal(&bound).await, Rejection::Bound, "{confirmation}");
    }
    let expired = setting.key.sign(&setting.claims(&json!({"cnf": {}, "exp": 1, "nbf": 0})));
    assert_eq!(setting.refusal(&expired).await, Rejection::Expired(UnixTime(1)), "what is wrong anyway is told first");
}

#[tokio::test]
async fn a_signed_request_has_its_time() {
    let setting = Setting::new().await;
    let app = App::new(&setting, json!({}));
    let at = |seconds: u64| app.shr_at("1", UnixTime(seconds), &BoundClaim::USUAL);
    let refused = async |seconds| match setting.validator.validate_pop(&at(seconds), "GET", URL).await {
        Err(PopRejection::Request(error)) => Some(error),
        other => other.map(|_| None).unwrap(),
    };
    assert!(matches!(refused(NOW.0 - 301).await, Some(ShrError::Expired { .. })));
    assert!(matches!(refused(NOW.0 + 301).await, Some(ShrError::NotYet { .. })));
    assert_eq!(refused(NOW.0 - 300).await, None);
    let ahead = at(NOW.0 + 300);
    assert!(setting.validator.validate_pop(&ahead, "GET", URL).await.is_ok());
    setting.clock.advance(Duration::from_mins(10));
    assert_eq!(refusal(&setting.validator, &ahead, "GET", URL).await, PopRejection::Replayed, "as long as it is good");
    setting.clock.advance(Duration::from_secs(1));
    let found = refusal(&setting.validator, &ahead, "GET", URL).await;
    assert!(matches!(found, PopRejection::Request(ShrError::Expired { .. })), "{found:?}");
}

#[tokio::test]
async fn what_must_be_signed_is_configured() {
    let strict = Setting::with(TENANT, |config| {
        config.validation.pop.rules.required = vec![BoundClaim::Query];
        config.validation.pop.rules.when_present = vec![BoundClaim::Path];
    })
    .await;
    let app = App::new(&strict, json!({}));
    let with = |cover: &[BoundClaim]| app.shr_at("1", NOW, cover);
    let found = refusal(&strict.validator, &with(&BoundClaim::USUAL), "GET", URL).await;
    assert_eq!(found, PopRejection::Request(ShrError::Missing("q")));
    let other_path = "https://other.contoso.com/orders/2?top=5";
    assert!(strict.validator.validate_pop(&with(&[BoundClaim::Query]), "PUT", other_path).await.is_ok());
    let both = with(&[BoundClaim::Query, BoundClaim::Path]);
    let found = refusal(&strict.validator, &both, "GET", other_path).await;
    assert!(matches!(found, PopRejection::Request(ShrError::Mismatch { claim: "p", .. })), "{found:?}");
    let found = refusal(&strict.validator, &both, "GET", "https://orders.contoso.com/orders/1?top=6").await;
    assert_eq!(found, PopRejection::Request(ShrError::Hash("q")));
}

#[tokio::test]
async fn a_full_memory_accepts_nothing_and_says_which_key_to_raise() {
    let setting = Setting::with(TENANT, |config| config.validation.pop.replay_cache_entries = 2).await;
    let app = App::new(&setting, json!({}));
    for nonce in ["1", "2"] {
        assert!(setting.validator.validate_pop(&app.shr(nonce), "GET", URL).await.is_ok());
    }
    let found = refusal(&setting.validator, &app.shr("3"), "GET", URL).await;
    assert_eq!(found, PopRejection::NoRoom);
    assert!(found.to_string().contains("`Sidecar:PopValidation:ReplayCacheEntries`"));
    let off = Setting::with(TENANT, |config| config.validation.pop.replay_cache_entries = 0).await;
    let app = App::new(&off, json!({}));
    for _ in 0..3 {
        assert!(off.validator.validate_pop(&app.shr("1"), "GET", URL).await.is_ok(), "switched off");
    }
}

#[tokio::test]
async fn possession_replaces_scopes_but_not_roles() {
    let setting = Setting::new().await;
    let app = App::new(&setting, json!({}));
    let token = setting.validator.validate_pop(&app.shr("1"), "GET", URL).await.unwrap().token;
    let verdict = |scopes: &[&str], roles: &[&str]| {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let validator = setting.other_rules(|config| {
            config.validation.scopes = owned(scopes);
            config.validation.roles = owned(roles);
        });
        (validator.authorize(&token).is_ok(), validator.authorize_pop(&token).is_ok())
    };
    assert_eq!(verdict(&[], &[]), (true, true));
    assert_eq!(verdict(&["access_as_user"], &[]), (false, true));
    assert_eq!(verdict(&["access_as_user"], &["Orders.Process"]), (true, true));
    assert_eq!(verdict(&["access_as_user"], &["Other"]), (false, false));
}
