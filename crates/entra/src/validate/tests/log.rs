//! What must not be seen.

use std::time::Duration;

use serde_json::json;

use super::Setting;
use crate::{metadata::scripted::Answer, test_log::Log, validate::fixtures::TestKey};

#[tokio::test]
async fn no_token_appears_in_the_log() {
    let log = Log::start();
    let setting = Setting::new().await;
    let stranger = TestKey::new("z").sign(&setting.claims(&json!({})));
    let tokens = [
        setting.token(),
        TestKey::new("a").sign(&setting.claims(&json!({}))),
        setting.key.sign(&setting.claims(&json!({"exp": 1, "nbf": 0}))),
        stranger.clone(),
    ];
    let mut shown = vec![format!("{:?}", setting.validator)];
    for token in &tokens {
        let found = setting.validate(token).await;
        let texts = found.as_ref().err().map(|rejection| (rejection.to_string(), rejection.description()));
        shown.push(format!("{found:?} {texts:?} {:?}", setting.validator));
    }
    setting.authority.answer_document(Answer::Status(500));
    setting.clock.advance(Duration::from_secs(30));
    assert!(setting.validate(&stranger).await.is_err());
    let (log, shown) = (log.text(), shown.concat());
    assert!(log.contains("signing keys fetched") && log.contains("could not be refreshed"), "the log is captured");
    for part in tokens.iter().flat_map(|token| token.split('.').skip(1)) {
        assert!(!log.contains(part) && !shown.contains(part));
    }
}
