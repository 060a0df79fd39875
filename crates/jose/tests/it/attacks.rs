//! One test for each attack in `sidekey_jose::attacks`, and one that holds that page to these names.

use aws_lc_rs::hmac;
use serde_json::{Map, Value, json};
use sidekey_jose::{
    Algorithm, JoseError, Jwk, JwkSet, MAX_TOKEN_BYTES, SigningKey, UnverifiedJws, VerifyingKey, base64url,
    parse_object, sign_compact,
};

const EVERY: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::ES512,
];

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { panic!("{value} is not an object") };
    map
}

/// Parses and verifies with everything allowed, so that only the crate's own rules stand in the way.
fn verify(token: &str, key: &VerifyingKey) -> Result<Vec<u8>, JoseError> {
    UnverifiedJws::parse(token)?.verify(key, &EVERY).map(|jws| jws.payload().to_vec())
}

/// A token with this header and a genuine ES256 signature over it, whatever the header says.
fn signed(header: &str, key: &SigningKey) -> String {
    let input = format!("{}.{}", base64url::encode(header), base64url::encode("{}"));
    let signature = key.sign(Algorithm::ES256, input.as_bytes()).unwrap();
    format!("{input}.{}", base64url::encode(signature))
}

#[test]
fn a_token_without_a_signature_is_refused_however_none_is_spelled() {
    let key = SigningKey::generate_p256().unwrap();
    for name in ["none", "None", "NONE", "nOnE", " none", "none\u{0}", ""] {
        let header = base64url::encode(json!({ "alg": name }).to_string());
        for signature in ["", "AAAA"] {
            let refusal = verify(&format!("{header}.e30.{signature}"), &key.verifying_key()).unwrap_err();
            assert!(matches!(refusal, JoseError::UnsupportedAlgorithm(_)), "{name:?}: {refusal}");
        }
    }
    let stripped = signed(r#"{"alg":"ES256"}"#, &key).rsplit_once('.').unwrap().0.to_owned() + ".";
    assert_eq!(verify(&stripped, &key.verifying_key()), Err(JoseError::Signature));
}

#[test]
fn the_public_key_is_never_taken_for_an_hmac_secret() {
    let key = SigningKey::generate_rsa().unwrap();
    let jwk = key.public_jwk();
    let secrets = [
        serde_json::to_vec(&jwk).unwrap(),
        jwk.n.clone().unwrap().into_bytes(),
        base64url::decode(jwk.n.as_ref().unwrap()).unwrap(),
    ];
    for secret in secrets {
        let input = format!("{}.e30", base64url::encode(r#"{"alg":"HS256"}"#));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), input.as_bytes());
        let token = format!("{input}.{}", base64url::encode(tag));
        assert_eq!(verify(&token, &key.verifying_key()), Err(JoseError::UnsupportedAlgorithm("HS256".to_owned())));
    }
    let symmetric = Jwk { kty: "oct".to_owned(), ..Jwk::default() };
    assert!(VerifyingKey::from_jwk(&symmetric).is_err());
}

#[test]
fn the_token_cannot_choose_an_algorithm_that_the_key_is_not_for() {
    let (rsa, ec) = (SigningKey::generate_rsa().unwrap(), SigningKey::generate_p256().unwrap());
    let token = sign_compact(&Map::new(), b"{}", &ec, Algorithm::ES256).unwrap();
    assert_eq!(verify(&token, &rsa.verifying_key()), Err(JoseError::KeyMismatch(Algorithm::ES256)));

    let token = sign_compact(&Map::new(), b"{}", &rsa, Algorithm::RS256).unwrap();
    let pss_only = Jwk { alg: Some("PS256".to_owned()), ..rsa.public_jwk() };
    let pss_only = VerifyingKey::from_jwk(&pss_only).unwrap();
    assert_eq!(verify(&token, &pss_only), Err(JoseError::KeyMismatch(Algorithm::RS256)));
    let refused = UnverifiedJws::parse(&token).unwrap().verify(&rsa.verifying_key(), &[Algorithm::PS256]);
    assert_eq!(refused.map(|_| ()), Err(JoseError::AlgorithmNotAllowed(Algorithm::RS256)));
    // A P-256 signature presented as the algorithm of another curve.
    assert_eq!(
        verify(&signed(r#"{"alg":"ES384"}"#, &ec), &ec.verifying_key()),
        Err(JoseError::KeyMismatch(Algorithm::ES384))
    );
}

#[test]
fn a_key_that_comes_with_the_token_is_never_used() {
    let (trusted, attacker) = (SigningKey::generate_p256().unwrap(), SigningKey::generate_p256().unwrap());
    for member in ["jwk", "x5c", "jku", "x5u"] {
        let value = match member {
            "jwk" => serde_json::to_value(attacker.public_jwk()).unwrap(),
            "x5c" => json!(["TUlJ"]),
            _ => json!("https://attacker.example/keys"),
        };
        let header = object(json!({ "kid": "k", member: value }));
        let token = sign_compact(&header, b"{}", &attacker, Algorithm::ES256).unwrap();
        assert_eq!(verify(&token, &trusted.verifying_key()), Err(JoseError::Signature), "{member}");
        // They do no harm in a token that the right key signed, either.
        let token = sign_compact(&header, b"{}", &trusted, Algorithm::ES256).unwrap();
        assert!(verify(&token, &trusted.verifying_key()).is_ok(), "{member}");
    }
}

#[test]
fn a_kid_is_text_and_nothing_else() {
    let key = SigningKey::generate_p256().unwrap();
    for kid in ["../../dev/null", "' OR 1=1 --", "http://attacker.example", "k\0", "${jndi:ldap://x}"] {
        let token = sign_compact(&object(json!({ "kid": kid })), b"{}", &key, Algorithm::ES256).unwrap();
        assert_eq!(UnverifiedJws::parse(&token).unwrap().header().kid.as_deref(), Some(kid));
    }
    for kid in ["7", "null", "[\"k\"]", "{\"$ne\":\"\"}"] {
        let token = signed(&format!(r#"{{"alg":"ES256","kid":{kid}}}"#), &key);
        assert!(matches!(verify(&token, &key.verifying_key()), Err(JoseError::Malformed(_))), "{kid}");
    }
}

#[test]
fn extensions_that_change_the_meaning_of_a_token_are_refused() {
    let key = SigningKey::generate_p256().unwrap();
    for (header, named) in [
        (r#"{"alg":"ES256","crit":["b64"],"b64":false}"#, "b64"),
        (r#"{"alg":"ES256","b64":false}"#, "b64"),
        (r#"{"alg":"ES256","crit":["http://example.com/UNDEFINED"]}"#, "http://example.com/UNDEFINED"),
        (r#"{"alg":"ES256","crit":[]}"#, "crit"),
    ] {
        let refusal = verify(&signed(header, &key), &key.verifying_key());
        assert_eq!(refusal, Err(JoseError::Critical(named.to_owned())), "{header}");
    }
}

#[test]
fn two_readers_cannot_see_two_values_of_one_member() {
    let key = SigningKey::generate_p256().unwrap();
    for header in [
        r#"{"alg":"none","alg":"ES256"}"#,
        r#"{"alg":"ES256","kid":"a","kid":"b"}"#,
        r#"{"alg":"ES256","\u0061lg":"none"}"#,
    ] {
        assert!(matches!(verify(&signed(header, &key), &key.verifying_key()), Err(JoseError::Json(_))), "{header}");
    }
    assert!(parse_object(br#"{"sub":"me","sub":"admin"}"#).is_err());
    assert!(parse_object(br#"{"cnf":{"kid":"a","kid":"b"}}"#).is_err());
    assert!(JwkSet::parse(br#"{"keys":[{"kty":"EC","x":"a","x":"b"}]}"#).is_err());
}

#[test]
fn weak_and_malformed_keys_are_refused() {
    let rsa = |modulus: &[u8], exponent: &[u8]| Jwk {
        kty: "RSA".to_owned(),
        n: Some(base64url::encode(modulus)),
        e: Some(base64url::encode(exponent)),
        ..Jwk::default()
    };
    let good = [0xff; 256];
    assert!(VerifyingKey::from_jwk(&rsa(&good, &[1, 0, 1])).is_ok());
    let even = [&good[..255], &[0xfe]].concat();
    for (modulus, exponent) in
        [(&good[..128], &[1, 0, 1][..]), (&even, &[3]), (&[0xff; 1025], &[3]), (&good, &[1]), (&good, &[2])]
    {
        assert!(matches!(VerifyingKey::from_jwk(&rsa(modulus, exponent)), Err(JoseError::Key(_))));
    }
    let point = |coordinate: u8| Jwk {
        kty: "EC".to_owned(),
        crv: Some("P-256".to_owned()),
        x: Some(base64url::encode([coordinate; 32])),
        y: Some(base64url::encode([coordinate; 32])),
        ..Jwk::default()
    };
    for coordinate in [0, 1, 0xff] {
        assert!(
            matches!(VerifyingKey::from_jwk(&point(coordinate)), Err(JoseError::Key(_))),
            "off the curve: {coordinate}"
        );
    }
}

#[test]
fn a_signature_has_one_spelling() {
    let key = SigningKey::generate_rsa().unwrap();
    let token = sign_compact(&Map::new(), b"{}", &key, Algorithm::RS256).unwrap();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let bytes = base64url::decode(signature).unwrap();
    assert!(verify(&token, &key.verifying_key()).is_ok());
    for (what, other) in [
        ("padded", format!("{signature}==")),
        // 256 bytes leave four bits of the last character unused: `A`, `Q`, `g` and `w` are the spellings without stray ones.
        ("stray bits", format!("{}{}", &signature[..341], char::from(signature.as_bytes()[341] + 1))),
        ("zero before", base64url::encode([&[0], &bytes[..]].concat())),
        ("zero behind", base64url::encode([&bytes[..], &[0]].concat())),
        ("cut", base64url::encode(&bytes[..255])),
    ] {
        assert!(verify(&format!("{input}.{other}"), &key.verifying_key()).is_err(), "{what}");
    }
}

#[test]
fn the_twin_of_an_ecdsa_signature_is_valid_so_token_bytes_are_no_replay_key() {
    let key = SigningKey::generate_p256().unwrap();
    let token = sign_compact(&Map::new(), b"{}", &key, Algorithm::ES256).unwrap();
    let twin = twin(&token);
    assert_ne!(twin, token);
    assert_eq!(verify(&twin, &key.verifying_key()), verify(&token, &key.verifying_key()));
}

/// A token with an ES256 signature, and the other signature that is as good.
pub(crate) fn twin(token: &str) -> String {
    let (input, signature) = token.rsplit_once('.').unwrap();
    let bytes = base64url::decode(signature).unwrap();
    let twin = [&bytes[..32], &subtract(&P256_ORDER, &bytes[32..])].concat();
    format!("{input}.{}", base64url::encode(twin))
}

/// `a - b` for big-endian numbers of one length.
fn subtract(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut borrow = false;
    let mut difference: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let (rest, first) = a.overflowing_sub(*b);
            let (rest, second) = rest.overflowing_sub(u8::from(borrow));
            borrow = first || second;
            rest
        })
        .collect();
    difference.reverse();
    difference
}

const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7,
    0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

#[test]
fn an_encrypted_token_is_never_taken_for_a_signed_one() {
    let key = SigningKey::generate_rsa().unwrap();
    let header = base64url::encode(r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","cty":"JWT"}"#);
    assert_eq!(verify(&format!("{header}.a.b.c.d"), &key.verifying_key()), Err(JoseError::Encrypted));
    // The first parts of an encrypted token alone.
    let refusal = verify(&format!("{header}.e30.AAAA"), &key.verifying_key()).unwrap_err();
    assert_eq!(refusal, JoseError::UnsupportedAlgorithm("RSA-OAEP-256".to_owned()));
    let for_encryption = Jwk { use_: Some("enc".to_owned()), ..key.public_jwk() };
    assert!(VerifyingKey::from_jwk(&for_encryption).is_err());
}

#[test]
fn huge_and_deep_input_is_refused_early() {
    let key = SigningKey::generate_p256().unwrap();
    assert_eq!(verify(&"e30.".repeat(MAX_TOKEN_BYTES), &key.verifying_key()), Err(JoseError::TooLarge));
    let deep = format!(r#"{{"alg":"ES256","a":{}"#, "[".repeat(40_000));
    assert!(matches!(verify(&signed(&deep, &key), &key.verifying_key()), Err(JoseError::Json(_))));
    let long = json!({ "alg": "ES256", "kid": "k".repeat(60_000) }).to_string();
    assert!(matches!(verify(&signed(&long, &key), &key.verifying_key()), Err(JoseError::Malformed(_))));
    assert!(JwkSet::parse(&vec![b' '; 2 << 20]).is_err());
}

#[test]
fn the_page_of_attacks_names_these_tests() {
    let page = include_str!("../../src/attacks.rs");
    let tests = [include_str!("attacks.rs"), include_str!("attacks_jwe.rs")].concat();
    let elsewhere = [
        include_str!("shr.rs"),
        include_str!("shr_key.rs"),
        include_str!("wycheproof.rs"),
        include_str!("wycheproof_jwe.rs"),
        include_str!("../../src/jwe/content.rs"),
        include_str!("../../src/jwe/key.rs"),
    ]
    .concat();
    let named: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("//! Held by `")?.strip_suffix("`.")).collect();
    for name in &named {
        assert!([&tests, &elsewhere].iter().any(|source| source.contains(&format!("fn {name}()"))), "{name}");
    }
    for line in tests.lines().filter(|line| line.starts_with("fn ") && line.ends_with("() {")) {
        let name = line.trim_start_matches("fn ").trim_end_matches("() {");
        assert!(named.contains(&name) || name.starts_with("the_page_"), "{name} is not on the page");
    }
}
