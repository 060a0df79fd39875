//! Signed HTTP requests, built and checked: claims, times and the request; each rule with what breaks it.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use sidekey_jose::{
    Algorithm, JoseError, Jwk, SigningKey, UnverifiedJws, base64url, parse_object,
    shr::{BoundClaim, NewShr, ShrError, ShrRequest, ShrRules, UnverifiedShr, VerifiedShr},
    sign_compact,
};

use crate::attacks::twin;

pub(crate) const NOW: u64 = 1_700_000_000;

pub(crate) const ACCESS_TOKEN: &str = "header.claims.signature";

pub(crate) const REQUEST: ShrRequest<'_> = ShrRequest {
    method: "POST",
    url: "https://api.contoso.com:8443/Orders/1?b=bar&a=foo&c=duck",
    headers: Some(&[("Content-Type", "application/json"), ("ETag", "742-3u8f34-3r2nvv3"), ("Authorization", "PoP x")]),
    body: Some(br#"{"hello": "world"}"#),
};

/// Every claim is needed, and nothing may be left out.
pub(crate) fn strict() -> ShrRules {
    ShrRules {
        required: BoundClaim::ALL.to_vec(),
        accept_unsigned_query: false,
        accept_unsigned_headers: false,
        ..ShrRules::default()
    }
}

pub(crate) fn key() -> SigningKey {
    SigningKey::generate_p256().unwrap()
}

/// The `cnf` as Entra writes it.
pub(crate) fn kid_of(key: &SigningKey) -> Value {
    json!({ "kid": key.public_jwk().thumbprint().unwrap() })
}

pub(crate) fn new(request: ShrRequest<'static>) -> NewShr<'static> {
    NewShr {
        access_token: ACCESS_TOKEN,
        request,
        cover: &BoundClaim::ALL,
        nonce: "81da490f46c3494eba8c6e25a45a4d0f",
        now: NOW,
    }
}

pub(crate) fn claims_of(token: &str) -> Map<String, Value> {
    parse_object(UnverifiedJws::parse(token).unwrap().unverified_payload()).unwrap()
}

/// A genuine SHR for [`REQUEST`] with some claims replaced, or taken out where they are `null`, before it is signed.
pub(crate) fn with_claims(key: &SigningKey, changes: &[(&str, Value)]) -> String {
    let mut claims = claims_of(&new(REQUEST).sign(key, Algorithm::ES256).unwrap());
    for (name, value) in changes {
        if value.is_null() {
            claims.remove(*name);
        } else {
            claims.insert((*name).to_owned(), value.clone());
        }
    }
    sign_compact(&Map::new(), Value::Object(claims).to_string().as_bytes(), key, Algorithm::ES256).unwrap()
}

pub(crate) fn verify(token: &str, cnf: &Value, rules: &ShrRules) -> Result<VerifiedShr, ShrError> {
    UnverifiedShr::parse(token)?.verify(cnf, &REQUEST, rules, NOW)
}

pub(crate) fn refusal(token: &str, cnf: &Value, rules: &ShrRules) -> ShrError {
    verify(token, cnf, rules).unwrap_err()
}

#[test]
fn what_was_built_is_verified_with_every_kind_of_key_and_every_cover() {
    let (rsa, ec) = (SigningKey::generate_rsa().unwrap(), key());
    let covers: [&[BoundClaim]; 3] = [&BoundClaim::USUAL, &BoundClaim::ALL, &[]];
    for (key, algorithm) in [(&rsa, Algorithm::RS256), (&rsa, Algorithm::PS256), (&ec, Algorithm::ES256)] {
        for cover in covers {
            let token = NewShr { cover, ..new(REQUEST) }.sign(key, algorithm).unwrap();
            assert_eq!(UnverifiedShr::parse(&token).unwrap().access_token(), ACCESS_TOKEN);
            let rules = ShrRules { required: cover.to_vec(), ..strict() };
            for cnf in [kid_of(key), json!({ "jwk": key.public_jwk() })] {
                let verified = verify(&token, &cnf, &rules).unwrap();
                assert_eq!(verified.access_token(), ACCESS_TOKEN);
                assert_eq!(verified.nonce(), Some("81da490f46c3494eba8c6e25a45a4d0f"));
                assert_eq!(verified.key_thumbprint(), key.public_jwk().thumbprint().unwrap());
                assert_eq!(verified.expires(), NOW + 300);
                assert_eq!(verified.claims(), &claims_of(&token));
            }
        }
    }
}

#[test]
fn a_built_request_has_the_form_of_the_draft() {
    let key = key();
    let token = new(REQUEST).sign(&key, Algorithm::ES256).unwrap();
    let header = parse_object(&base64url::decode(token.split('.').next().unwrap()).unwrap()).unwrap();
    let kid = key.public_jwk().thumbprint().unwrap();
    assert_eq!(Value::Object(header), json!({ "alg": "ES256", "kid": kid, "typ": "pop" }));
    let expected = json!({
        "at": ACCESS_TOKEN,
        "ts": NOW,
        "m": "POST",
        "u": "api.contoso.com:8443",
        "p": "/Orders/1",
        "q": [["b", "a", "c"], "u4LgkGUWhP9MsKrEjA4dizIllDXluDku6ZqCeyuR-JY"],
        "h": [["content-type", "etag"], "P6z5XN4tTzHkfwe3XO1YvVUIurSuhvh_UG10N_j-aGs"],
        "b": "X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE",
        "nonce": "81da490f46c3494eba8c6e25a45a4d0f",
        "cnf": { "jwk": Jwk { kid: Some(kid), ..key.public_jwk() } },
    });
    assert_eq!(Value::Object(claims_of(&token)), expected);
}

#[test]
fn requests_that_cannot_be_signed_are_refused() {
    let cases = [
        ShrRequest { method: "post", ..REQUEST },
        ShrRequest { method: "", ..REQUEST },
        ShrRequest { method: "PO ST", ..REQUEST },
        ShrRequest { url: "/Orders/1", ..REQUEST },
        ShrRequest { url: "https://user@api.contoso.com/", ..REQUEST },
        ShrRequest { headers: None, ..REQUEST },
        ShrRequest { body: None, ..REQUEST },
    ];
    for request in cases {
        assert!(matches!(new(request).sign(&key(), Algorithm::ES256), Err(ShrError::Request(_))), "{}", request.url);
    }
    let wrong = new(REQUEST).sign(&key(), Algorithm::RS256);
    assert_eq!(wrong, Err(ShrError::Token(JoseError::KeyMismatch(Algorithm::RS256))));
}

#[test]
fn each_claim_that_is_wrong_is_refused() {
    let key = key();
    let (cnf, empty_hash) = (kid_of(&key), "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
    let mismatch = |claim, expected: &str, found: &str| ShrError::Mismatch {
        claim,
        expected: expected.to_owned(),
        found: found.to_owned(),
    };
    let text = |claim| ShrError::Malformed { claim, expected: "text" };
    let q = "u4LgkGUWhP9MsKrEjA4dizIllDXluDku6ZqCeyuR-JY";
    let pair = "an array of an array of names and a hash";
    let cases = [
        ("m", json!("GET"), mismatch("m", "POST", "GET")),
        ("m", json!(""), mismatch("m", "POST", "")),
        ("m", json!(["POST"]), text("m")),
        ("u", json!("evil.example"), mismatch("u", "api.contoso.com:8443", "evil.example")),
        ("u", json!("api.contoso.com:443"), mismatch("u", "api.contoso.com:8443", "api.contoso.com:443")),
        ("u", json!(7), text("u")),
        ("p", json!("/Orders/2"), mismatch("p", "/Orders/1", "/Orders/2")),
        ("p", json!("/"), mismatch("p", "/Orders/1", "/")),
        ("p", json!({}), text("p")),
        ("q", json!([["a", "b", "c"], q]), ShrError::Hash("q")),
        ("q", json!([[], empty_hash]), ShrError::Unsigned { claim: "q", name: "b".to_owned() }),
        ("q", json!([["d"], q]), ShrError::NotCoverable { claim: "q", name: "d".to_owned() }),
        ("q", json!("b=bar&a=foo&c=duck"), ShrError::Malformed { claim: "q", expected: pair }),
        ("h", json!([["content-type", "etag"], empty_hash]), ShrError::Hash("h")),
        ("h", json!([[], empty_hash]), ShrError::Unsigned { claim: "h", name: "content-type".to_owned() }),
        ("h", json!([["authorization"], q]), ShrError::NotCoverable { claim: "h", name: "authorization".to_owned() }),
        ("h", json!({}), ShrError::Malformed { claim: "h", expected: pair }),
        ("b", json!(empty_hash), ShrError::Hash("b")),
        ("b", json!(true), text("b")),
        ("ts", json!("soon"), ShrError::Malformed { claim: "ts", expected: "a time in seconds since 1970" }),
        ("ts", json!(-1), ShrError::Malformed { claim: "ts", expected: "a time in seconds since 1970" }),
        ("at", json!({}), text("at")),
    ];
    assert!(verify(&with_claims(&key, &[]), &cnf, &strict()).is_ok());
    for (claim, value, expected) in cases {
        let shown = format!("{claim} {value}");
        assert_eq!(refusal(&with_claims(&key, &[(claim, value)]), &cnf, &strict()), expected, "{shown}");
    }
    for claim in ["m", "u", "p", "q", "h", "b", "ts", "at", "cnf"] {
        assert_eq!(refusal(&with_claims(&key, &[(claim, json!(null))]), &cnf, &strict()), ShrError::Missing(claim));
    }
}

#[test]
fn a_long_or_many_lined_value_is_cut_before_it_reaches_an_error() {
    let key = key();
    let token = with_claims(&key, &[("p", json!("/\r\nSet-Cookie: x".repeat(1_000)))]);
    let shown = refusal(&token, &kid_of(&key), &strict()).to_string();
    assert!(shown.len() < 200 && !shown.contains('\n'), "{shown}");
}

#[test]
fn the_rules_say_which_claims_are_looked_at() {
    let key = key();
    let cnf = kid_of(&key);
    let rules = |required: &[BoundClaim], when_present: &[BoundClaim]| ShrRules {
        required: required.to_vec(),
        when_present: when_present.to_vec(),
        ..ShrRules::default()
    };
    let values = [
        ("m", json!("GET")),
        ("u", json!("evil.example")),
        ("p", json!("/x")),
        ("q", json!([[], ""])),
        ("h", json!([[], ""])),
        ("b", json!("")),
    ];
    for (claim, (name, wrong)) in BoundClaim::ALL.into_iter().zip(values) {
        let (missing, wrong) = (with_claims(&key, &[(name, json!(null))]), with_claims(&key, &[(name, wrong)]));
        let null = {
            let mut claims = claims_of(&missing);
            claims.insert(name.to_owned(), Value::Null);
            sign_compact(&Map::new(), Value::Object(claims).to_string().as_bytes(), &key, Algorithm::ES256).unwrap()
        };
        for (rules, good) in [
            (rules(&[], &[]), [true, true, true]),
            (rules(&[claim], &[]), [false, false, false]),
            (rules(&[], &[claim]), [true, true, false]),
            (rules(&[claim], &[claim]), [false, false, false]),
        ] {
            let verdicts = [&missing, &null, &wrong].map(|token| verify(token, &cnf, &rules).is_ok());
            assert_eq!(verdicts, good, "{name} {rules:?}");
        }
        assert!(verify(&with_claims(&key, &[]), &cnf, &rules(&[claim], &[])).is_ok(), "{name}");
    }
}

#[test]
fn headers_and_body_that_are_not_known_cannot_be_checked() {
    let key = key();
    let token = with_claims(&key, &[]);
    let unknown = ShrRequest { headers: None, body: None, ..REQUEST };
    for claim in [BoundClaim::Headers, BoundClaim::Body] {
        for (required, when_present) in [(vec![claim], vec![]), (vec![], vec![claim])] {
            let rules = ShrRules { required, when_present, ..ShrRules::default() };
            let verdict = UnverifiedShr::parse(&token).unwrap().verify(&kid_of(&key), &unknown, &rules, NOW);
            assert!(matches!(verdict, Err(ShrError::Request(_))), "{claim}");
        }
    }
    assert!(UnverifiedShr::parse(&token).unwrap().verify(&kid_of(&key), &unknown, &ShrRules::default(), NOW).is_ok());
}

#[test]
fn a_request_is_valid_for_its_lifetime_and_not_before_it_was_made() {
    let key = key();
    let expired = |created, lifetime, now| Err(ShrError::Expired { created, lifetime, now });
    let not_yet = |created, now| Err(ShrError::NotYet { created, now });
    let cases = [
        (json!(NOW), 300, NOW, Ok(NOW + 300)),
        (json!(NOW), 300, NOW + 300, Ok(NOW + 300)),
        (json!(NOW), 300, NOW + 301, expired(NOW, 300, NOW + 301)),
        (json!(NOW), 1, NOW + 1, Ok(NOW + 1)),
        (json!(NOW), 1, NOW + 2, expired(NOW, 1, NOW + 2)),
        (json!(NOW + 300), 300, NOW, Ok(NOW + 600)),
        (json!(NOW + 301), 300, NOW, not_yet(NOW + 301, NOW)),
        (json!(253_402_300_799_u64), 300, NOW, not_yet(253_402_300_799, NOW)),
        (json!(0), 300, NOW, expired(0, 300, NOW)),
        (json!(NOW), u64::MAX, u64::MAX, Ok(u64::MAX)),
        (json!(NOW.to_string()), 300, NOW, Ok(NOW + 300)),
        (json!(1_700_000_000.75), 300, NOW, Ok(NOW + 300)),
    ];
    for (ts, lifetime, now, expected) in cases {
        let token = with_claims(&key, &[("ts", ts.clone())]);
        let rules = ShrRules { lifetime, ..ShrRules::default() };
        let verdict = UnverifiedShr::parse(&token).unwrap().verify(&kid_of(&key), &REQUEST, &rules, now);
        assert_eq!(verdict.map(|verified| verified.expires()), expected, "{ts} {lifetime} {now}");
    }
}

#[test]
fn the_request_is_recognised_however_it_is_spelled() {
    let key = key();
    let token = |url, method| {
        NewShr { cover: &BoundClaim::USUAL, ..new(ShrRequest { url, method, ..REQUEST }) }
            .sign(&key, Algorithm::ES256)
            .unwrap()
    };
    let cases = [
        ("https://api.contoso.com/a", "https://api.contoso.com:443/a", true),
        ("https://api.contoso.com:443/a", "https://API.CONTOSO.COM/A/", true),
        ("http://api.contoso.com:80/a", "http://api.contoso.com/a", true),
        ("https://api.contoso.com:8443/a", "https://api.contoso.com:8443/a?not=covered", true),
        ("https://api.contoso.com/a%20b/%C3%A4", "https://api.contoso.com/a%20b/%c3%a4", true),
        ("https://api.contoso.com/~me", "https://api.contoso.com/%7Eme", true),
        ("https://api.contoso.com", "https://api.contoso.com/", true),
        ("https://[2001:db8::1]:8443/a", "https://[2001:DB8::1]:8443/a", true),
        // `u` without a port is the host alone, and fits it at every port.
        ("https://api.contoso.com/a", "https://api.contoso.com:8443/a", true),
        ("https://api.contoso.com:8443/a", "https://api.contoso.com/a", false),
        ("https://api.contoso.com:8443/a", "https://api.contoso.com:9443/a", false),
        ("https://api.contoso.com/a", "https://api.contoso.com.evil.example/a", false),
        ("https://api.contoso.com/a%2Fb", "https://api.contoso.com/a/b", false),
        ("https://api.contoso.com/a/../b", "https://api.contoso.com/b", false),
        ("https://api.contoso.com/a", "https://api.contoso.com/a/b", false),
    ];
    for (signed, seen, same) in cases {
        let token = token(signed, "GET");
        for method in ["GET", "get", " Get "] {
            let request = ShrRequest { method, url: seen, ..REQUEST };
            let verdict =
                UnverifiedShr::parse(&token).unwrap().verify(&kid_of(&key), &request, &ShrRules::default(), NOW);
            assert_eq!(verdict.is_ok(), same, "{signed} {seen} {verdict:?}");
        }
    }
    let token = token("https://host/", "GET");
    for (method, url) in [("", "https://host/"), ("GET", "/a"), ("GET", "https://host/a b"), ("GET", "ftp://host/")] {
        let request = ShrRequest { method, url, ..REQUEST };
        let verdict = UnverifiedShr::parse(&token).unwrap().verify(&kid_of(&key), &request, &ShrRules::default(), NOW);
        assert!(verdict.is_err(), "{method} {url}");
    }
}

#[test]
fn unsigned_parts_are_accepted_where_the_rules_say_so() {
    let key = key();
    let token = NewShr { cover: &BoundClaim::ALL, ..new(ShrRequest { url: "https://host/?a=1", ..REQUEST }) }
        .sign(&key, Algorithm::ES256)
        .unwrap();
    let verdict = |url, accept| {
        let rules =
            ShrRules { required: vec![BoundClaim::Query], accept_unsigned_query: accept, ..ShrRules::default() };
        let request = ShrRequest { url, ..REQUEST };
        UnverifiedShr::parse(&token).unwrap().verify(&kid_of(&key), &request, &rules, NOW).map(|_| ())
    };
    let unsigned = |name: &str| Err(ShrError::Unsigned { claim: "q", name: name.to_owned() });
    let repeated = Err(ShrError::NotCoverable { claim: "q", name: "a".to_owned() });
    let cases = [
        ("https://host/?a=1", Ok(()), Ok(())),
        ("https://host/?a=1&b=2", Ok(()), unsigned("b")),
        ("https://host/?b&a=1", Ok(()), unsigned("b")),
        ("https://host/?a=1&b=2&b=3", Ok(()), unsigned("b")),
        ("https://host/?a=1&a=2", repeated.clone(), repeated.clone()),
        ("https://host/?a=2", Err(ShrError::Hash("q")), Err(ShrError::Hash("q"))),
        ("https://host/", repeated.clone(), repeated),
    ];
    for (url, accepting, strict) in cases {
        assert_eq!((verdict(url, true), verdict(url, false)), (accepting, strict), "{url}");
    }
}

#[test]
fn the_replay_key_is_that_of_the_signed_part() {
    let key = key();
    let cnf = kid_of(&key);
    let replay_key = |token: &str| verify(token, &cnf, &strict()).unwrap().replay_key();
    let token = with_claims(&key, &[]);
    assert_ne!(twin(&token), token);
    assert_eq!(replay_key(&twin(&token)), replay_key(&token));
    // Signed once more over the same claims: ECDSA never gives the same signature twice.
    assert_eq!(replay_key(&with_claims(&key, &[])), replay_key(&token));
    assert_ne!(replay_key(&with_claims(&key, &[("nonce", json!("another"))])), replay_key(&token));
}

#[test]
fn debug_output_cannot_be_replayed() {
    let key = key();
    let token = with_claims(&key, &[]);
    let parsed = UnverifiedShr::parse(&token).unwrap();
    let shown = [
        format!("{:?}", new(REQUEST)),
        format!("{parsed:?}"),
        format!("{:?}", parsed.verify(&kid_of(&key), &REQUEST, &strict(), NOW).unwrap()),
    ];
    for shown in shown {
        assert!(!shown.contains(ACCESS_TOKEN) && !shown.contains("81da490f") && !shown.contains("hello"), "{shown}");
        assert!(token.split('.').skip(1).all(|part| !shown.contains(part)), "{shown}");
    }
}

proptest! {
    #[test]
    fn noise_never_panics(noise: String, cnf: String, url: String, method: String, headers: Vec<(String, String)>, body: Vec<u8>, now: u64) {
        let _ = UnverifiedShr::parse(&noise);
        let key = key();
        let claims = json!({ "at": noise, "ts": now, "m": method, "u": url, "p": noise, "q": [[noise], url], "h": [[noise], url], "b": noise, "cnf": { "kid": cnf } });
        let token = sign_compact(&Map::new(), claims.to_string().as_bytes(), &key, Algorithm::ES256).unwrap();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request = ShrRequest { method: &method, url: &url, headers: Some(&headers), body: Some(&body) };
        for cnf in [json!(cnf), json!({ "kid": cnf }), json!({ "jwk": cnf }), json!({ "jwk": key.public_jwk() })] {
            let _ = UnverifiedShr::parse(&token).unwrap().verify(&cnf, &request, &strict(), now);
        }
    }

    #[test]
    fn any_request_is_verified_and_no_other(
        method in "[A-Z]{1,7}", host in "[a-z]{1,9}(\\.[a-z]{1,9}){0,2}(:[1-9][0-9]{0,3})?", path in "(/[a-zA-Z0-9%._~-]{0,9}){0,4}",
        query in prop::option::of("[a-z]{1,3}=[a-zA-Z0-9%'+]{1,5}(&[a-z]{1,3}(=[a-z]{0,3})?){0,4}"), body: Vec<u8>, other in "[0-9]{1,4}",
    ) {
        let key = key();
        let url = format!("https://{host}{path}{}", query.map(|query| format!("?{query}")).unwrap_or_default());
        let request = ShrRequest { method: &method, url: &url, headers: Some(&[]), body: Some(&body) };
        let new = NewShr { access_token: ACCESS_TOKEN, request, cover: &BoundClaim::ALL, nonce: "", now: NOW };
        let token = new.sign(&key, Algorithm::ES256).unwrap();
        let rules = ShrRules { required: BoundClaim::ALL.to_vec(), ..ShrRules::default() };
        let verdict = |request: ShrRequest<'_>| UnverifiedShr::parse(&token).unwrap().verify(&kid_of(&key), &request, &rules, NOW).map(|_| ());
        prop_assert_eq!(verdict(request), Ok(()));
        let others = [
            ShrRequest { method: &format!("{method}{other}"), ..request },
            ShrRequest { url: &url.replacen("https://", &format!("https://h{other}"), 1), ..request },
            ShrRequest { body: Some(&[&body, other.as_bytes()].concat()), ..request },
            ShrRequest { headers: None, ..request },
        ];
        for (index, other) in others.into_iter().enumerate() {
            prop_assert!(verdict(other).is_err(), "{}", index);
        }
    }
}
