//! Proof of possession: the key that an access token is bound to (RFC 7800), as a client names it by `req_cnf`.

use serde_json::{Map, Value, json};
use sidekey_jose::{Jwk, VerifyingKey, base64url, parse_object};

use super::{Form, Refusal};

/// The `cnf` claim of the token that is asked for; `None` for a bearer token.
pub(crate) fn read(form: &Form) -> Result<Option<Value>, Refusal> {
    match form.get("token_type") {
        None => Ok(None),
        Some(kind) if kind.eq_ignore_ascii_case("bearer") => Ok(None),
        Some(kind) if kind.eq_ignore_ascii_case("pop") => confirmation(form.require("req_cnf")?).map(Some),
        Some(kind) => Err(Refusal::malformed(format!("The token_type '{kind}' is not supported."))),
    }
}

/// `{"kid": …}`, or a public key as a whole, alone or as `jwk`; base64url of JSON.
fn confirmation(text: &str) -> Result<Value, Refusal> {
    let malformed = |why: &str| Refusal::malformed(format!("The parameter 'req_cnf' {why}"));
    let bytes = base64url::decode(text.trim_end_matches('=')).map_err(|_| malformed("is not base64url."))?;
    let object = parse_object(&bytes).map_err(|_| malformed("is not a JSON object."))?;
    match (object.get("jwk"), object.get("kty"), object.get("kid")) {
        (Some(Value::Object(jwk)), None, _) => public_key(jwk).map_err(malformed),
        (None, Some(_), _) => public_key(&object).map_err(malformed),
        (None, None, Some(Value::String(kid))) if is_key_id(kid) => Ok(json!({ "kid": kid })),
        _ => Err(malformed("names no key: write 'kid' or a public JSON Web Key.")),
    }
}

fn public_key(jwk: &Map<String, Value>) -> Result<Value, &'static str> {
    if PRIVATE.iter().any(|member| jwk.contains_key(*member)) {
        return Err("holds a private key.");
    }
    let parsed: Jwk = serde_json::from_value(Value::Object(jwk.clone())).map_err(|_| "is not a JSON Web Key.")?;
    VerifyingKey::from_jwk(&parsed).map_err(|_| "is not a public key that can be used.")?;
    Ok(json!({ "jwk": jwk }))
}

fn is_key_id(kid: &str) -> bool {
    !kid.is_empty() && kid.len() <= 256 && kid.bytes().all(|b| b.is_ascii_graphic())
}

/// Members that only private and symmetric keys have.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

#[cfg(test)]
mod tests {
    use sidekey_jose::SigningKey;

    use super::*;

    fn ask(token_type: &str, confirmation: &str) -> Result<Option<Value>, u64> {
        let form = format!("token_type={token_type}&req_cnf={confirmation}");
        read(&Form::parse(form.as_bytes()).unwrap()).map_err(|refusal| refusal.code)
    }

    #[test]
    fn a_key_is_named_by_its_id_or_given_whole() {
        let thumbprint = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        let kid = json!({ "kid": thumbprint });
        assert_eq!(ask("pop", &base64url::encode(kid.to_string())), Ok(Some(kid.clone())));
        assert_eq!(ask("PoP", &format!("{}%3D%3D", base64url::encode(kid.to_string()))), Ok(Some(kid)));
        let jwk = json!(SigningKey::generate_rsa().unwrap().public_jwk());
        let expected = Ok(Some(json!({ "jwk": jwk })));
        assert_eq!(ask("pop", &base64url::encode(jwk.to_string())), expected);
        assert_eq!(ask("pop", &base64url::encode(json!({ "jwk": jwk }).to_string())), expected);
        assert_eq!(ask("Bearer", "x"), Ok(None));
        assert_eq!(ask("", ""), Ok(None));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let encoded = |value: Value| base64url::encode(value.to_string());
        let bad = [
            "!!!".to_owned(),
            base64url::encode("-----BEGIN PUBLIC KEY-----"),
            encoded(json!([])),
            encoded(json!({})),
            encoded(json!({ "kid": "" })),
            encoded(json!({ "kid": 1 })),
            encoded(json!({ "kty": "RSA", "n": "AQ" })),
            encoded(json!({ "kty": "oct", "k": "AQAB" })),
            encoded(json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "AQAB" })),
            encoded(json!({ "jwk": "x" })),
        ];
        for text in bad {
            assert_eq!(ask("pop", &text), Err(9_002_313), "{text}");
        }
        assert_eq!(ask("pop", ""), Err(900_144));
        assert_eq!(ask("mtls_pop", "x"), Err(9_002_313));
    }
}
