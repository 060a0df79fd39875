//! What the log says, and what it must never say.

use std::{
    io,
    sync::{Arc, Mutex},
};

use http::Method;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    authority::{SECRET, refusal},
    setup::Setup,
};

/// Somebody listens to everything from the first test on, for what nobody listened to when it was first reached can stay silent.
pub(crate) fn listen() {
    // An error says that somebody listens already.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
}

/// Everything that is logged on this thread, at every level.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn start(&self) -> tracing::subscriber::DefaultGuard {
        listen();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(self.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn events_have_their_numbers_and_name_the_real_keys() {
    let log = Captured::default();
    let _guard = log.start();
    let setup = Setup::new(&[]).await;
    let query = "optionsOverride.Scopes=x&optionsOverride.BaseUrl=https://evil.example&AgentUserId=";
    setup.get(&format!("/AuthorizationHeaderUnauthenticated/App?{query}")).await;
    setup.get(&format!("/DownstreamApiUnauthenticated/App?{query}")).await;
    setup.authority.answer([(401, refusal("invalid_client", 7_000_215, None))]);
    setup.get_with("/AuthorizationHeader/User", &setup.authority.user_token(json!({}))).await;
    let text = log.text();
    for part in [
        "event_id=1 event_name=\"AuthorizationHeaderAsyncError_CreateAuthorizationHeaderAsync\"",
        "AADSTS7000215",
        "event_id=3 event_name=\"OverridesIgnored\" route=\"AuthorizationHeaderUnauthenticated\"",
        "event_id=4 event_name=\"BaseUrlOverrideIgnored\"",
        "event_id=5 event_name=\"AgentIdentityOverridesIgnored\" route=\"DownstreamApiUnauthenticated\"",
        "Set Sidecar:AllowOverrides:GetAuthorizationHeaderUnauthenticated to true",
        "Set Sidecar:AllowOverrides:CallDownstreamApiUnauthenticated to true",
        "category=\"Microsoft.Identity.Web.Sidecar.Program\"",
        "category=\"Microsoft.Identity.Web.Sidecar.Models.BindableDownstreamApiOptions\"",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[tokio::test]
async fn a_500_has_a_reference_that_the_log_has_too() {
    let log = Captured::default();
    let _guard = log.start();
    let settings =
        [("DownstreamApis:Nowhere:Scopes", "api://x/.default"), ("DownstreamApis:Nowhere:RequestAppToken", "true")];
    let setup = Setup::new(&settings).await;
    let reply = setup.get("/DownstreamApiUnauthenticated/Nowhere").await;
    let reference = reply.json()["referenceId"].as_str().unwrap().to_owned();
    let text = log.text();
    let line = text.lines().find(|line| line.contains(&reference)).unwrap();
    assert!(line.contains("`DownstreamApis:Nowhere:BaseUrl` is not set"), "{line}");
    assert!(!reply.text().contains("BaseUrl"), "{}", reply.text());
}

#[tokio::test]
async fn no_token_and_no_secret_is_ever_logged() {
    let log = Captured::default();
    let _guard = log.start();
    let setup = Setup::new(&[("Sidecar:AllowOutboundRedirects", "true")]).await;
    let good = setup.authority.user_token(json!({}));
    let expired = setup.authority.user_token(json!({"exp": 1_700_000_000}));
    let body = [("authorization", &*format!("Bearer {good}")), ("content-type", "text/plain")];
    for path in ["/Validate", "/AuthorizationHeader/User", "/AuthorizationHeader/App"] {
        assert_eq!(setup.get_with(path, &good).await.status, 200, "{path}");
        assert_eq!(setup.get_with(path, &expired).await.status, 401, "{path}");
    }
    for path in ["", "?optionsOverride.RelativePath=redirect", "?optionsOverride.RelativePath=headers"] {
        setup.send(Method::POST, &format!("/DownstreamApi/User{path}"), &body, "card-number-4711").await;
    }
    setup.authority.answer([(400, refusal("invalid_grant", 50_013, Some(r#"{"a":1}"#)))]);
    let other = setup.authority.user_token(json!({"oid": "bbbbbbbb-1111-2222-3333-cccccccccccc"}));
    assert_eq!(setup.get_with("/AuthorizationHeader/User", &other).await.status, 401);
    let text = log.text();
    assert!(text.contains("event_id=1"), "the log is captured: {text}");
    let signatures = [&good, &expired, &other].map(|token| token.rsplit('.').next().unwrap().to_owned());
    for secret in
        signatures.iter().map(String::as_str).chain([SECRET, "token-1", "token-2", "session=secret", "card-number"])
    {
        assert!(!text.contains(secret), "`{secret}` is in the log");
    }
}
