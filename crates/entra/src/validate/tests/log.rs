//! What must not be seen.

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;

use super::Setting;
use crate::{metadata::scripted::Answer, validate::fixtures::TestKey};

#[tokio::test]
async fn no_token_appears_in_the_log() {
    let log = Log::default();
    let _capturing = log.capture();
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

/// What is logged on this thread, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn capture(&self) -> tracing::subscriber::DefaultGuard {
        let writer = self.clone();
        let everything = tracing_subscriber::filter::LevelFilter::TRACE;
        let subscriber = tracing_subscriber::fmt().with_max_level(everything).with_writer(move || writer.clone());
        tracing::subscriber::set_default(subscriber.finish())
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
