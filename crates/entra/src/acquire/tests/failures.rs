//! An authority that refuses, asks for patience, does not answer or is not there.

use super::*;

#[tokio::test]
async fn a_failure_is_everyones() {
    let bench = Arc::new(Bench::new().await);
    bench.server.hold();
    bench.server.script([Reply::error(400, "invalid_scope", 70011)]);
    let callers: Vec<_> = (0..10)
        .map(|_| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move { bench.acquire(&app()).await })
        })
        .collect();
    bench.server.until_asked(1).await;
    bench.server.release(10);
    for caller in callers {
        let error = caller.await.unwrap().unwrap_err();
        assert!(matches!(&error, AcquireError::Refused(refusal) if refusal.reply.error == "invalid_scope"), "{error}");
    }
    assert_eq!(bench.asked(), 1);
}

#[tokio::test]
async fn a_failed_renewal_pauses_and_leaves_the_token_in_use() {
    let bench = Bench::new().await;
    bench.acquire(&app()).await.unwrap();
    bench.clock.advance(Duration::from_secs(2000));
    bench.server.script([Reply::json(500, ""), Reply::json(500, "")]);
    for _ in 0..3 {
        assert_eq!(bench.acquire(&app()).await.unwrap(), cached("token-1"));
        bench.settled().await;
    }
    assert_eq!(bench.asked(), 3, "the first, the renewal and its second try");
    bench.clock.advance(Duration::from_secs(90));
    assert_eq!(bench.acquire(&app()).await.unwrap(), cached("token-1"));
    bench.settled().await;
    assert_eq!(bench.acquire(&app()).await.unwrap(), cached("token-4"));
}

#[tokio::test]
async fn while_entra_is_down_a_valid_token_serves_until_its_last_half_minute() {
    let bench = Bench::new().await;
    bench.acquire(&app()).await.unwrap();
    bench.server.script((0..20).map(|_| Reply::json(503, "")));
    // Four minutes left: Entra is asked, does not answer, and the token serves.
    bench.clock.advance(Duration::from_mins(56));
    assert_eq!(bench.acquire(&app()).await.unwrap(), stale("token-1"));
    let asked = bench.asked();
    // Entra is known to be down: nobody waits for it any more.
    bench.server.hold();
    assert_eq!(bench.acquire(&app()).await.unwrap(), stale("token-1"));
    bench.server.until_asked(asked + 1).await;
    bench.server.release(1000);
    bench.settled().await;
    bench.clock.advance(Duration::from_secs(210));
    let error = bench.acquire(&app()).await.unwrap_err();
    assert!(matches!(error, AcquireError::Unavailable { throttled: false, .. }), "{error}");
}

#[tokio::test]
async fn an_authority_that_never_answers_is_left_alone_for_a_moment() {
    let bench = Bench::new().await;
    bench.server.script((0..100).map(|_| Reply::json(503, "")));
    let request = |index| TokenRequest::new(Flow::App, Scopes::parse(&format!("api://{index}/.default")).unwrap());
    for index in 0..5 {
        bench.acquire(&request(index)).await.unwrap_err();
    }
    let asked = bench.asked();
    let error = bench.acquire(&request(9)).await.unwrap_err();
    assert!(matches!(error, AcquireError::Unavailable { retry_after: Some(_), .. }), "{error}");
    assert_eq!(bench.asked(), asked);
    bench.clock.advance(Duration::from_secs(1));
    bench.acquire(&request(9)).await.unwrap_err();
    assert!(bench.asked() > asked);
}

#[tokio::test]
async fn retry_after_is_replayed_until_it_lapses() {
    let bench = Bench::new().await;
    let throttled = Reply::error(429, "temporarily_unavailable", 90055).with("Retry-After", "60");
    bench.server.script([throttled]);
    let wait = |error: AcquireError| match error {
        AcquireError::Unavailable { throttled: true, retry_after, reply: Some(_), .. } => {
            retry_after.unwrap().as_secs()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(wait(bench.acquire(&app()).await.unwrap_err()), 60);
    bench.clock.advance(Duration::from_secs(45));
    assert_eq!(wait(bench.acquire(&app()).await.unwrap_err()), 15);
    assert_eq!(wait(bench.acquire(&forced(app())).await.unwrap_err()), 15);
    assert_eq!(bench.asked(), 1);
    assert_eq!(bench.acquire(&user("u")).await.unwrap(), first("token-2"), "another key is not concerned");
    bench.clock.advance(Duration::from_secs(15));
    assert_eq!(bench.acquire(&app()).await.unwrap(), first("token-3"));
}

#[tokio::test]
async fn one_more_try_is_made_where_it_may_help() {
    for (reply, tries) in [
        (Reply::json(500, ""), 2),
        (Reply::json(503, "").with("retry-after", "1"), 1),
        (Reply::error(400, "invalid_scope", 70011), 1),
        (Reply::json(302, "").with("location", "/elsewhere"), 1),
        (Reply::json(200, "{}"), 1),
        (Reply::json(200, r#"{"token_type":"pop","expires_in":1,"access_token":"x"}"#), 1),
        (Reply::json(200, " ".repeat((1 << 20) + 1)), 2),
        (Reply::json(404, "nothing"), 1),
    ] {
        let bench = Bench::new().await;
        bench.server.script([reply.clone(), reply.clone()]);
        bench.acquire(&app()).await.unwrap_err();
        assert_eq!(bench.asked(), tries, "{}", reply.status);
        assert!(bench.server.others_asked().iter().all(|asked| asked.target.contains("discovery")));
    }
    let bench = Bench::new().await;
    bench.server.script([Reply::json(500, "")]);
    assert_eq!(bench.acquire(&app()).await.unwrap(), first("token-2"));
}

#[tokio::test]
async fn the_next_credential_is_tried_when_entra_distrusts_the_first() {
    let second = [
        ("AzureAd:ClientCredentials:1:SourceType", "ClientSecret"),
        ("AzureAd:ClientCredentials:1:ClientSecret", "second"),
    ];
    for (code, tries) in [(700_027, 2), (7_000_215, 1)] {
        let bench = Bench::with(&second).await;
        bench.server.script([Reply::error(401, "invalid_client", code)]);
        let result = bench.acquire(&app()).await;
        assert_eq!((result.is_ok(), bench.asked()), (tries == 2, tries));
    }
    let bench = Bench::with(&second).await;
    bench.server.script((0..3).map(|_| Reply::error(401, "invalid_client", 700_027)));
    assert!(matches!(bench.acquire(&app()).await.unwrap_err(), AcquireError::Refused(_)));
    let secrets: Vec<_> =
        bench.server.tokens_asked().iter().map(|asked| asked.field("client_secret").map(str::to_owned)).collect();
    assert_eq!(secrets, [Some("s3cret & more".to_owned()), Some("second".to_owned())]);
}

#[tokio::test]
async fn an_authority_that_is_not_there_is_unavailable() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let (engine, _) = engine(&closed, &[]);
    let error = engine.acquire(&app()).await.unwrap_err();
    let AcquireError::Unavailable { message, throttled: false, .. } = &error else { panic!("{error:?}") };
    assert!(message.contains("cannot connect") && message.contains(&closed), "{message}");
    let (engine, _) = self::engine("https://localhost.invalid", &[]);
    assert!(matches!(engine.acquire(&app()).await.unwrap_err(), AcquireError::Unavailable { .. }));
}

#[tokio::test(start_paused = true)]
async fn an_authority_that_hangs_costs_the_configured_time_and_no_more() {
    let bench = Bench::with(&[("Sidecar:AcquireTimeout", "00:00:08")]).await;
    bench.server.hold();
    let started = tokio::time::Instant::now();
    let error = bench.acquire(&app()).await.unwrap_err();
    assert!(matches!(error, AcquireError::Unavailable { .. }), "{error}");
    assert!(started.elapsed() <= Duration::from_millis(8500), "{:?}", started.elapsed());
    assert_eq!(bench.asked(), 2, "each try has half of the time");
}
