//! Signed HTTP requests: the token, its key and its algorithm; each rule with what breaks it.

use serde_json::{Map, Value, json};
use sidekey_jose::{
    Algorithm, JoseError, Jwk, SigningKey,
    shr::{ShrError, ShrRules, UnverifiedShr},
    sign_compact,
};

use crate::shr::{REQUEST, claims_of, key, kid_of, new, refusal, strict, verify, with_claims};

#[test]
fn a_key_of_the_attackers_is_not_accepted_in_the_place_of_the_bound_one() {
    let (bound, attacker) = (key(), key());
    let thumbprint = |key: &SigningKey| key.public_jwk().thumbprint().unwrap();
    let other = ShrError::OtherKey { expected: thumbprint(&bound), found: thumbprint(&attacker) };

    // The stolen access token in a request of the attacker's own.
    let forged = with_claims(&attacker, &[]);
    assert_eq!(refusal(&forged, &kid_of(&bound), &strict()), other);
    // The same under the name of the bound key.
    let posing = Jwk { kid: Some(thumbprint(&bound)), ..attacker.public_jwk() };
    let forged = with_claims(&attacker, &[("cnf", json!({ "jwk": posing, "kid": thumbprint(&bound) }))]);
    assert_eq!(refusal(&forged, &kid_of(&bound), &strict()), other);
    // With the bound key in it, but signed with another.
    let forged = with_claims(&attacker, &[("cnf", json!({ "jwk": bound.public_jwk() }))]);
    assert_eq!(refusal(&forged, &kid_of(&bound), &strict()), ShrError::Token(JoseError::Signature));
    assert_eq!(
        refusal(&forged, &json!({ "jwk": bound.public_jwk() }), &strict()),
        ShrError::Token(JoseError::Signature)
    );
    // With a key to be fetched.
    let forged =
        with_claims(&attacker, &[("cnf", json!({ "jku": "https://evil.example/keys", "kid": thumbprint(&bound) }))]);
    assert_eq!(refusal(&forged, &kid_of(&bound), &strict()), ShrError::Missing("cnf"));
    // With a symmetric key, which the attacker knows as well as we.
    let symmetric = json!({ "jwk": { "kty": "oct", "k": "c2VjcmV0" } });
    let forged = with_claims(&attacker, &[("cnf", symmetric)]);
    assert!(matches!(refusal(&forged, &kid_of(&bound), &strict()), ShrError::Token(JoseError::Key(_))));
}

#[test]
fn an_access_token_that_is_bound_to_nothing_needs_no_proof_and_gets_none() {
    let key = key();
    let token = with_claims(&key, &[]);
    for cnf in [json!(null), json!({}), json!({ "jku": "https://evil.example" }), json!({ "jwe": "a.b.c.d.e" })] {
        assert!(matches!(refusal(&token, &cnf, &strict()), ShrError::Confirmation(_)), "{cnf}");
    }
}

#[test]
fn only_allowed_algorithms_of_the_key_verify() {
    let rsa = SigningKey::generate_rsa().unwrap();
    let token = |algorithm| new(REQUEST).sign(&rsa, algorithm).unwrap();
    let verdict = |token: &str, cnf: &Value, algorithms: &[Algorithm]| {
        verify(token, cnf, &ShrRules { algorithms: algorithms.to_vec(), ..strict() }).map(|_| ())
    };
    let (kid, refused) = (kid_of(&rsa), |error| Err(ShrError::Token(error)));
    assert_eq!(verdict(&token(Algorithm::PS256), &kid, &[Algorithm::PS256]), Ok(()));
    assert_eq!(
        verdict(&token(Algorithm::RS256), &kid, &[Algorithm::PS256]),
        refused(JoseError::AlgorithmNotAllowed(Algorithm::RS256))
    );
    assert_eq!(
        verdict(&token(Algorithm::RS512), &kid, &ShrRules::default().algorithms),
        refused(JoseError::AlgorithmNotAllowed(Algorithm::RS512))
    );
    // The key in the access token is for another algorithm.
    let restricted = json!({ "jwk": Jwk { alg: Some("PS256".to_owned()), ..rsa.public_jwk() } });
    assert_eq!(verdict(&token(Algorithm::PS256), &restricted, &strict().algorithms), Ok(()));
    assert_eq!(
        verdict(&token(Algorithm::RS256), &restricted, &strict().algorithms),
        refused(JoseError::KeyMismatch(Algorithm::RS256))
    );
    let for_encryption = json!({ "jwk": Jwk { use_: Some("enc".to_owned()), ..rsa.public_jwk() } });
    assert!(matches!(
        verdict(&token(Algorithm::PS256), &for_encryption, &strict().algorithms),
        Err(ShrError::Token(JoseError::Key(_)))
    ));
}

#[test]
fn a_token_made_for_something_else_is_refused() {
    let key = key();
    let claims = Value::Object(claims_of(&with_claims(&key, &[]))).to_string();
    for (typ, good) in [
        (json!("pop"), true),
        (json!("POP"), true),
        (json!("JWT"), true),
        (json!(null), true),
        (json!("at+jwt"), false),
        (json!("dpop+jwt"), false),
        (json!("logout+jwt"), false),
        (json!(""), false),
    ] {
        let mut header = Map::new();
        if !typ.is_null() {
            header.insert("typ".to_owned(), typ.clone());
        }
        let token = sign_compact(&header, claims.as_bytes(), &key, Algorithm::ES256).unwrap();
        let verdict = verify(&token, &kid_of(&key), &strict()).map(|_| ());
        let expected = if good { Ok(()) } else { Err(ShrError::Type(typ.as_str().unwrap().to_owned())) };
        assert_eq!(verdict, expected, "{typ}");
    }
}

#[test]
fn what_is_no_signed_request_is_refused() {
    let key = key();
    let signed = |payload: &[u8]| sign_compact(&Map::new(), payload, &key, Algorithm::ES256).unwrap();
    assert_eq!(UnverifiedShr::parse("a.b.c.d.e").unwrap_err(), ShrError::Token(JoseError::Encrypted));
    assert!(matches!(UnverifiedShr::parse("").unwrap_err(), ShrError::Token(JoseError::Malformed(_))));
    assert!(matches!(UnverifiedShr::parse(&signed(b"[]")).unwrap_err(), ShrError::Token(JoseError::Json(_))));
    let twice = signed(br#"{"at":"a","at":"b"}"#);
    assert!(matches!(UnverifiedShr::parse(&twice).unwrap_err(), ShrError::Token(JoseError::Json(_))));
    assert_eq!(UnverifiedShr::parse(&signed(b"{}")).unwrap_err(), ShrError::Missing("at"));
    assert_eq!(
        UnverifiedShr::parse("eyJhbGciOiJub25lIn0.e30.").unwrap_err(),
        ShrError::Token(JoseError::UnsupportedAlgorithm("none".to_owned()))
    );
}
