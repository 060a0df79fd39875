//! The examples of RFC 7516.

use serde_json::json;
use sidekey_jose::{
    JoseError, SigningKey, UnverifiedJws,
    jwe::{DecryptionKey, JweHeader, UnverifiedJwe},
};

use crate::keys;

const A_1: &str = concat!(
    "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03JGeipsEdY3",
    "mx_etLbbWSrFr05kLzcSr4qKAq7YN7e9jwQRb23nfa6c9d-StnImGyFDbSv04uVuxIp5Zms1gNxKKK2Da14B8S4rzVRltdYwam_lDp5XnZAYpQdb76FdIK",
    "LaVmqgfwX7XWRxv2322i-vDxRfqNzo_tETKzpVLzfiwQyeyPGLBIO56YJ7eObdv0je81860ppamavo35UgoRdbYaBcoh9QcfylQr66oc6vFWXRcZ_ZT2La",
    "wVCWTIy3brGPi6UklfCpIMfIjf7iGdXKHzg.48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiS",
    "diwkIr3ajwQzaBtQD_A.XFBoMYUZodetZdvTiFvSkQ",
);

fn a_1_key() -> DecryptionKey {
    keys::decryption_key(&json!({
        "kty": "RSA",
        "n": concat!(
            "oahUIoWw0K0usKNuOR6H4wkf4oBUXHTxRvgb48E-BVvxkeDNjbC4he8rUWcJoZmds2h7M70imEVhRU5djINXtqllXI4DFqcI1DgjT9LewN",
            "D8MW2Krf3Spsk_ZkoFnilakGygTwpZ3uesH-PFABNIUYpOiN15dsQRkgr0vEhxN92i2asbOenSZeyaxziK72UwxrrKoExv6kc5twXTq4h-",
            "QChLOln0_mtUZwfsRaMStPs6mS6XrgxnxbWhojf663tuEQueGC-FCMfra36C9knDFGzKsNa7LZK2djYgyD3JR_MB_4NUJW_TqOQtwHYbxe",
            "voJArm-L5StowjzGy-_bq6Gw",
        ),
        "e": "AQAB",
        "d": concat!(
            "kLdtIj6GbDks_ApCSTYQtelcNttlKiOyPzMrXHeI-yk1F7-kpDxY4-WY5NWV5KntaEeXS1j82E375xxhWMHXyvjYecPT9fpwR_M9gV8n9H",
            "rh2anTpTD93Dt62ypW3yDsJzBnTnrYu1iwWRgBKrEYY46qAZIrA2xAwnm2X7uGR1hghkqDp0Vqj3kbSCz1XyfCs6_LehBwtxHIyh8Ripy4",
            "0p24moOAbgxVw3rxT_vlt3UVe4WO3JkJOzlpUf-KTVI2Ptgm-dARxTEtE-id-4OJr0h-K-VFs3VSndVTIznSxfyrj8ILL6MG_Uv8YAu7VI",
            "LSB3lOW085-4qE3DzgrTjgyQ",
        ),
        "p": concat!(
            "1r52Xk46c-LsfB5P442p7atdPUrxQSy4mti_tZI3Mgf2EuFVbUoDBvaRQ-SWxkbkmoEzL7JXroSBjSrK3YIQgYdMgyAEPTPjXv_hI2_1eT",
            "SPVZfzL0lffNn03IXqWF5MDFuoUYE0hzb2vhrlN_rKrbfDIwUbTrjjgieRbwC6Cl0",
        ),
        "q": concat!(
            "wLb35x7hmQWZsWJmB_vle87ihgZ19S8lBEROLIsZG4ayZVe9Hi9gDVCOBmUDdaDYVTSNx_8Fyw1YYa9XGrGnDew00J28cRUoeBB_jKI1om",
            "a0Orv1T9aXIWxKwd4gvxFImOWr3QRL9KEBRzk2RatUBnmDZJTIAfwTs0g68UZHvtc",
        ),
        "dp": concat!(
            "ZK-YwE7diUh0qR1tR7w8WHtolDx3MZ_OTowiFvgfeQ3SiresXjm9gZ5KLhMXvo-uz-KUJWDxS5pFQ_M0evdo1dKiRTjVw_x4NyqyXPM5nU",
            "LPkcpU827rnpZzAJKpdhWAgqrXGKAECQH0Xt4taznjnd_zVpAmZZq60WPMBMfKcuE",
        ),
        "dq": concat!(
            "Dq0gfgJ1DdFGXiLvQEZnuKEN0UUmsJBxkjydc3j4ZYdBiMRAy86x0vHCjywcMlYYg4yoC4YZa9hNVcsjqA3FeiL19rk8g6Qn29Tt0cj8qq",
            "yFpz9vNDBUfCAiJVeESOjJDZPYHdHY8v1b-o-Z2X5tvLx-TCekf7oxyeKDUqKWjis",
        ),
        "qi": concat!(
            "VIMpMYbPf47dT1w_zDUXfPimsSegnMOA1zTaX7aGk_8urY6R8-ZW1FxU7AlWAyLWybqq6t16VFd7hQd0y6flUK4SlOydB61gwanOsXGOAO",
            "v82cHq0E3eL4HrtZkUuKvnPrMnsUUFlfUdybVzxyjz9JF_XyaY14ardLSjf4L_FNY",
        ),
    }))
}

#[test]
fn rfc_7516_a_1_rsa_oaep_with_aes_gcm_is_decrypted() {
    let plaintext = UnverifiedJwe::parse(A_1).unwrap().decrypt(&a_1_key()).unwrap();
    assert_eq!(**plaintext, *b"The true sign of intelligence is not knowledge but imagination.");
}

#[test]
fn rfc_7516_a_1_is_no_signed_token_and_no_other_key_opens_it() {
    assert_eq!(UnverifiedJws::parse(A_1).unwrap_err(), JoseError::Encrypted);
    let other = SigningKey::generate_rsa().unwrap().to_pkcs8_der().unwrap();
    let other = DecryptionKey::from_der(&other).unwrap();
    assert_eq!(UnverifiedJwe::parse(A_1).unwrap().decrypt(&other), Err(JoseError::Decryption));
}

#[test]
fn rfc_7516_a_2_and_a_3_are_outside_our_profile() {
    // The headers of the two, each before parts that are never reached.
    for (header, name) in [
        ("eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0", "RSA1_5"),
        ("eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0", "A128KW"),
    ] {
        match UnverifiedJwe::parse(&format!("{header}.a.b.c.d")).map(|jwe| jwe.header().clone()) {
            Err(JoseError::UnsupportedKeyManagement { name: found, .. }) => assert_eq!(found, name),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn rfc_7516_a_4_and_a_5_json_serializations_are_not_compact() {
    let [protected, encrypted_key, iv, ciphertext, tag] = A_1.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let flattened = json!({
        "protected": protected, "encrypted_key": encrypted_key, "iv": iv, "ciphertext": ciphertext, "tag": tag,
    });
    let general = json!({
        "protected": protected, "recipients": [{ "encrypted_key": encrypted_key }], "iv": iv, "ciphertext": ciphertext,
        "tag": tag,
    });
    for token in [flattened, general] {
        let parsed: Result<JweHeader, _> = UnverifiedJwe::parse(&token.to_string()).map(|jwe| jwe.header().clone());
        assert!(matches!(parsed, Err(JoseError::Malformed(_))));
    }
}
