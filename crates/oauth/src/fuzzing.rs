//! The fuzz targets of this crate: each takes any bytes and panics where something is wrong.

#![expect(clippy::missing_panics_doc, reason = "a panic is what a fuzzer looks for")]

use serde_json::Value;

use crate::{
    ClientId, ErrorReply, InstanceDiscovery, OpenIdConfiguration, Scopes, TenantId, TokenReply, merge_claims,
    parse_www_authenticate,
};

/// `WWW-Authenticate`: what is read is no more than what was sent, and names can be looked up.
pub fn challenge(input: &[u8]) {
    let Ok(value) = std::str::from_utf8(input) else { return };
    let mut bytes = 0;
    for challenge in parse_www_authenticate(value) {
        assert!(!challenge.scheme.is_empty() && !challenge.scheme.contains(char::is_whitespace));
        bytes += challenge.scheme.len();
        for (name, value) in &challenge.parameters {
            assert!(!name.bytes().any(|byte| byte.is_ascii_uppercase()), "{name}");
            assert!(challenge.parameter(&name.to_ascii_uppercase()).is_some());
            bytes += name.len() + value.len();
        }
        if let Some(claims) = challenge.insufficient_claims() {
            assert!(claims.len() <= value.len());
        }
    }
    assert!(bytes <= value.len());
}

/// Answers of token endpoints: an error reads back as it was, and no lifetime or code makes trouble.
pub fn reply(input: &[u8]) {
    if let Ok(reply) = serde_json::from_slice::<ErrorReply>(input) {
        let written = serde_json::to_vec(&reply).unwrap_or_default();
        assert_eq!(serde_json::from_slice::<ErrorReply>(&written).ok(), Some(reply));
    }
    if let Ok(reply) = serde_json::from_slice::<TokenReply>(input) {
        let (shown, token) = (format!("{reply:?}"), reply.access_token.expose());
        // A shorter one can stand in the rest by chance, and any can be written there as well.
        let is_elsewhere =
            reply.token_type.contains(token) || reply.scope.as_deref().is_some_and(|scope| scope.contains(token));
        assert!(token.len() < 24 || is_elsewhere || !shown.contains(token), "{shown}");
    }
}

/// Discovery documents and the ids and scopes that are written by people.
pub fn discovery(input: &[u8]) {
    let _ = serde_json::from_slice::<OpenIdConfiguration>(input);
    let _ = serde_json::from_slice::<InstanceDiscovery>(input);
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(tenant) = text.parse::<TenantId>() {
        assert_eq!(tenant.to_string().parse(), Ok(tenant));
    }
    if let Ok(client) = text.parse::<ClientId>() {
        assert_eq!(client.as_str().parse(), Ok(client.clone()));
    }
    if let Ok(scopes) = Scopes::parse(text) {
        assert_eq!(Scopes::parse(&scopes.to_string()), Ok(scopes));
    }
}

/// Claims challenges: what is sent on is one JSON object with the capabilities and every member of the challenge.
pub fn claims(input: &[u8]) {
    let Ok(challenge) = std::str::from_utf8(input) else { return };
    let merged = merge_claims(&["cp1".to_owned()], Some(challenge));
    let Ok(Some(merged)) = merged else { return assert!(merged.is_err()) };
    let Ok(Value::Object(merged)) = serde_json::from_str(&merged) else { panic!("{merged}") };
    assert!(merged.contains_key("access_token"));
    if let Ok(Value::Object(sent)) = serde_json::from_str(challenge) {
        assert!(sent.keys().all(|name| merged.contains_key(name)));
    }
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_whatever_they_hold() {
        replay::run("challenge", challenge);
    }

    #[test]
    fn replies_of_token_endpoints_are_read_whatever_they_hold() {
        replay::run("reply", reply);
    }

    #[test]
    fn discovery_is_read_whatever_it_holds() {
        replay::run("discovery", discovery);
    }

    #[test]
    fn claims_challenges_are_merged_whatever_they_hold() {
        replay::run("claims", claims);
    }
}
