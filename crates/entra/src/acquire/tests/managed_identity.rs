//! Managed identities through the engine: as tokens of their own, and as the application's proof.

use super::*;
use crate::ManagedIdentityId;

/// An engine whose machine has a metadata service: the same server, which tells the two by their paths.
async fn machine(credentials: &[(&str, &str)]) -> Bench {
    let server = Server::start().await;
    let imds = ("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url.as_str());
    let pairs: Vec<_> = credentials.iter().copied().chain([imds]).collect();
    let (engine, clock) = engine(&server.url, &pairs);
    Bench { engine, clock, server: Arc::clone(&server) }
}

fn of(identity: ManagedIdentityId) -> TokenRequest {
    TokenRequest::new(Flow::ManagedIdentity(identity), Scopes::parse("https://vault.azure.net/.default").unwrap())
}

#[tokio::test]
async fn each_identity_has_a_token_of_its_own_in_the_cache() {
    let bench = machine(&[]).await;
    let own = of(ManagedIdentityId::System);
    let other = of(ManagedIdentityId::ClientId("m".to_owned()));
    let same_text = of(ManagedIdentityId::ObjectId("m".to_owned()));
    for (request, token, outcome) in [
        (&own, "Bearer token-1", CacheOutcome::Authority),
        (&other, "Bearer token-2", CacheOutcome::Authority),
        (&same_text, "Bearer token-3", CacheOutcome::Authority),
        (&own, "Bearer token-1", CacheOutcome::Memory),
        (&other, "Bearer token-2", CacheOutcome::Memory),
    ] {
        assert_eq!(bench.acquire(request).await.unwrap(), (token.to_owned(), outcome));
    }
    let targets: Vec<_> = bench.server.tokens_asked().into_iter().map(|asked| asked.target).collect();
    let common = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net";
    assert_eq!(targets, ["", "&client_id=m", "&object_id=m"].map(|end| format!("{common}{end}")));
}

#[tokio::test]
async fn a_long_lived_token_is_renewed_in_the_background_from_half_of_its_life() {
    let bench = machine(&[]).await;
    bench.server.script([Reply::token("day", 86_400)]);
    bench.acquire(&of(ManagedIdentityId::System)).await.unwrap();
    bench.clock.advance(Duration::from_hours(13));
    let (token, outcome) = bench.acquire(&of(ManagedIdentityId::System)).await.unwrap();
    assert_eq!((token.as_str(), outcome), ("Bearer day", CacheOutcome::Memory));
    bench.settled().await;
    assert_eq!(bench.acquire(&of(ManagedIdentityId::System)).await.unwrap().0, "Bearer token-2");
}

#[tokio::test]
async fn a_host_that_refuses_says_nothing_about_entra() {
    let bench = machine(&[]).await;
    bench.server.script((0..9).map(|_| Reply::json(400, r#"{"error":"invalid_request","error_description":"no"}"#)));
    for _ in 0..9 {
        let error = bench.acquire(&of(ManagedIdentityId::System)).await.unwrap_err();
        let AcquireError::IdentityRefused(refusal) = &error else { panic!("{error}") };
        assert_eq!((refusal.status, refusal.reply.error.as_str()), (400, "invalid_request"));
    }
    assert!(bench.acquire(&app()).await.is_ok());
}

#[tokio::test]
async fn an_identity_that_the_host_lacks_is_the_same_answer_as_token_and_as_proof() {
    let body = r#"{"error":"invalid_request","error_description":"Identity not found"}"#;
    let bench = machine(&ASSERTION).await;
    bench.server.script((0..2).map(|_| Reply::json(400, body)));
    let requests = [of(ManagedIdentityId::ClientId("m".to_owned())), app()];
    for request in requests {
        let error = bench.acquire(&request).await.unwrap_err();
        let AcquireError::IdentityRefused(refusal) = &error else { panic!("{error:?}") };
        assert_eq!((refusal.status, refusal.reply.error.as_str()), (400, "invalid_request"));
        assert!(refusal.reply.error_description.contains("assign this identity"), "{error}");
    }
    assert_eq!(bench.acquire(&app()).await.unwrap().0, "Bearer token-4", "nothing is held against the authority");
}

#[tokio::test]
async fn where_something_else_is_wrong_too_the_configuration_is_to_blame() {
    let more = [
        ("AzureAd:ClientCredentials:1:SourceType", "AssertionVariable"),
        ("AzureAd:ClientCredentials:1:AssertionVariable", "NOWHERE"),
    ];
    let bench = machine(&[&ASSERTION[..], &more].concat()).await;
    bench.server.script([Reply::json(400, r#"{"error":"invalid_request"}"#)]);
    let error = bench.acquire(&app()).await.unwrap_err();
    assert!(matches!(&error, AcquireError::Configuration(text) if text.contains("NOWHERE")), "{error:?}");
}

#[tokio::test]
async fn its_token_is_the_applications_proof_and_serves_more_than_once() {
    let bench = machine(&ASSERTION).await;
    let other = TokenRequest::new(Flow::App, Scopes::parse("api://other/.default").unwrap());
    assert_eq!(bench.acquire(&app()).await.unwrap().0, "Bearer token-2");
    assert_eq!(bench.acquire(&other).await.unwrap().0, "Bearer token-3");
    let asked = bench.server.tokens_asked();
    let resource = "resource=api%3A%2F%2FAzureADTokenExchange&client_id=m";
    assert!(asked[0].target.ends_with(resource), "{}", asked[0].target);
    for asked in &asked[1..] {
        assert!(asked.target.ends_with("/oauth2/v2.0/token"), "{}", asked.target);
        assert_eq!(asked.field("client_assertion"), Some("token-1"));
        assert_eq!(asked.field("client_secret"), None);
    }
}

#[tokio::test]
async fn a_refused_assertion_is_asked_for_anew() {
    let bench = machine(&ASSERTION).await;
    bench.acquire(&app()).await.unwrap();
    bench.server.script([Reply::error(401, "invalid_client", 700_024)]);
    let again = TokenRequest { force_refresh: true, ..app() };
    assert_eq!(bench.acquire(&again).await.unwrap().0, "Bearer token-5");
    let asked = bench.server.tokens_asked();
    let assertions: Vec<_> = asked.iter().map(|asked| asked.field("client_assertion").unwrap_or("imds")).collect();
    assert_eq!(assertions, ["imds", "token-1", "token-1", "imds", "token-4"]);
}

#[tokio::test]
async fn a_claims_challenge_asks_for_another_assertion() {
    let bench = machine(&ASSERTION).await;
    bench.acquire(&app()).await.unwrap();
    let claims = Some(r#"{"access_token":{"nbf":{"essential":true}}}"#.to_owned());
    bench.acquire(&TokenRequest { claims, ..app() }).await.unwrap();
    let asked = bench.server.tokens_asked();
    let assertions: Vec<_> = asked.iter().map(|asked| asked.field("client_assertion").unwrap_or("imds")).collect();
    assert_eq!(assertions, ["imds", "token-1", "imds", "token-3"]);
}

#[tokio::test]
async fn the_next_credential_is_used_where_there_is_no_identity() {
    let list: Vec<_> = ASSERTION
        .into_iter()
        .chain([
            ("AzureAd:ClientCredentials:1:SourceType", "ClientSecret"),
            ("AzureAd:ClientCredentials:1:ClientSecret", "other"),
        ])
        .collect();
    let bench = machine(&list).await;
    bench.server.script([Reply::json(400, r#"{"error":"unauthorized_client"}"#)]);
    assert_eq!(bench.acquire(&app()).await.unwrap().0, "Bearer token-2");
    assert_eq!(bench.server.tokens_asked()[1].field("client_secret"), Some("other"));
}

#[tokio::test]
async fn a_metadata_service_that_hangs_leaves_time_for_the_next_credential() {
    let server = Server::start().await;
    // Connections are made, and nobody reads.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let imds = format!("http://{}", silent.local_addr().unwrap());
    let list = ASSERTION.into_iter().chain([
        ("AzureAd:ClientCredentials:1:SourceType", "ClientSecret"),
        ("AzureAd:ClientCredentials:1:ClientSecret", "other"),
        ("Sidecar:AcquireTimeout", "00:00:01"),
        ("AZURE_POD_IDENTITY_AUTHORITY_HOST", &imds),
    ]);
    let (engine, clock) = engine(&server.url, &list.collect::<Vec<_>>());
    let bench = Bench { server, engine, clock };
    assert_eq!(bench.acquire(&app()).await.unwrap().0, "Bearer token-1");
    assert_eq!(bench.server.tokens_asked()[0].field("client_secret"), Some("other"));
}

const ASSERTION: [(&str, &str); 2] = [
    ("AzureAd:ClientCredentials:0:SourceType", "SignedAssertionFromManagedIdentity"),
    ("AzureAd:ClientCredentials:0:ManagedIdentityClientId", "m"),
];
