//! The examples of RFC 7515, RFC 7517 and RFC 7638.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sidekey_jose::{
    Algorithm, JoseError, Jwk, JwkSet, SigningKey, UnverifiedJws, VerifyingKey, base64url, thumbprint_sha1,
    thumbprint_sha256,
};

/// The claims that RFC 7515 appendix A.1 to A.3 and A.5 sign.
const CLAIMS: &[u8] = b"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";

const CLAIMS_PART: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

const A_2_SIGNATURE: &str = concat!(
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQ",
    "jbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqt",
    "FZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
);

const A_3_SIGNATURE: &str = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

const A_4: &str = concat!(
    "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7Xdt",
    "AG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
);

fn jwk(json: &str) -> Jwk {
    serde_json::from_str(json).unwrap()
}

fn rsa_key() -> Jwk {
    jwk(concat!(
        r#"{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt"#,
        "0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo",
        "7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9g",
        r#"b54h4FRWyuXpoQ"}"#,
    ))
}

fn p256_key() -> Jwk {
    jwk(concat!(
        r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","#,
        r#""y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
    ))
}

fn p521_key() -> Jwk {
    jwk(concat!(
        r#"{"kty":"EC","crv":"P-521","#,
        r#""x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","#,
        r#""y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}"#,
    ))
}

/// The payload, if the token's signature holds under the key and one of all our algorithms.
fn verify(token: &str, key: &Jwk) -> Result<Vec<u8>, JoseError> {
    let every = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::ES512];
    let verified = UnverifiedJws::parse(token)?.verify(&VerifyingKey::from_jwk(key)?, &every)?;
    Ok(verified.payload().to_vec())
}

#[test]
fn rfc_7515_a_1_hs256_is_outside_our_profile() {
    let token =
        format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{CLAIMS_PART}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    assert_eq!(verify(&token, &rsa_key()), Err(JoseError::UnsupportedAlgorithm("HS256".to_owned())));
}

#[test]
fn rfc_7515_a_2_rs256_verifies() {
    let token = format!("eyJhbGciOiJSUzI1NiJ9.{CLAIMS_PART}.{A_2_SIGNATURE}");
    assert_eq!(verify(&token, &rsa_key()).as_deref(), Ok(CLAIMS));
    let changed = token.replace("eyJpc3MiOiJqb2Ui", "eyJpc3MiOiJqb2Uj");
    assert_eq!(verify(&changed, &rsa_key()), Err(JoseError::Signature));
}

#[test]
fn rfc_7515_a_3_es256_verifies() {
    let token = format!("eyJhbGciOiJFUzI1NiJ9.{CLAIMS_PART}.{A_3_SIGNATURE}");
    assert_eq!(verify(&token, &p256_key()).as_deref(), Ok(CLAIMS));
}

#[test]
fn rfc_7515_a_4_es512_verifies() {
    assert_eq!(verify(A_4, &p521_key()).as_deref(), Ok(&b"Payload"[..]));
}

#[test]
fn rfc_7515_a_5_an_unsecured_jws_is_refused() {
    let token = format!("eyJhbGciOiJub25lIn0.{CLAIMS_PART}.");
    assert_eq!(verify(&token, &rsa_key()), Err(JoseError::UnsupportedAlgorithm("none".to_owned())));
}

#[test]
fn rfc_7515_a_6_and_a_7_json_serializations_are_not_compact() {
    let general = format!(
        r#"{{"payload":"{CLAIMS_PART}","signatures":[{{"protected":"eyJhbGciOiJSUzI1NiJ9","header":{{"kid":"2010-12-29"}},"signature":"{A_2_SIGNATURE}"}},{{"protected":"eyJhbGciOiJFUzI1NiJ9","header":{{"kid":"e9bc097a-ce51-4036-9562-d2ade882db0d"}},"signature":"{A_3_SIGNATURE}"}}]}}"#
    );
    let flattened = format!(
        r#"{{"payload":"{CLAIMS_PART}","protected":"eyJhbGciOiJFUzI1NiJ9","header":{{"kid":"e9bc097a-ce51-4036-9562-d2ade882db0d"}},"signature":"{A_3_SIGNATURE}"}}"#
    );
    for token in [general, flattened] {
        assert!(matches!(verify(&token, &p256_key()), Err(JoseError::Malformed(_))));
    }
}

#[test]
fn rfc_7517_a_1_public_keys_are_read() {
    let document = concat!(
        r#"{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","#,
        r#""y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"},"#,
        r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXj"#,
        "BZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZH",
        "zu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKn",
        r#"qDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}]}"#,
    );
    let set = JwkSet::parse(document.as_bytes()).unwrap();
    let [encryption, signature] = &set.keys[..] else { panic!("{set:?}") };
    assert_eq!(VerifyingKey::from_jwk(encryption).unwrap_err(), JoseError::Key("its `use` is not `sig`"));
    let signing = VerifyingKey::from_jwk(signature).unwrap();
    assert!(signing.permits(Algorithm::RS256) && !signing.permits(Algorithm::PS256));
    assert_eq!(signature.kid.as_deref(), Some("2011-04-29"));
    // RFC 7638 §3.1 computes the thumbprint of this very key.
    assert_eq!(signature.thumbprint().as_deref(), Ok("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
}

#[test]
fn rfc_7515_a_3_and_a_4_private_keys_in_sec_1_form_have_the_published_public_halves() {
    // SEC 1 §C.4: a sequence of version, number and curve.
    let key = |prefix: &[u8], number: &str, curve: &[u8]| {
        let der = [prefix, &base64url::decode(number).unwrap(), curve].concat();
        SigningKey::from_der(&der).unwrap()
    };
    let a_3 = key(
        &[0x30, 0x31, 2, 1, 1, 4, 32],
        "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
        &[0xa0, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
    );
    assert_eq!(a_3.public_jwk(), p256_key());
    let a_4 = key(
        &[0x30, 0x50, 2, 1, 1, 4, 66],
        "AY5pb7A0UFiB3RELSD64fTLOSV_jazdF7fLYyuTw8lOfRhWg6Y6rUrPAxerEzgdRhajnu0ferB0d53vM9mE15j2C",
        &[0xa0, 7, 6, 5, 0x2b, 0x81, 4, 0, 0x23],
    );
    assert_eq!(a_4.public_jwk(), p521_key());
    for (key, algorithm) in [(a_3, Algorithm::ES256), (a_4, Algorithm::ES512)] {
        let signature = key.sign(algorithm, b"message").unwrap();
        assert_eq!(key.verifying_key().verify(algorithm, b"message", &signature), Ok(()));
    }
}

#[test]
fn rfc_7517_a_2_private_members_are_dropped() {
    let document = concat!(
        r#"{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","#,
        r#""y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE","#,
        r#""use":"enc","kid":"1"}]}"#,
    );
    let set = JwkSet::parse(document.as_bytes()).unwrap();
    assert_eq!(set.keys[0].kid.as_deref(), Some("1"));
    assert!(!serde_json::to_string(&set).unwrap().contains("870MB6"));
}

#[test]
fn rfc_7517_a_3_symmetric_keys_stay_in_the_set_and_check_nothing() {
    let document = concat!(
        r#"{"keys":[{"kty":"oct","alg":"A128KW","k":"GawgguFyGrWKav7AX4VKUg"},"#,
        r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow","#,
        r#""kid":"HMAC key used in JWS spec Appendix A.1 example"}]}"#,
    );
    let set = JwkSet::parse(document.as_bytes()).unwrap();
    assert_eq!(set.keys.len(), 2);
    for key in &set.keys {
        assert_eq!(VerifyingKey::from_jwk(key).unwrap_err(), JoseError::Key("its `kty` is neither `RSA` nor `EC`"));
    }
}

#[test]
fn rfc_7517_b_the_certificate_has_the_key_beside_it() {
    let key = jwk(concat!(
        r#"{"kty":"RSA","use":"sig","kid":"1b94c","e":"AQAB","n":"vrjOfz9Ccdgx5nQudyhdoR17V-IubWMeOZCwX_jj0hgAsz2J_pqYW08PLbK_"#,
        "PdiVGKPrqzmDIsLI7sA25VEnHU1uCLNwBuUiCO11_-7dYbsr4iJmG0Qu2j8DsVyT1azpJC_NG84Ty5KKthuCaPod7iI7w0LK9orSMhBEwwZDCxTWq4aYW",
        "Achc8t-emd9qOvWtVMDC2BXksRngh6X5bUYLy6AyHKvj-nUy1wgzjYQDwHMTplCoLtU-o-8SNnZ1tmRoGE9uJkBLdh5gFENabWnU5m1ZqZPdwS-qo-meM",
        r#"vVfJb6jJVWRpl2SUtCnYG2C32qvbWbjZ_jBPD5eunqsIo1vQ","x5c":["MIIDQjCCAiqgAwIBAgIGATz/FuLiMA0GCSqGSIb3DQEBBQUAMGIxCzAJ"#,
        "BgNVBAYTAlVTMQswCQYDVQQIEwJDTzEPMA0GA1UEBxMGRGVudmVyMRwwGgYDVQQKExNQaW5nIElkZW50aXR5IENvcnAuMRcwFQYDVQQDEw5CcmlhbiBDY",
        "W1wYmVsbDAeFw0xMzAyMjEyMzI5MTVaFw0xODA4MTQyMjI5MTVaMGIxCzAJBgNVBAYTAlVTMQswCQYDVQQIEwJDTzEPMA0GA1UEBxMGRGVudmVyMRwwGg",
        "YDVQQKExNQaW5nIElkZW50aXR5IENvcnAuMRcwFQYDVQQDEw5CcmlhbiBDYW1wYmVsbDCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAL64zn8",
        "/QnHYMeZ0LncoXaEde1fiLm1jHjmQsF/449IYALM9if6amFtPDy2yvz3YlRij66s5gyLCyO7ANuVRJx1NbgizcAblIgjtdf/u3WG7K+IiZhtELto/A7Fck",
        "9Ws6SQvzRvOE8uSirYbgmj6He4iO8NCyvaK0jIQRMMGQwsU1quGmFgHIXPLfnpnfajr1rVTAwtgV5LEZ4Iel+W1GC8ugMhyr4/p1MtcIM42EA8BzE6ZQq",
        "C7VPqPvEjZ2dbZkaBhPbiZAS3YeYBRDWm1p1OZtWamT3cEvqqPpnjL1XyW+oyVVkaZdklLQp2Btgt9qr21m42f4wTw+Xrp6rCKNb0CAwEAATANBgkqhki",
        "G9w0BAQUFAAOCAQEAh8zGlfSlcI0o3rYDPBB07aXNswb4ECNIKG0CETTUxmXl9KUL+9gGlqCz5iWLOgWsnrcKcY0vXPG9J1r9AqBNTqNgHq2G03X09266",
        "X5CpOe1zFo+Owb1zxtp3PehFdfQJ610CDLEaS9V9Rqp17hCyybEpOGVwe8fnk+fbEL2Bo3UPGrpsHzUoaGpDftmWssZkhpBJKVMJyf/RuP2SmmaIzmnw9",
        "JiSlYhzo4tpzd5rFXhjRbg4zW9C+2qok+2+qDM1iJ684gPHMIY8aLWrdgQTxkumGmTqgawR+N5MDtdPTEQ0XfIBc2cJEUyMTY5MPvACWpkA6SdS4xSvd",
        r#"XK3IVfOWA=="]}"#,
    ));
    let der = STANDARD.decode(&key.x5c.as_ref().unwrap()[0]).unwrap();
    // The modulus stands in the certificate as in the key beside it, and the certificate is usable.
    let modulus = base64url::decode(key.n.as_ref().unwrap()).unwrap();
    assert!(der.windows(modulus.len()).any(|window| window == modulus));
    assert_eq!(format!("{:?}", VerifyingKey::from_certificate(&der).unwrap()), "VerifyingKey(RSA 2048)");
    assert_eq!(thumbprint_sha1(&der), "4pNenEBLv0JpLIdugWxQkOsZcK0");
    assert_eq!(thumbprint_sha256(&der), "pJm2BBpkB8y7tCqrWM0X37WOmQTO8zQw-VpxVgBb21I");
}
