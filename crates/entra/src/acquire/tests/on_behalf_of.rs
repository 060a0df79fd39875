//! Tokens for the user whose token came in.

use super::*;
use crate::CompositeAssertion;

fn composite(assertion: &str, sub_assertion: &str) -> TokenRequest {
    let composite = CompositeAssertion::new(Secret::new(assertion), Secret::new(sub_assertion));
    TokenRequest { composite: Some(Arc::new(composite)), ..user("user-token") }
}

#[tokio::test]
async fn a_composite_assertion_stands_in_for_the_users_token() {
    let bench = Bench::new().await;
    let agent = Flow::Agent { agent: "agent".to_owned(), assertion: assertion_of(&user("user-token")) };
    let session = TokenRequest { session_key: Some("session".to_owned()), ..composite("a & b", "c") };
    for request in [composite("a & b", "c"), TokenRequest { flow: agent, ..composite("a & b", "c") }, session] {
        bench.acquire(&request).await.unwrap();
        let asked = bench.server.tokens_asked().pop().unwrap();
        let sent = ["assertion", "sub_assertion", "requested_token_use"].map(|name| asked.field(name));
        assert_eq!(sent, [Some("a & b"), Some("c"), Some("on_behalf_of")]);
        assert!(!asked.target.contains('?'), "{}", asked.target);
    }
}

#[tokio::test]
async fn tokens_of_different_composite_assertions_are_kept_apart() {
    let bench = Bench::new().await;
    // The same text, divided differently, is another assertion.
    let requests = [user("user-token"), composite("ab", "c"), composite("a", "bc"), composite("ab", "d")];
    for (index, request) in requests.iter().enumerate() {
        assert_eq!(bench.acquire(request).await.unwrap(), first(&format!("token-{}", index + 1)));
    }
    for (index, request) in requests.iter().enumerate() {
        assert_eq!(bench.acquire(request).await.unwrap(), cached(&format!("token-{}", index + 1)));
    }
}

fn assertion_of(request: &TokenRequest) -> Option<UserAssertion> {
    if let Flow::OnBehalfOf(assertion) = &request.flow { Some(assertion.clone()) } else { None }
}
