//! Tokens that are bound to a key: what is asked, what must come back, and that no key gets another's token.

use super::*;

const FIRST: &str = r#"{"kid":"first"}"#;
fn bound(confirmation: Confirmation) -> TokenRequest {
    TokenRequest { confirmation: Some(Arc::new(confirmation)), ..app() }
}

fn to_key(text: &str) -> TokenRequest {
    bound(Confirmation::of_public_key(text).unwrap())
}

/// A new public key as `PopClaim` has it.
fn claim() -> String {
    serde_json::to_string(&sidekey_jose::SigningKey::generate_p256().unwrap().public_jwk()).unwrap()
}

fn pop_token(token: &str) -> Reply {
    Reply::json(200, format!(r#"{{"token_type":"pop","expires_in":3600,"access_token":"{token}"}}"#))
}

#[tokio::test]
async fn a_bound_token_is_asked_for_presented_and_kept_as_one() {
    let bench = Bench::new().await;
    bench.server.script([pop_token("one"), pop_token("two"), pop_token("three")]);
    let pop = |token: &str, outcome| (format!("PoP {token}"), outcome);
    assert_eq!(bench.acquire(&to_key(FIRST)).await.unwrap(), pop("one", CacheOutcome::Authority));
    let asked = bench.server.tokens_asked().remove(0);
    assert_eq!(asked.field("token_type"), Some("pop"));
    // base64url of {"kid":"first"}
    assert_eq!(asked.field("req_cnf"), Some("eyJraWQiOiJmaXJzdCJ9"));
    assert_eq!(bench.acquire(&to_key(FIRST)).await.unwrap(), pop("one", CacheOutcome::Memory));
    assert_eq!(bench.acquire(&to_key("eyJraWQiOiJmaXJzdCJ9")).await.unwrap(), pop("one", CacheOutcome::Memory));
    assert_eq!(bench.acquire(&to_key(r#"{"kid":"second"}"#)).await.unwrap(), pop("two", CacheOutcome::Authority));
    // The same key by a claim is another token, and presented otherwise.
    let claim = bound(Confirmation::of_claim(Some("first"), &claim()).unwrap());
    assert_eq!(bench.acquire(&claim).await.unwrap(), first("three"));
    assert_eq!(bench.acquire(&claim).await.unwrap(), cached("three"));
    assert_eq!(bench.acquire(&app()).await.unwrap(), first("token-4"));
    assert_eq!(bench.server.tokens_asked()[3].field("req_cnf"), None);
}

#[tokio::test]
async fn a_token_that_is_not_bound_is_not_taken_for_one_that_is() {
    for request in [to_key(FIRST), bound(Confirmation::of_claim(None, &claim()).unwrap())] {
        let bench = Bench::new().await;
        let error = bench.acquire(&request).await.unwrap_err().to_string();
        assert!(error.contains("its `token_type` is `Bearer`, not `pop`"), "{error}");
        assert!(bench.acquire(&request).await.is_err(), "nothing was kept");
    }
}

#[tokio::test]
async fn an_agents_token_is_bound_and_its_blueprints_is_not() {
    let bench = Bench::new().await;
    bench.server.script([Reply::token("exchange", 3600), pop_token("bound")]);
    let agent = Flow::Agent { agent: "33334444-dddd-5555-eeee-6666ffff7777".to_owned(), assertion: None };
    let (token, _) = bench.acquire(&TokenRequest { flow: agent, ..to_key(FIRST) }).await.unwrap();
    assert_eq!(token, "PoP bound");
    let asked = bench.server.tokens_asked();
    assert_eq!((asked[0].field("req_cnf"), asked[0].field("token_type")), (None, None));
    assert_eq!(asked[1].field("token_type"), Some("pop"));
}
