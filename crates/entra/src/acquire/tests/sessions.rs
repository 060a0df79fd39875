//! Long-running on-behalf-of: who begins a session, who may go on with it, and how long.

use super::*;

fn begin(token: &str, user: &str, key: &str) -> TokenRequest {
    let mut request = super::user(token);
    let Flow::OnBehalfOf(assertion) = &mut request.flow else { unreachable!() };
    assertion.user = Some(user.to_owned());
    request.session_key = Some(key.to_owned());
    request.scopes = Scopes::parse("api://orders/read").unwrap();
    request
}

fn go_on(key: &str) -> TokenRequest {
    let scopes = Scopes::parse("api://orders/read").unwrap();
    TokenRequest { session_key: Some(key.to_owned()), ..TokenRequest::new(Flow::Session { agent: None }, scopes) }
}

fn as_agent(request: TokenRequest, agent: &str) -> TokenRequest {
    let agent = agent.to_owned();
    let flow = match request.flow {
        Flow::OnBehalfOf(assertion) => Flow::Agent { agent, assertion: Some(assertion) },
        _ => Flow::Session { agent: Some(agent) },
    };
    TokenRequest { flow, ..request }
}

fn other_scope(request: TokenRequest) -> TokenRequest {
    TokenRequest { scopes: Scopes::parse("api://orders/write").unwrap(), ..request }
}

fn is_invalid(result: Result<(String, CacheOutcome), AcquireError>, word: &str) -> bool {
    matches!(result, Err(AcquireError::Invalid(text)) if text.contains(word))
}

#[tokio::test]
async fn a_session_begins_with_the_users_token_and_goes_on_without() {
    let bench = Bench::new().await;
    bench.server.script([Reply::with_refresh("first", "r1"), Reply::with_refresh("second", "r2")]);
    assert_eq!(bench.acquire(&begin("t", "alice", "k")).await.unwrap(), first("first"));
    let asked = bench.server.tokens_asked().pop().unwrap();
    assert_eq!(asked.field("grant_type"), Some("urn:ietf:params:oauth:grant-type:jwt-bearer"));
    assert_eq!(asked.field("assertion"), Some("t"));
    assert_eq!(bench.acquire(&go_on("k")).await.unwrap(), cached("first"));
    assert_eq!(bench.acquire(&begin("a newer token", "alice", "k")).await.unwrap(), cached("first"));
    assert!(bench.engine.try_cached(&go_on("k")).is_some());
    // The token has ended: the refresh token brings the next one, in the user's own directory.
    bench.clock.advance(Duration::from_secs(3590));
    assert_eq!(bench.acquire(&go_on("k")).await.unwrap(), first("second"));
    let asked = bench.server.tokens_asked().pop().unwrap();
    let expected = [
        ("client_id", CLIENT),
        ("client_info", "1"),
        ("client_secret", "s3cret & more"),
        ("grant_type", "refresh_token"),
        ("refresh_token", "r1"),
        ("scope", "api://orders/read offline_access openid profile"),
    ];
    assert_eq!(asked.sorted(), expected);
    assert_eq!(asked.tenant(), OTHER_TENANT);
    // And another scope, by the newest refresh token.
    bench.acquire(&other_scope(go_on("k"))).await.unwrap();
    assert_eq!(bench.server.tokens_asked().pop().unwrap().field("refresh_token"), Some("r2"));
}

#[tokio::test]
async fn a_key_that_is_not_known_says_so() {
    let bench = Bench::new().await;
    bench.acquire(&begin("t", "alice", "k")).await.unwrap();
    for request in [go_on("other"), go_on("K"), as_agent(go_on("k"), "agent")] {
        let error = bench.acquire(&request).await.unwrap_err();
        assert!(matches!(error, AcquireError::NoSession), "{error}");
        assert!(error.to_string().starts_with("obo_cache_key_not_in_cache_error"));
    }
    assert_eq!(bench.asked(), 1);
}

#[tokio::test]
async fn a_session_is_its_users_alone() {
    let bench = Bench::new().await;
    bench.server.script([Reply::with_refresh("alices", "r1")]);
    bench.acquire(&begin("t", "alice", "k")).await.unwrap();
    assert!(is_invalid(bench.acquire(&begin("u", "bob", "k")).await, "another user"));
    assert!(is_invalid(bench.acquire(&forced(begin("u", "bob", "k"))).await, "another user"));
    // The same object id in another directory is another user.
    let mut elsewhere = begin("u", "alice", "k");
    let Flow::OnBehalfOf(assertion) = &mut elsewhere.flow else { unreachable!() };
    assertion.tenant = Some(TENANT.parse().unwrap());
    assert!(is_invalid(bench.acquire(&elsewhere).await, "another user"));
    assert_eq!(bench.asked(), 1);
    assert_eq!(bench.acquire(&go_on("k")).await.unwrap(), cached("alices"));
}

#[tokio::test]
async fn of_two_who_begin_at_once_one_gets_the_session() {
    let bench = Arc::new(Bench::new().await);
    bench.server.answer(|asked| Reply::with_refresh(&format!("for-{}", asked.field("assertion").unwrap()), "r"));
    bench.server.hold();
    let begin = |user: &'static str| {
        let bench = Arc::clone(&bench);
        tokio::spawn(async move { bench.acquire(&begin(user, user, "k")).await })
    };
    let (alice, bob) = (begin("alice"), begin("bob"));
    bench.server.until_asked(2).await;
    bench.server.release(10);
    let results = [alice.await.unwrap(), bob.await.unwrap()];
    let winner: Vec<_> = results.iter().flatten().collect();
    assert_eq!(winner.len(), 1, "{results:?}");
    assert!(results.iter().any(|result| is_invalid(result.clone(), "another user")));
    assert_eq!(bench.acquire(&go_on("k")).await.unwrap().0, winner[0].0);
}

#[tokio::test]
async fn what_cannot_be_a_session_is_refused() {
    let bench = Bench::new().await;
    for request in [begin("t", "alice", "AllocateForMe"), go_on("allocateforme")] {
        assert!(is_invalid(bench.acquire(&request).await, "AllocateForMe"));
    }
    let mut nobody = begin("t", "alice", "k");
    let Flow::OnBehalfOf(assertion) = &mut nobody.flow else { unreachable!() };
    assertion.user = None;
    assert!(is_invalid(bench.acquire(&nobody).await, "oid"));
    let keyless = TokenRequest { session_key: None, ..go_on("k") };
    assert!(matches!(bench.acquire(&keyless).await, Err(AcquireError::NoSession)));
    assert_eq!(bench.asked(), 0);
}

#[tokio::test]
async fn plain_on_behalf_of_keeps_no_refresh_token() {
    let bench = Bench::new().await;
    bench.server.script([Reply::with_refresh("first", "r1")]);
    bench.acquire(&user("t")).await.unwrap();
    bench.clock.advance(Duration::from_secs(3590));
    bench.acquire(&user("t")).await.unwrap();
    let asked = bench.server.tokens_asked().pop().unwrap();
    assert_eq!((asked.field("assertion"), asked.field("refresh_token")), (Some("t"), None));
}

#[tokio::test]
async fn a_session_is_apart_from_what_has_no_session_or_another() {
    let bench = Bench::new().await;
    bench.server.answer(|asked| {
        let number = asked.field("assertion").unwrap_or_default();
        Reply::with_refresh(&format!("of-{number}"), "r")
    });
    let plain = TokenRequest { session_key: None, ..begin("1", "alice", "k") };
    assert_eq!(bench.acquire(&plain).await.unwrap(), first("of-1"));
    assert_eq!(bench.acquire(&begin("2", "alice", "k")).await.unwrap(), first("of-2"));
    assert_eq!(bench.acquire(&begin("3", "alice", "l")).await.unwrap(), first("of-3"));
    assert_eq!(bench.acquire(&plain).await.unwrap(), cached("of-1"));
    assert_eq!(bench.acquire(&go_on("k")).await.unwrap(), cached("of-2"));
    assert_eq!(bench.acquire(&go_on("l")).await.unwrap(), cached("of-3"));
}

#[tokio::test]
async fn a_refused_refresh_token_gives_way_to_the_users_token() {
    let bench = Bench::new().await;
    bench.server.script([
        Reply::with_refresh("first", "r1"),
        Reply::error(400, "invalid_grant", 65001),
        Reply::error(400, "interaction_required", 50076),
        Reply::with_refresh("second", "r2"),
    ]);
    bench.acquire(&begin("t", "alice", "k")).await.unwrap();
    // Without the user the refusal is the answer, and a scope without consent ends nothing.
    let error = bench.acquire(&other_scope(go_on("k"))).await.unwrap_err();
    assert!(matches!(&error, AcquireError::Refused(refusal) if refusal.reply.error_codes == [65001]), "{error}");
    assert_eq!(bench.acquire(&go_on("k")).await.unwrap(), cached("first"));
    assert_eq!(bench.acquire(&other_scope(begin("u", "alice", "k"))).await.unwrap(), first("second"));
    let asked = bench.server.tokens_asked();
    assert_eq!(asked[2].field("refresh_token"), Some("r1"));
    assert_eq!(asked[3].field("assertion"), Some("u"));
}

#[tokio::test]
async fn a_spent_session_ends_with_its_last_token() {
    let bench = Bench::new().await;
    bench.server.script([Reply::with_refresh("first", "r1"), Reply::error(400, "invalid_grant", 70008)]);
    bench.acquire(&begin("t", "alice", "k")).await.unwrap();
    let error = bench.acquire(&other_scope(go_on("k"))).await.unwrap_err();
    assert!(matches!(error, AcquireError::Refused(_)), "{error}");
    // Its token is still good, but nothing brings another one.
    assert_eq!(bench.acquire(&go_on("k")).await.unwrap(), cached("first"));
    assert!(matches!(bench.acquire(&other_scope(go_on("k"))).await, Err(AcquireError::NoSession)));
    assert!(is_invalid(bench.acquire(&begin("u", "bob", "k")).await, "another user"));
    assert_eq!(bench.asked(), 2);
    bench.clock.advance(Duration::from_hours(1));
    assert!(matches!(bench.acquire(&go_on("k")).await, Err(AcquireError::NoSession)));
    // The key is free again.
    bench.server.script([Reply::token("bobs", 3600)]);
    assert_eq!(bench.acquire(&begin("u", "bob", "k")).await.unwrap(), first("bobs"));
    assert_eq!(bench.acquire(&go_on("k")).await.unwrap(), cached("bobs"));
}

#[tokio::test]
async fn a_session_is_renewed_behind_the_callers_back_and_by_force() {
    let bench = Bench::new().await;
    bench.server.script([Reply::with_refresh("first", "r1")]);
    bench.acquire(&begin("t", "alice", "k")).await.unwrap();
    bench.clock.advance(Duration::from_secs(2200));
    bench.acquire(&go_on("k")).await.unwrap();
    bench.settled().await;
    assert_eq!(bench.acquire(&go_on("k")).await.unwrap(), cached("token-2"));
    assert_eq!(bench.acquire(&forced(go_on("k"))).await.unwrap(), first("token-3"));
    let challenged = TokenRequest { claims: Some(r#"{"access_token":{"acrs":null}}"#.to_owned()), ..go_on("k") };
    assert_eq!(bench.acquire(&challenged).await.unwrap(), first("token-4"));
    assert_eq!(bench.acquire(&go_on("k")).await.unwrap(), cached("token-4"));
    let asked = bench.server.tokens_asked();
    assert!(asked[1..].iter().all(|asked| asked.field("refresh_token") == Some("r1")));
    assert_eq!(asked[3].field("claims"), challenged.claims.as_deref());
}

#[tokio::test]
async fn an_agent_has_sessions_of_its_own() {
    let bench = Bench::new().await;
    bench.server.script([
        Reply::token("t1", 86_400),
        Reply::with_refresh("first", "r1"),
        Reply::with_refresh("second", "r2"),
    ]);
    assert_eq!(bench.acquire(&as_agent(begin("t", "alice", "k"), "agent")).await.unwrap(), first("first"));
    bench.clock.advance(Duration::from_secs(3590));
    assert_eq!(bench.acquire(&as_agent(go_on("k"), "agent")).await.unwrap(), first("second"));
    let asked = bench.server.tokens_asked().pop().unwrap();
    let expected = [
        ("client_assertion", "t1"),
        ("client_assertion_type", sidekey_oauth::grant::CLIENT_ASSERTION_TYPE),
        ("client_id", "agent"),
        ("client_info", "1"),
        ("grant_type", "refresh_token"),
        ("refresh_token", "r1"),
        ("scope", "api://orders/read offline_access openid profile"),
    ];
    assert_eq!(asked.sorted(), expected);
    assert_eq!(asked.tenant(), OTHER_TENANT);
    assert!(matches!(bench.acquire(&go_on("k")).await, Err(AcquireError::NoSession)));
    assert!(matches!(bench.acquire(&as_agent(go_on("k"), "other")).await, Err(AcquireError::NoSession)));
}

#[tokio::test]
async fn refresh_tokens_are_bounded_with_the_tokens() {
    let bench = Bench::with(&[("TokenCache:MaxEntries", "20")]).await;
    bench.server.answer(|_| Reply::with_refresh("t", &"r".repeat(1000)));
    for index in 0..100 {
        bench.acquire(&begin("t", "alice", &format!("k{index}"))).await.unwrap();
    }
    let mut alive = 0;
    for index in 0..100 {
        match bench.acquire(&go_on(&format!("k{index}"))).await {
            Ok(_) => alive += 1,
            Err(error) => assert!(matches!(error, AcquireError::NoSession), "{error}"),
        }
    }
    assert!((1..=20).contains(&alive), "{alive}");
}
