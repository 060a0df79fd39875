//! The life of a document against a scripted authority.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::join_all};
use sidekey_host::{Clock, ManualClock};
use sidekey_jose::{Algorithm, Header};

use super::{
    Document, KeySet, Metadata,
    scripted::{Answer, Scripted, client},
};
use crate::validate::fixtures::{NOW, TENANT, TestKey, config};

struct Setting {
    authority: Arc<Scripted>,
    clock: Arc<ManualClock>,
    metadata: Arc<Metadata>,
}

impl Setting {
    async fn new(tenant: &str, keys: &[&TestKey]) -> Self {
        let authority = Scripted::start(keys.iter().map(|key| key.jwk()).collect()).await;
        let clock = Arc::new(ManualClock::at(NOW));
        let metadata =
            Metadata::new(&config(&authority.origin, tenant), &client(), &(Arc::clone(&clock) as Arc<dyn Clock>));
        Self { authority, clock, metadata }
    }

    fn document(&self) -> &Arc<Document> {
        self.metadata.main()
    }

    async fn keys(&self) -> Result<Arc<KeySet>, String> {
        self.document().keys(self.clock.now()).await.map_err(|error| error.to_string())
    }

    async fn newer(&self, seen: &Arc<KeySet>) -> Option<Arc<KeySet>> {
        self.document().keys_newer_than(seen, self.clock.now()).await
    }

    /// Lets a refresh in the background come to its end.
    async fn refreshed(&self, fetches: usize) {
        let done = async {
            while self.authority.fetches() < fetches || self.document().is_busy() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), done).await.unwrap();
    }
}

fn has(keys: &KeySet, kid: &str) -> bool {
    let header = Header {
        alg: "ES256".to_owned(),
        kid: Some(kid.to_owned()),
        typ: None,
        x5t: None,
        x5t_s256: None,
        x5c: Vec::new(),
        has_nonce: false,
    };
    !keys.candidates(&header, Algorithm::ES256).is_empty()
}

#[tokio::test]
async fn a_document_is_fetched_once_for_all_who_need_it_first() {
    let setting = Setting::new(TENANT, &[&TestKey::new("a")]).await;
    assert_eq!(setting.authority.fetches(), 0, "nothing is fetched before it is needed");
    let found = join_all((0..100).map(|_| setting.keys())).await;
    assert!(found.iter().all(|keys| keys.as_ref().is_ok_and(|keys| has(keys, "a"))));
    assert_eq!(setting.authority.fetches(), 1);
    assert_eq!(setting.authority.v1_fetches(), 0, "the other document is not needed");
}

#[tokio::test]
async fn known_keys_outlive_a_change_of_the_configuration_but_not_of_the_authority() {
    let setting = Setting::new(TENANT, &[&TestKey::new("a")]).await;
    setting.keys().await.unwrap();
    let clock = Arc::clone(&setting.clock) as Arc<dyn Clock>;
    let mut changed = config(&setting.authority.origin, TENANT);
    changed.validation.audiences.push("api://other".to_owned());
    let same = setting.metadata.reconfigured(&changed, &client(), &clock);
    assert!(same.main().current(NOW).is_some());
    for changed in [config(&setting.authority.origin, "common"), config("https://login.example/", TENANT)] {
        let other = setting.metadata.reconfigured(&changed, &client(), &clock);
        assert!(other.main().current(NOW).is_none());
    }
}

#[tokio::test]
async fn unknown_keys_make_us_look_every_half_minute_at_most() {
    let (a, b) = (TestKey::new("a"), TestKey::new("b"));
    let setting = Setting::new(TENANT, &[&a]).await;
    let mut keys = setting.keys().await.unwrap();
    for _ in 0..20 {
        let looks = join_all((0..50).map(|_| setting.newer(&keys))).await;
        keys = looks.into_iter().flatten().last().unwrap_or(keys);
        setting.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(setting.authority.fetches(), 2, "the first, and one for the flood");
    setting.authority.publish(vec![a.jwk(), b.jwk()]);
    setting.clock.advance(Duration::from_secs(9));
    assert!(setting.newer(&keys).await.is_none(), "29 s after the last look");
    setting.clock.advance(Duration::from_secs(1));
    let newer = setting.newer(&keys).await.unwrap();
    assert!(has(&newer, "a") && has(&newer, "b"));
    assert_eq!(setting.authority.fetches(), 3);
}

#[tokio::test]
async fn a_key_that_came_in_the_meantime_costs_no_look() {
    let setting = Setting::new(TENANT, &[&TestKey::new("a")]).await;
    let first = setting.keys().await.unwrap();
    let second = setting.newer(&first).await.unwrap();
    assert!(Arc::ptr_eq(&setting.newer(&first).await.unwrap(), &second));
    assert_eq!(setting.authority.fetches(), 2);
}

#[tokio::test]
async fn an_old_document_is_refreshed_behind_its_readers() {
    let (a, b) = (TestKey::new("a"), TestKey::new("b"));
    let setting = Setting::new(TENANT, &[&a]).await;
    let first = setting.keys().await.unwrap();
    setting.clock.advance(Duration::from_secs(3_599));
    assert!(Arc::ptr_eq(&setting.keys().await.unwrap(), &first));
    assert_eq!(setting.authority.fetches(), 1);
    setting.authority.publish(vec![b.jwk()]);
    setting.clock.advance(Duration::from_secs(181 + 1));
    for _ in 0..10 {
        assert!(has(&setting.keys().await.unwrap(), "a"), "the reader that starts it does not wait for it");
    }
    setting.refreshed(2).await;
    let keys = setting.keys().await.unwrap();
    assert!(has(&keys, "b"));
    assert!(!has(&keys, "a"), "a key that is published no more counts no more");
    assert_eq!(setting.authority.fetches(), 2);
}

#[tokio::test]
async fn keys_that_stay_keep_their_identity() {
    let (a, b) = (TestKey::new("a"), TestKey::new("b"));
    let setting = Setting::new(TENANT, &[&a]).await;
    let first = setting.keys().await.unwrap();
    setting.authority.publish(vec![b.jwk(), a.jwk()]);
    let second = setting.newer(&first).await.unwrap();
    assert!(first.keys().all(|key| second.contains(key)));
    let replaced = TestKey::new("a");
    setting.authority.publish(vec![replaced.jwk()]);
    setting.clock.advance(Duration::from_secs(30));
    let third = setting.newer(&second).await.unwrap();
    assert!(has(&third, "a"));
    assert!(!first.keys().any(|key| third.contains(key)), "the same id on another key is another key");
}

#[tokio::test]
async fn good_keys_outlive_an_outage_by_a_day() {
    let setting = Setting::new(TENANT, &[&TestKey::new("a")]).await;
    let first = setting.keys().await.unwrap();
    setting.authority.answer_document(Answer::Status(503));
    let mut expected = 1;
    for hours in [2, 12, 23] {
        setting.clock.set(NOW + Duration::from_secs(hours * 3_600));
        assert!(Arc::ptr_eq(&setting.keys().await.unwrap(), &first), "{hours} h");
        expected += 1;
        setting.refreshed(expected).await;
    }
    setting.clock.set(NOW + Duration::from_hours(24));
    let error = setting.keys().await.unwrap_err();
    assert!(error.ends_with("status 503, expected 200"), "{error}");
    setting.authority.answer_document(Answer::Good);
    assert!(setting.keys().await.unwrap_err().ends_with("status 503, expected 200"), "the pause after a failure");
    setting.clock.advance(Duration::from_secs(30));
    assert!(has(&setting.keys().await.unwrap(), "a"));
}

#[tokio::test]
async fn bad_documents_never_replace_a_good_one() {
    let foreign = r#"{"issuer":"https://login.example.com/bbbbcccc-1111-dddd-2222-eeee3333ffff/v2.0","jwks_uri":"http://localhost/k"}"#;
    let template = r#"{"issuer":"https://login.example.com/{tenantid}/v2.0","jwks_uri":"http://localhost/k"}"#;
    let plain_http =
        format!(r#"{{"issuer":"https://login.example.com/{TENANT}/v2.0","jwks_uri":"http://keys.example.com/keys"}}"#);
    let encryption_key = r#"{"keys":[{"kty":"RSA","use":"enc","kid":"a","n":"AQAB","e":"AQAB"}]}"#;
    let text = |text: &str| Answer::Text(text.to_owned());
    let documents = [
        (Answer::Status(500), "status 500"),
        (Answer::Redirect, "status 302"),
        (Answer::Bytes(1 << 20), "larger than"),
        (text(""), "not an acceptable JSON object"),
        (text("<html>"), "not an acceptable JSON object"),
        (text("{}"), "missing field"),
        (text(r#"{"issuer":"https://a/","issuer":"https://b/","jwks_uri":"https://c/"}"#), "occurs twice"),
        (text(foreign), "is not of the tenant"),
        (text(template), "stands for any tenant"),
        (text(&plain_http), "must start with `https://`"),
    ];
    let key_sets = [
        (Answer::Status(404), "status 404"),
        (Answer::Redirect, "status 302"),
        (Answer::Bytes(1 << 20), "larger than"),
        (text("[]"), "not an object"),
        (text(r#"{"keys":[]}"#), "none of its 0 keys"),
        (text(encryption_key), "none of its 1 keys"),
    ];
    let setting = Setting::new(TENANT, &[&TestKey::new("a")]).await;
    let first = setting.keys().await.unwrap();
    let mut fetches = 1;
    for (is_document, (answer, reason)) in
        documents.into_iter().map(|case| (true, case)).chain(key_sets.into_iter().map(|case| (false, case)))
    {
        let (document, keys) = if is_document { (answer, Answer::Good) } else { (Answer::Good, answer) };
        setting.authority.answer_document(document);
        setting.authority.answer_keys(keys);
        setting.clock.advance(Duration::from_secs(30));
        assert!(setting.newer(&first).await.is_none(), "{reason}");
        fetches += 1;
        assert_eq!(setting.authority.fetches(), fetches, "{reason}");
        assert!(Arc::ptr_eq(&setting.keys().await.unwrap(), &first), "{reason}");
        let error = setting.document().last_error().unwrap();
        assert!(error.contains(reason), "{reason}: {error}");
    }
}

#[tokio::test]
async fn a_first_failure_is_told_at_once_and_tried_again_soon() {
    let setting = Setting::new(TENANT, &[&TestKey::new("a")]).await;
    setting.authority.answer_keys(Answer::Status(500));
    for _ in 0..5 {
        let error = setting.keys().await.unwrap_err();
        assert!(error.starts_with(&setting.authority.origin) && error.ends_with("status 500, expected 200"), "{error}");
    }
    assert_eq!(setting.authority.fetches(), 1);
    setting.authority.answer_keys(Answer::Good);
    setting.clock.advance(Duration::from_secs(1));
    assert!(setting.keys().await.is_ok());
}

#[tokio::test]
async fn an_authority_that_is_not_there_is_named_with_the_cause() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW));
    // Port 9 is "discard", on which nothing listens here.
    let metadata = Metadata::new(&config("http://127.0.0.1:9", "common"), &client(), &clock);
    let error = metadata.main().keys(NOW).await.unwrap_err().to_string();
    assert!(error.starts_with("http://127.0.0.1:9/common/v2.0/.well-known/openid-configuration: "), "{error}");
    assert!(error.contains("refused"), "{error}");
}

#[tokio::test]
async fn a_silent_authority_holds_a_caller_for_five_seconds() {
    let setting = Setting::new(TENANT, &[&TestKey::new("a")]).await;
    setting.authority.answer_document(Answer::Silence);
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let error = setting.keys().await.unwrap_err();
    assert_eq!(start.elapsed().as_secs(), 5);
    assert!(error.contains("no answer within 5 s"), "{error}");
    setting.authority.answer_document(Answer::Good);
    // The same fetch goes on behind; the next caller joins it rather than start another.
    assert!(setting.keys().await.is_err());
    assert_eq!((start.elapsed().as_secs(), setting.authority.fetches()), (10, 1));
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(setting.document().last_error().is_some_and(|error| error.contains("no answer within 15 s")));
    tokio::time::resume();
    setting.clock.advance(Duration::from_secs(1));
    assert!(setting.keys().await.is_ok());
    assert_eq!(setting.authority.fetches(), 2);
}

#[tokio::test]
async fn a_caller_that_leaves_does_not_stop_the_fetch() {
    let setting = Setting::new(TENANT, &[&TestKey::new("a")]).await;
    assert!(setting.keys().now_or_never().is_none(), "the caller leaves at its first wait");
    setting.refreshed(1).await;
    assert!(setting.keys().await.is_ok());
    assert_eq!(setting.authority.fetches(), 1);
}

#[tokio::test]
async fn each_issuer_form_has_its_document() {
    let setting = Setting::new("common", &[&TestKey::new("a")]).await;
    let keys = |issuer: &str| {
        let document = Arc::clone(setting.metadata.for_issuer(issuer));
        async move { document.keys(NOW).await.unwrap() }
    };
    let v2 = format!("{}/{{tenantid}}/v2.0", setting.authority.origin);
    assert_eq!(keys("https://x/y/v2.0").await.issuer.as_str(), v2);
    assert_eq!(keys("https://x/y/v2.0/").await.issuer.as_str(), v2);
    assert_eq!(keys("https://sts.windows.net/x/").await.issuer.as_str(), "https://sts.windows.net/{tenantid}/");
    assert_eq!((setting.authority.fetches(), setting.authority.v1_fetches()), (1, 1));
}

#[tokio::test]
async fn a_configured_address_is_the_only_one() {
    let authority = Scripted::start(vec![TestKey::new("a").jwk()]).await;
    let mut config = config("https://login.microsoftonline.com", TENANT);
    config.validation.metadata_address = Some(format!("{}/{TENANT}/v2.0/x", authority.origin).parse().unwrap());
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW));
    let metadata = Metadata::new(&config, &client(), &clock);
    for issuer in ["https://sts.windows.net/x/", "https://x/v2.0"] {
        assert!(metadata.for_issuer(issuer).keys(NOW).await.is_ok(), "{issuer}");
    }
    assert_eq!(authority.fetches(), 1);
}
