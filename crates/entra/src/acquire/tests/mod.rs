//! The engine against a scripted authority. Wall time is a manual clock; nothing here sleeps.

mod agents;
mod entra_app;
mod failures;
mod managed_identity;
mod on_behalf_of;
mod outage;
mod pop;
mod server;
mod sessions;
mod token_proxy;

use std::time::Duration;

use sidekey_config::Configuration;
use sidekey_host::ManualClock;
use sidekey_oauth::{Scopes, TenantId};
use uuid::Uuid;

use self::server::{Reply, Server};
use super::*;
use crate::{Flow, UserAssertion, UserToken, test_log::Log};

/// An engine, its authority and its clock.
struct Bench {
    server: Arc<Server>,
    engine: Arc<Entra>,
    clock: Arc<ManualClock>,
}

impl Bench {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(more: &[(&str, &str)]) -> Self {
        let server = Server::start().await;
        let engine = engine(&server.url, more);
        Self { engine: engine.0, clock: engine.1, server }
    }

    async fn acquire(&self, request: &TokenRequest) -> Result<(String, CacheOutcome), AcquireError> {
        let (token, outcome) = self.engine.acquire(request).await?;
        Ok((token.authorization.expose().to_owned(), outcome))
    }

    fn asked(&self) -> usize {
        self.server.tokens_asked().len()
    }

    /// Waits until all fetches have landed.
    async fn settled(&self) {
        while !self.engine.flights.is_empty() {
            tokio::task::yield_now().await;
        }
    }
}

fn engine(instance: &str, more: &[(&str, &str)]) -> (Arc<Entra>, Arc<ManualClock>) {
    let base = [
        ("AzureAd:Instance", instance),
        ("AzureAd:TenantId", TENANT),
        ("AzureAd:ClientId", CLIENT),
        ("AzureAd:ClientCredentials:0:SourceType", "ClientSecret"),
        ("AzureAd:ClientCredentials:0:ClientSecret", "s3cret & more"),
    ];
    let pairs = base.iter().chain(more).copied();
    let (config, _) = Configuration::from_pairs(pairs).bind(Config::read).unwrap_or_else(|faults| panic!("{faults}"));
    sidekey_host::tls::install_crypto_provider();
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    let clock = Arc::new(ManualClock::at(UnixTime(1_800_000_000)));
    let cache = Arc::new(TokenCache::new(config.cache));
    let shared = Arc::clone(&clock) as Arc<dyn Clock>;
    let validator = Validator::new(&config, Metadata::new(&config, &http, &shared), &http, Arc::clone(&shared));
    let mut engine = Entra::build(config, http, shared, validator, cache, Arc::default());
    engine.client.retry_pause = Duration::ZERO;
    (Arc::new(engine), clock)
}

fn app() -> TokenRequest {
    TokenRequest::new(Flow::App, Scopes::parse("api://orders/.default ignored").unwrap())
}

fn user(token: &str) -> TokenRequest {
    let assertion = UserAssertion {
        token: Arc::new(UserToken::new(Secret::new(token))),
        tenant: Some(OTHER_TENANT.parse().unwrap()),
        user: Some("alice".to_owned()),
    };
    TokenRequest::new(Flow::OnBehalfOf(assertion), Scopes::parse("api://orders/b api://orders/a openid").unwrap())
}

fn forced(request: TokenRequest) -> TokenRequest {
    TokenRequest { force_refresh: true, ..request }
}

fn first(token: &str) -> (String, CacheOutcome) {
    (format!("Bearer {token}"), CacheOutcome::Authority)
}

fn cached(token: &str) -> (String, CacheOutcome) {
    (format!("Bearer {token}"), CacheOutcome::Memory)
}

fn stale(token: &str) -> (String, CacheOutcome) {
    (format!("Bearer {token}"), CacheOutcome::Stale)
}

#[tokio::test]
async fn an_app_token_is_asked_for_as_entra_wants_it() {
    let bench =
        Bench::with(&[("AzureAd:ClientCapabilities:0", "cp1"), ("AzureAd:ExtraQueryParameters:dc", "a b")]).await;
    let id = Uuid::new_v4();
    let request = TokenRequest {
        correlation_id: Some(id),
        fmi_path: Some("/path".to_owned()),
        extra_parameters: vec![("slice".to_owned(), "x".to_owned())],
        ..app()
    };
    assert_eq!(bench.acquire(&request).await.unwrap(), first("token-1"));
    let asked = bench.server.tokens_asked().pop().unwrap();
    assert_eq!(asked.target, format!("/{TENANT}/oauth2/v2.0/token?dc=a+b&slice=x"));
    assert_eq!(asked.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(asked.headers["accept"], "application/json");
    assert_eq!(asked.headers["client-request-id"], id.to_string());
    assert_eq!(asked.headers["return-client-request-id"], "true");
    let mut form = asked.form.clone();
    form.sort();
    let expected = [
        ("claims", r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#),
        ("client_id", CLIENT),
        ("client_info", "2"),
        ("client_secret", "s3cret & more"),
        ("fmi_path", "/path"),
        ("grant_type", "client_credentials"),
        ("scope", "api://orders/.default"),
    ];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(bench.acquire(&request).await.unwrap(), cached("token-1"));
}

#[tokio::test]
async fn a_user_token_is_asked_for_in_the_users_own_tenant() {
    let bench = Bench::new().await;
    assert_eq!(bench.acquire(&user("user-token")).await.unwrap(), first("token-1"));
    let asked = bench.server.tokens_asked().pop().unwrap();
    assert_eq!(asked.target, format!("/{OTHER_TENANT}/oauth2/v2.0/token"));
    assert_eq!(asked.headers["x-anchormailbox"], format!("oid:alice@{OTHER_TENANT}"));
    let mut form = asked.form.clone();
    form.sort();
    let expected = [
        ("assertion", "user-token"),
        ("client_id", CLIENT),
        ("client_info", "1"),
        ("client_secret", "s3cret & more"),
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("requested_token_use", "on_behalf_of"),
        ("scope", "api://orders/a api://orders/b offline_access openid profile"),
    ];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn an_unknown_host_is_asked_about_itself_once() {
    let bench = Bench::new().await;
    bench.acquire(&app()).await.unwrap();
    bench.acquire(&user("u")).await.unwrap();
    let others = bench.server.others_asked();
    assert_eq!(others.len(), 1);
    assert!(others[0].target.starts_with("/common/discovery/instance?api-version=1.1&authorization_endpoint="));
}

#[tokio::test]
async fn another_providers_metadata_says_where_its_tokens_are() {
    let server = Server::start().await;
    let authority = format!("{}/realms/a", server.url);
    let pairs = [("AzureAd:Instance", ""), ("AzureAd:TenantId", ""), ("AzureAd:Authority", &authority)];
    let (engine, _) = engine(&server.url, &pairs);
    let error = engine.acquire(&app()).await.unwrap_err();
    assert!(matches!(&error, AcquireError::Unavailable { message, .. } if message.contains("status 404")), "{error}");
    let document =
        format!(r#"{{"issuer":"{authority}","token_endpoint":"{}/token","jwks_uri":"{authority}"}}"#, server.url);
    server.serve_at("/realms/a/.well-known/openid-configuration", Reply::json(200, document));
    for request in [app(), user("u")] {
        engine.acquire(&request).await.unwrap();
    }
    let paths: Vec<_> = server.tokens_asked().into_iter().map(|asked| asked.target).collect();
    assert_eq!(paths, ["/token", "/token"]);
    assert_eq!(server.others_asked().len(), 2, "once without and once with an answer");
}

#[tokio::test]
async fn equal_requests_at_the_same_time_are_one() {
    let bench = Arc::new(Bench::new().await);
    bench.server.hold();
    let callers: Vec<_> = (0..300)
        .map(|_| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move { bench.acquire(&app()).await })
        })
        .collect();
    bench.server.until_asked(1).await;
    bench.server.release(300);
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap(), first("token-1"));
    }
    assert_eq!(bench.asked(), 1);
}

#[tokio::test]
async fn a_caller_who_leaves_cancels_nothing() {
    let bench = Arc::new(Bench::new().await);
    bench.server.hold();
    let leaver = tokio::spawn({
        let bench = Arc::clone(&bench);
        async move { bench.acquire(&app()).await }
    });
    bench.server.until_asked(1).await;
    leaver.abort();
    assert!(leaver.await.unwrap_err().is_cancelled());
    bench.server.release(1);
    bench.settled().await;
    assert_eq!(bench.acquire(&app()).await.unwrap(), cached("token-1"));
    assert_eq!(bench.asked(), 1);
}

#[tokio::test]
async fn whatever_differs_gets_a_token_of_its_own() {
    let bench = Bench::new().await;
    let tenant: TenantId = OTHER_TENANT.parse().unwrap();
    let different = [
        app(),
        TokenRequest { tenant: Some(tenant), ..app() },
        TokenRequest { fmi_path: Some("p".to_owned()), ..app() },
        TokenRequest { extra_parameters: vec![("a".to_owned(), "b".to_owned())], ..app() },
        TokenRequest::new(Flow::App, Scopes::parse("api://other/.default").unwrap()),
        user("one"),
        user("two"),
    ];
    for (index, request) in different.iter().enumerate() {
        assert_eq!(bench.acquire(request).await.unwrap(), first(&format!("token-{}", index + 1)));
    }
    for (index, request) in different.iter().enumerate() {
        assert_eq!(bench.acquire(request).await.unwrap(), cached(&format!("token-{}", index + 1)));
    }
}

#[tokio::test]
async fn a_token_past_half_its_life_is_renewed_behind_the_callers_back() {
    let bench = Bench::new().await;
    bench.acquire(&app()).await.unwrap();
    bench.clock.advance(Duration::from_secs(2000));
    bench.server.hold();
    for _ in 0..10 {
        assert_eq!(bench.acquire(&app()).await.unwrap(), cached("token-1"));
    }
    bench.server.until_asked(2).await;
    bench.server.release(1);
    bench.settled().await;
    assert_eq!(bench.acquire(&app()).await.unwrap(), cached("token-2"));
    assert_eq!(bench.asked(), 2);
}

#[tokio::test]
async fn a_forced_refresh_replaces_the_token_and_a_failed_one_does_not() {
    let bench = Bench::new().await;
    bench.acquire(&app()).await.unwrap();
    assert_eq!(bench.acquire(&forced(app())).await.unwrap(), first("token-2"));
    assert_eq!(bench.acquire(&app()).await.unwrap(), cached("token-2"));
    bench.server.script([Reply::error(400, "invalid_grant", 65001)]);
    assert!(matches!(bench.acquire(&forced(app())).await.unwrap_err(), AcquireError::Refused(_)));
    assert_eq!(bench.acquire(&app()).await.unwrap(), cached("token-2"));
    bench.server.script([Reply::json(503, ""), Reply::json(503, "")]);
    assert!(matches!(bench.acquire(&forced(app())).await.unwrap_err(), AcquireError::Unavailable { .. }));
    assert_eq!(bench.acquire(&app()).await.unwrap(), cached("token-2"));
}

#[tokio::test]
async fn a_forced_refresh_is_not_served_by_what_began_before_it() {
    let bench = Arc::new(Bench::new().await);
    bench.server.hold();
    let ask = |request: TokenRequest| {
        let bench = Arc::clone(&bench);
        tokio::spawn(async move { bench.acquire(&request).await })
    };
    let usual = ask(app());
    bench.server.until_asked(1).await;
    let forced: Vec<_> = (0..20).map(|_| ask(forced(app()))).collect();
    tokio::task::yield_now().await;
    bench.server.release(100);
    assert_eq!(usual.await.unwrap().unwrap(), first("token-1"));
    for caller in forced {
        assert_eq!(caller.await.unwrap().unwrap(), first("token-2"));
    }
    assert_eq!(bench.asked(), 2);
}

#[tokio::test]
async fn an_answered_challenge_replaces_the_token_without_claims() {
    let bench = Bench::new().await;
    bench.acquire(&app()).await.unwrap();
    let challenged = TokenRequest { claims: Some(r#"{"access_token":{"nbf":{"value":"1"}}}"#.to_owned()), ..app() };
    assert_eq!(bench.acquire(&challenged).await.unwrap(), first("token-2"));
    let asked = bench.server.tokens_asked().pop().unwrap();
    assert_eq!(asked.field("claims"), challenged.claims.as_deref());
    assert_eq!(bench.acquire(&app()).await.unwrap(), cached("token-2"));
    assert_eq!(bench.acquire(&challenged).await.unwrap(), first("token-3"));
    let broken = TokenRequest { claims: Some("{".to_owned()), ..app() };
    assert!(matches!(bench.acquire(&broken).await.unwrap_err(), AcquireError::Configuration(_)));
    assert_eq!(bench.asked(), 3);
}

#[tokio::test]
async fn assertions_are_sent_as_such_and_for_the_endpoint_that_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "aa.bb.cc\n").unwrap();
    let bench = Bench::with(&[
        ("AzureAd:ClientCredentials:0:SourceType", "SignedAssertionFilePath"),
        ("AzureAd:ClientCredentials:0:SignedAssertionFileDiskPath", path.to_str().unwrap()),
        ("AzureAd:ClientCredentials:0:ClientSecret", ""),
    ])
    .await;
    for (content, expected) in [("aa.bb.cc\n", "aa.bb.cc"), ("aa.bb.dd\n", "aa.bb.dd")] {
        std::fs::write(&path, content).unwrap();
        bench.acquire(&forced(app())).await.unwrap();
        let asked = bench.server.tokens_asked().pop().unwrap();
        assert_eq!(asked.field("client_assertion"), Some(expected));
        assert_eq!(asked.field("client_assertion_type"), Some(sidekey_oauth::grant::CLIENT_ASSERTION_TYPE));
        assert_eq!(asked.field("client_secret"), None);
    }
    std::fs::remove_file(&path).unwrap();
    let error = bench.acquire(&forced(app())).await.unwrap_err();
    assert!(matches!(&error, AcquireError::Configuration(text) if text.contains("does not exist")), "{error}");
}

#[tokio::test]
async fn the_cache_can_be_asked_without_waiting() {
    let bench = Bench::new().await;
    assert!(bench.engine.try_cached(&app()).is_none());
    bench.acquire(&app()).await.unwrap();
    let (token, outcome) = bench.engine.try_cached(&app()).unwrap();
    assert_eq!((token.authorization.expose(), outcome), ("Bearer token-1", CacheOutcome::Memory));
    assert_eq!(token.expires_on, UnixTime(1_800_003_600));
    assert!(bench.engine.try_cached(&forced(app())).is_none());
    // Outside of a runtime nothing can be renewed, but what is there is given.
    bench.clock.advance(Duration::from_secs(2000));
    let engine = Arc::clone(&bench.engine);
    let elsewhere = std::thread::spawn(move || engine.try_cached(&app()).is_some());
    assert!(elsewhere.join().unwrap());
}

#[tokio::test]
async fn a_changed_configuration_keeps_what_is_still_true() {
    let bench = Bench::new().await;
    bench.acquire(&app()).await.unwrap();
    let same = bench.engine.reconfigured(bench.engine.config().clone());
    assert!(same.try_cached(&app()).is_some());
    let mut other = bench.engine.config().clone();
    other.client_id = "other".parse().unwrap();
    assert!(bench.engine.reconfigured(other).try_cached(&app()).is_none());
}

#[tokio::test]
async fn nothing_that_could_be_replayed_is_logged() {
    let log = Log::start();
    let bench = Bench::with(&[("AzureAd:ClientCredentials:0:ClientSecret", "hunter2-secret")]).await;
    let request = user("hunter2-assertion");
    bench.server.script([
        Reply::json(500, "hunter2-body"),
        Reply::token("hunter2-token", 3600),
        Reply::json(200, r#"{"token_type":"Bearer","expires_in":"hunter2","access_token":"hunter2-token"}"#),
        Reply::json(400, r#"{"error":"invalid_grant","error_description":"AADSTS65001: no"}"#),
    ]);
    bench.acquire(&request).await.unwrap();
    bench.acquire(&forced(request.clone())).await.unwrap_err();
    bench.acquire(&forced(request.clone())).await.unwrap_err();
    tracing::info!(engine = ?bench.engine, ?request, config = ?bench.engine.config(), "everything");
    let text = log.text();
    assert!(
        text.contains("token acquired") && text.contains("everything") && text.contains("credential chosen"),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
}

const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const OTHER_TENANT: &str = "bbbbcccc-1111-dddd-2222-eeee3333ffff";
const CLIENT: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
