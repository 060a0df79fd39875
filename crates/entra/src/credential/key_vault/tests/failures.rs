//! Vaults that are busy, silent, or no vaults.

use super::*;

#[tokio::test]
async fn a_link_to_another_host_is_not_followed() {
    let (vault, elsewhere) = (Vault::start().await, Vault::start().await);
    vault.add("v1", &json!({ "enabled": false }), Some(true), None);
    vault.put("GET /certificates/web/versions", 200, &json!({ "value": [], "nextLink": elsewhere.url }));
    assert!(World::new(&vault).error().await.contains("is disabled"));
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn a_busy_vault_is_asked_again_within_the_time() {
    let vault = Vault::start().await;
    vault.add_pfx("v1");
    *vault.script.lock().unwrap() = vec![response(503, &[], ""), response(429, &[], ""), response(500, &[], "")];
    let world = World::new(&vault);
    world.made().await.unwrap();
    assert_eq!(vault.asked().len(), 6);
    let vault = Vault::start().await;
    *vault.script.lock().unwrap() = vec![response(429, &[("retry-after", "600")], "")];
    let world = World::new(&vault);
    assert!(world.error().await.contains("(429)"));
    assert!(world.error().await.contains("(429)"));
    assert_eq!(vault.asked().len(), 1, "who asks for patience is left alone");
    vault.add_pfx("v1");
    world.clock.advance(Duration::from_mins(10));
    world.made().await.unwrap();
}

#[tokio::test]
async fn answers_that_are_none_are_named() {
    let elsewhere = Vault::start().await;
    for (scripted, why) in [
        (response(302, &[("location", &elsewhere.url)], ""), "redirects are not followed"),
        (response(200, &[], "<html>s3cret</html>"), "is not what a vault answers"),
        (response(200, &[], &"x".repeat((1 << 20) + 1)), "larger than 1 MiB"),
        (response(401, &[("www-authenticate", "Negotiate")], ""), "no `Bearer` challenge"),
        (response(200, &[], r#"{"id":"x"}"#), "has no version in its `id`"),
    ] {
        let vault = Vault::start().await;
        let mut script = vec![];
        if why.contains("1 MiB") {
            script.extend((0..3).map(|_| response(200, &[], &"x".repeat((1 << 20) + 1))));
        }
        script.push(scripted);
        *vault.script.lock().unwrap() = script;
        let error = World::new(&vault).error().await;
        assert!(error.contains(why) && !error.contains("s3cret"), "{error}");
    }
    assert!(elsewhere.asked().is_empty());
    let nobody = World::of(&config("http://127.0.0.1:9")).error().await;
    assert!(nobody.contains("did not answer: cannot connect"), "{nobody}");
}

#[tokio::test]
async fn a_vault_that_hangs_is_given_up_in_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    sidekey_host::tls::install_crypto_provider();
    let world = World::of(&config(&format!("http://{}", listener.local_addr().unwrap())));
    let purpose = Purpose { deadline: Instant::now() + Duration::from_millis(600), ..world.purpose() };
    let error = world.source.assertion(&purpose).await.unwrap_err();
    assert!(error.problem.contains("in time"), "{error}");
}
