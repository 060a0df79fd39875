//! The examples of RFC 7520. Those that Project Wycheproof has among its vectors are taken from there, by the number of
//! their figure; it adds an `alg` to keys that have none in the RFC, which is taken away again.

use serde_json::{Value, json};
use sidekey_jose::{
    Algorithm, JoseError, Jwk, UnverifiedJws, VerifyingKey, base64url,
    jwe::{DecryptionKey, UnverifiedJwe},
};
use wycheproof_ng_kdf_jose::json_web::{TestName, TestSet};

use crate::keys;

/// The token of a figure and the key beside it.
fn figure(set: TestName, number: u32) -> (String, Value) {
    let comment = format!("Figure{number}");
    for group in TestSet::load(set).unwrap().test_groups {
        if let Some(test) = group.tests.into_iter().find(|test| test.comment == comment) {
            let token = test.jws.or(test.jwe).unwrap().as_str().unwrap().to_owned();
            return (token, group.private_key.or(group.public_key).unwrap());
        }
    }
    panic!("there is no {comment} in {set:?}")
}

/// The key as the RFC has it.
fn without_alg(mut key: Value) -> VerifyingKey {
    key.as_object_mut().unwrap().remove("alg");
    VerifyingKey::from_jwk(&serde_json::from_value::<Jwk>(key).unwrap()).unwrap()
}

fn verify(token: &str, key: &VerifyingKey, algorithm: Algorithm) -> Result<String, JoseError> {
    let verified = UnverifiedJws::parse(token)?.verify(key, &[algorithm])?;
    Ok(String::from_utf8(verified.payload().to_vec()).unwrap())
}

fn decrypt(token: &str, key: &DecryptionKey) -> Result<String, JoseError> {
    let plaintext = UnverifiedJwe::parse(token)?.decrypt(key)?;
    Ok(String::from_utf8(plaintext.to_vec()).unwrap())
}

/// The name of the key management that is refused, and the reason.
fn refused(token: &str) -> (String, &'static str) {
    match UnverifiedJwe::parse(token) {
        Err(JoseError::UnsupportedKeyManagement { name, reason }) => (name, reason),
        other => panic!("{other:?}"),
    }
}

fn flattened_jws(token: &str) -> String {
    let [protected, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    json!({ "payload": payload, "protected": protected, "signature": signature }).to_string()
}

#[test]
fn section_3_public_keys_are_read_without_their_private_halves_and_secret_ones_check_nothing() {
    for (number, kty, private) in [(13, "RSA", &["d", "p", "q", "dp", "dq", "qi"][..]), (27, "EC", &["d"])] {
        let (_, key) = figure(TestName::JsonWebSignature, number);
        assert!(private.iter().all(|member| key.get(member).is_some()), "{kty}: the private form is read");
        let read: Jwk = serde_json::from_value(key).unwrap();
        assert_eq!((read.kty.as_str(), read.kid.as_deref()), (kty, Some("bilbo.baggins@hobbiton.example")));
        let kept = serde_json::to_value(&read).unwrap();
        assert!(private.iter().all(|member| kept.get(member).is_none()), "{kty}");
    }
    // The HMAC key; the AES key of §3.6 has the same type.
    let (_, secret) = figure(TestName::JsonWebSignature, 35);
    let secret: Jwk = serde_json::from_value(secret).unwrap();
    assert_eq!(secret.kty, "oct");
    assert!(VerifyingKey::from_jwk(&secret).is_err());
}

#[test]
fn section_4_1_rs256_verifies() {
    let (token, key) = figure(TestName::JsonWebSignature, 13);
    let payload = verify(&token, &without_alg(key), Algorithm::RS256).unwrap();
    assert!(payload.starts_with("It’s a dangerous business, Frodo"), "{payload}");
}

#[test]
fn section_4_2_ps384_verifies() {
    let (token, key) = figure(TestName::JsonWebSignature, 20);
    let key = without_alg(key);
    assert!(verify(&token, &key, Algorithm::PS384).unwrap().starts_with("It’s a dangerous business"));
    // The same RSA key, allowed for another padding only.
    assert_eq!(verify(&token, &key, Algorithm::RS384), Err(JoseError::AlgorithmNotAllowed(Algorithm::PS384)));
}

#[test]
fn section_4_3_es512_verifies_but_a_key_for_es521_does_not_exist() {
    let (token, key) = figure(TestName::JsonWebSignature, 27);
    // The curve is P-521, the hash SHA-512: the algorithm is named for the hash, which Wycheproof's key gets wrong.
    assert_eq!(key["alg"], "ES521");
    let named: Jwk = serde_json::from_value(key.clone()).unwrap();
    let refusal = VerifyingKey::from_jwk(&named).unwrap_err();
    assert_eq!(refusal, JoseError::Key("its `alg` is not a signature algorithm known here"));
    assert!(verify(&token, &without_alg(key), Algorithm::ES512).unwrap().starts_with("It’s a dangerous business"));
}

#[test]
fn sections_4_4_and_4_5_hs256_is_outside_our_profile() {
    let (token, _) = figure(TestName::JsonWebSignature, 35);
    let [header, _, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let detached = format!("{header}..{signature}");
    for token in [token.as_str(), &detached] {
        assert_eq!(UnverifiedJws::parse(token).unwrap_err(), JoseError::UnsupportedAlgorithm("HS256".to_owned()));
    }
}

#[test]
fn section_4_5_detached_content_does_not_verify() {
    // The RFC's example is HS256; this is the one of §4.1 with its content taken out.
    let (token, key) = figure(TestName::JsonWebSignature, 13);
    let [header, _, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let detached = format!("{header}..{signature}");
    assert_eq!(verify(&detached, &without_alg(key), Algorithm::RS256), Err(JoseError::Signature));
}

#[test]
fn sections_4_6_to_4_8_json_serializations_are_not_compact() {
    for number in [13, 20, 27, 35] {
        let (token, _) = figure(TestName::JsonWebSignature, number);
        assert!(matches!(UnverifiedJws::parse(&flattened_jws(&token)), Err(JoseError::Malformed(_))), "{number}");
    }
}

#[test]
fn section_5_1_rsa1_5_is_outside_our_profile() {
    let (name, reason) = refused(&figure(TestName::JsonWebEncryption, 81).0);
    assert_eq!(name, "RSA1_5");
    assert!(reason.contains("Bleichenbacher"), "{reason}");
}

#[test]
fn section_5_2_rsa_oaep_with_aes_gcm_is_decrypted() {
    let (token, key) = figure(TestName::JsonWebEncryption, 92);
    let plaintext = decrypt(&token, &keys::decryption_key(&key)).unwrap();
    assert!(plaintext.starts_with("You can trust us to stick with you through thick and thin–to"), "{plaintext}");
    assert!(plaintext.ends_with("We are your friends, Frodo."), "{plaintext}");
}

#[test]
fn section_5_3_a_password_is_outside_our_profile() {
    let (name, reason) = refused(SECTION_5_3);
    assert_eq!(
        (name.as_str(), reason),
        ("PBES2-HS512+A256KW", "the sender would decide how much work its password costs")
    );
}

#[test]
fn sections_5_4_to_5_8_are_outside_our_profile() {
    for (number, algorithm) in
        [(117, "ECDH-ES+A128KW"), (128, "ECDH-ES"), (136, "dir"), (148, "A256GCMKW"), (159, "A128KW")]
    {
        assert_eq!(refused(&figure(TestName::JsonWebEncryption, number).0).0, algorithm);
    }
}

#[test]
fn section_5_9_is_outside_our_profile_for_two_reasons() {
    let (token, _) = figure(TestName::JsonWebEncryption, 170);
    assert_eq!(refused(&token).0, "A128KW");
    let (header, rest) = token.split_once('.').unwrap();
    let mut header: Value = serde_json::from_slice(&base64url::decode(header).unwrap()).unwrap();
    header["alg"] = "RSA-OAEP".into();
    let token = format!("{}.{rest}", base64url::encode(header.to_string()));
    assert_eq!(UnverifiedJwe::parse(&token).unwrap_err(), JoseError::Compressed);
}

#[test]
fn sections_5_10_to_5_13_json_serializations_are_not_compact() {
    let (token, _) = figure(TestName::JsonWebEncryption, 92);
    let [protected, encrypted_key, iv, ciphertext, tag] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let flattened = json!({
        "protected": protected, "encrypted_key": encrypted_key, "iv": iv, "aad": "", "ciphertext": ciphertext, "tag": tag,
    });
    assert!(matches!(UnverifiedJwe::parse(&flattened.to_string()), Err(JoseError::Malformed(_))));
}

#[test]
fn section_6_a_signed_token_within_an_encrypted_one_is_read_from_the_outside_in() {
    // The recipient's key is the one of §5.2.
    let (_, key) = figure(TestName::JsonWebEncryption, 92);
    assert_eq!(UnverifiedJws::parse(SECTION_6).unwrap_err(), JoseError::Encrypted);
    assert_eq!(UnverifiedJwe::parse(SECTION_6).unwrap().header().cty.as_deref(), Some("JWT"));
    let inner = decrypt(SECTION_6, &keys::decryption_key(&key)).unwrap();

    let signer = Jwk {
        kty: "RSA".to_owned(),
        n: Some(SECTION_6_SIGNER.to_owned()),
        e: Some("AQAB".to_owned()),
        ..Jwk::default()
    };
    let claims = verify(&inner, &VerifyingKey::from_jwk(&signer).unwrap(), Algorithm::PS256).unwrap();
    assert_eq!(claims, r#"{"iss":"hobbiton.example","exp":1300819380,"http://example.com/is_root":true}"#);
}

const SECTION_5_3: &str = concat!(
    "eyJhbGciOiJQQkVTMi1IUzUxMitBMjU2S1ciLCJwMnMiOiI4UTFTemluYXNSM3hjaFl6NlpaY0hBIiwicDJjIjo4MTkyLCJjdHkiOiJqd2stc2V0K2pzb2",
    "4iLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.d3qNhUWfqheyPp4H8sjOWsDYajoej4c5Je6rlUtFPWdgtURtmeDV1g.VBiCzVHNoLiR3F4V82uoTQ.23i-Tb",
    "1AV4n0WKVSSgcQrdg6GRqsUKxjruHXYsTHAJLZ2nsnGIX86vMXqIi6IRsfywCRFzLxEcZBRnTvG3nhzPk0GDD7FMyXhUHpDjEYCNA_XOmzg8yZR9oyjo6l",
    "TF6si4q9FZ2EhzgFQCLO_6h5EVg3vR75_hkBsnuoqoM3dwejXBtIodN84PeqMb6asmas_dpSsz7H10fC5ni9xIz424givB1YLldF6exVmL93R3fOoOJbmk",
    "2GBQZL_SEGllv2cQsBgeprARsaQ7Bq99tT80coH8ItBjgV08AtzXFFsx9qKvC982KLKdPQMTlVJKkqtV4Ru5LEVpBZXBnZrtViSOgyg6AiuwaS-rCrcD_e",
    "POGSuxvgtrokAKYPqmXUeRdjFJwafkYEkiuDCV9vWGAi1DH2xTafhJwcmywIyzi4BqRpmdn_N-zl5tuJYyuvKhjKv6ihbsV_k1hJGPGAxJ6wUpmwC4PTQ2",
    "izEm0TuSE8oMKdTw8V3kobXZ77ulMwDs4p.0HlwodAhOCILG5SQ2LQ9dg",
);

const SECTION_6: &str = concat!(
    "eyJhbGciOiJSU0EtT0FFUCIsImN0eSI6IkpXVCIsImVuYyI6IkExMjhHQ00ifQ.a0JHRoITfpX4qRewImjlStn8m3CPxBV1ueYlVhjurCyrBg3I7YhCRYj",
    "phDOOS4E7rXbr2Fn6NyQq-A-gqT0FXqNjVOGrG-bi13mwy7RoYhjTkBEC6P7sMYMXXx4gzMedpiJHQVeyI-zkZV7A9matpgevAJWrXzOUysYGTtwoSN6gt",
    "UVtlLaivjvb21O0ul4YxSHV-ByK1kyeetRp_fuYJxHoKLQL9P424sKx2WGYb4zsBIPF4ssl_e5IR7nany-25_UmC2urosNkoFz9cQ82MypZP8gqbQJyPN-",
    "Fpp4Z-5o6yV64x6yzDUF_5JCIdl-Qv6H5dMVIY7q1eKpXcV1lWO_2FefEBqXxXvIjLeZivjNkzogCq3-IapSjVFnMjBxjpYLT8muaawo1yy1XXMuinIpNc",
    "OY3n4KKrXLrCcteX85m4IIHMZa38s1Hpr56fPPseMA-Jltmt-a9iEDtOzhtxz8AXy9tsCAZV2XBWNG8c3kJusAamBKOYwfk7JhLRDgOnJjlJLhn7TI4UxD",
    "p9dCmUXEN6z0v23W15qJIEXNJtqnblpymooeWAHCT4e_Owbim1g0AEpTHUdA2iiLNs9WTX_H_TXuPC8yDDhi1smxS_X_xpkIHkiIHWDOLx03BpqDTivpKk",
    "BYwqP2UZkcxqX2Fo_GnVrNwlK7Lgxw6FSQvDO0.GbX1i9kXz0sxXPmA.SZI4IvKHmwpazl_pJQXX3mHv1ANnOU4Wf9-utWYUcKrBNgCe2OFMf66cSJ8k2Q",
    "kxaQD3_R60MGE9ofomwtky3GFxMeGRjtpMt9OAvVLsAXB0_UTCBGyBg3C2bWLXqZlfJAAoJRUPRk-BimYZY81zVBuIhc7HsQePCpu33SzMsFHjn4lP_idr",
    "Jz_glZTNgKDt8zdnUPauKTKDNOH1DD4fuzvDYfDIAfqGPyL5sVRwbiXpXdGokEszM-9ChMPqW1QNhzuX_Zul3bvrJwr7nuGZs4cUScY3n8yE3AHCLurgls",
    "-A9mz1X38xEaulV18l4Fg9tLejdkAuQZjPbqeHQBJe4IwGD5Ee0dQ-Mtz4NnhkIWx-YKBb_Xo2zI3Q_1sYjKUuis7yWW-HTr_vqvFt0bj7WJf2vzB0TZ3d",
    "vsoGaTvPH2dyWwumUrlx4gmPUzBdwTO6ubfYSDUEEz5py0d_OtWeUSYcCYBKD-aM7tXg26qJo21gYjLfhn9zy-W19sOCZGuzgFjPhawXHpvnj_t-0_ES96",
    "kogjJLxS1IMU9Y5XmnwZMyNc9EIwnogsCg-hVuvzyP0sIruktmI94_SL1xgMl7o03phcTMxtlMizR88NKU1WkBsiXMCjy1Noue7MD-ShDp5dmM.KnIKEhN",
    "8U-3C9s4gtSpjSw",
);

const SECTION_6_SIGNER: &str = concat!(
    "kNrPIBDXMU6fcyv5i-QHQAQ-K8gsC3HJb7FYhYaw8hXbNJa-t8q0lDKwLZgQXYV-ffWxXJv5GGrlZE4GU52lfMEegTDzYTrRQ3tepgKFjMGg6Iy6fkl1ZN",
    "sx2gEonsnlShfzA9GJwRTmtKPbk1s-hwx1IU5AT-AIelNqBgcF2vE5W25_SGGBoaROVdUYxqETDggM1z5cKV4ZjDZ8-lh4oVB07bkac6LQdHpJUUySH_Er",
    "20DXx30Kyi97PciXKTS-QKXnmm8ivyRCmux22ZoPUind2BKC5OiG4MwALhaL2Z2k8CsRdfy-7dg7z41Rp6D0ZeEvtaUp4bX4aKraL4rTfw",
);
