//! Compact JWS (RFC 7515 §7.1).

use std::fmt;

use crate::{Algorithm, Header, JoseError, MAX_TOKEN_BYTES, VerifyingKey, base64url};

/// A compact JWS taken apart; nothing in it has been checked but its form and that its algorithm is one of ours.
#[derive(Clone)]
pub struct UnverifiedJws<'a> {
    header: Header,
    algorithm: Algorithm,
    payload: Vec<u8>,
    signing_input: &'a str,
    signature: Vec<u8>,
}

impl<'a> UnverifiedJws<'a> {
    /// Takes a token apart: three base64url parts, a header object without members twice and without `crit`, an
    /// algorithm that exists here. An encrypted token is [`JoseError::Encrypted`].
    pub fn parse(token: &'a str) -> Result<Self, JoseError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(JoseError::TooLarge);
        }
        let Parts { signing_input, header, payload, signature } = Parts::split(token)?;
        let header = Header::decode(header)?;
        let algorithm = header.algorithm()?;
        let payload = base64url::decode(payload)?;
        let signature = base64url::decode(signature)?;
        Ok(Self { header, algorithm, payload, signing_input, signature })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The payload's bytes, **unverified**: good for choosing a key or an error text, never for a decision.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// Header and payload as they were signed. Unlike the signature they cannot be written in another way.
    pub(crate) fn signing_input(&self) -> &'a str {
        self.signing_input
    }

    /// Checks the signature with a key and an algorithm that the caller allows.
    pub fn verify(self, key: &VerifyingKey, allowed: &[Algorithm]) -> Result<VerifiedJws, JoseError> {
        if !allowed.contains(&self.algorithm) {
            return Err(JoseError::AlgorithmNotAllowed(self.algorithm));
        }
        key.verify(self.algorithm, self.signing_input.as_bytes(), &self.signature)?;
        Ok(VerifiedJws { header: self.header, payload: self.payload })
    }
}

/// Shows the header only: with payload and signature it would be the token itself.
impl fmt::Debug for UnverifiedJws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedJws").field("header", &self.header).finish_non_exhaustive()
    }
}

/// A JWS whose signature was checked. Only [`UnverifiedJws::verify`] makes one.
#[derive(Clone)]
pub struct VerifiedJws {
    header: Header,
    payload: Vec<u8>,
}

impl VerifiedJws {
    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The payload's bytes.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

/// Shows the header only: the payload is about a person.
impl fmt::Debug for VerifiedJws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedJws").field("header", &self.header).finish_non_exhaustive()
    }
}

/// The parts of a compact JWS, still encoded.
struct Parts<'a> {
    signing_input: &'a str,
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    fn split(token: &'a str) -> Result<Self, JoseError> {
        const THREE: JoseError = JoseError::Malformed("it does not have three parts separated by dots");
        let (signing_input, signature) = token.rsplit_once('.').ok_or(THREE)?;
        let (header, payload) = signing_input.split_once('.').ok_or(THREE)?;
        // Counted to the end, which the compiler does many bytes at a time.
        match payload.bytes().filter(|byte| *byte == b'.').count() {
            0 => Ok(Self { signing_input, header, payload, signature }),
            2 => Err(JoseError::Encrypted),
            _ => Err(THREE),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;
    use crate::{SigningKey, sign_compact};

    /// A token with any header and payload; the signature is not one.
    fn token(header: &str, payload: &str) -> String {
        [base64url::encode(header), base64url::encode(payload), base64url::encode("signature")].join(".")
    }

    fn refusal(token: &str) -> JoseError {
        UnverifiedJws::parse(token).unwrap_err()
    }

    #[test]
    fn a_token_is_taken_apart() {
        let token = token(r#"{"alg":"ES256","kid":"k"}"#, "any bytes");
        let jws = UnverifiedJws::parse(&token).unwrap();
        assert_eq!(jws.header().kid.as_deref(), Some("k"));
        assert_eq!(jws.unverified_payload(), b"any bytes");
    }

    #[test]
    fn a_token_has_exactly_three_parts() {
        let good = token(r#"{"alg":"ES256"}"#, "{}");
        let three = JoseError::Malformed("it does not have three parts separated by dots");
        for wrong in ["", ".", "a", "a.b", "a.b.c.d", "a.b.c.d.e.f", "...", "....."] {
            assert_eq!(refusal(wrong), three, "{wrong}");
        }
        assert_eq!(refusal(&format!("{good}.")), three);
        assert!(UnverifiedJws::parse(&good).is_ok());
    }

    #[test]
    fn an_encrypted_token_is_recognised() {
        for wrong in ["a.b.c.d.e", "....", "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..aXY.Y3Q.dGFn"] {
            assert_eq!(refusal(wrong), JoseError::Encrypted, "{wrong}");
        }
    }

    #[test]
    fn the_size_is_looked_at_before_anything_else() {
        assert_eq!(refusal(&"#".repeat(MAX_TOKEN_BYTES + 1)), JoseError::TooLarge);
        assert_ne!(refusal(&"#".repeat(MAX_TOKEN_BYTES)), JoseError::TooLarge);
    }

    #[test]
    fn each_part_is_strict_base64url() {
        let good = token(r#"{"alg":"ES256"}"#, "{}");
        let parts: Vec<&str> = good.split('.').collect();
        for index in 0..3 {
            for damage in ["=", " ", "\n", "?", "é"] {
                let mut parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
                parts[index].push_str(damage);
                assert_eq!(refusal(&parts.join(".")), JoseError::Base64, "part {index}, {damage:?}");
            }
        }
    }

    #[test]
    fn an_algorithm_outside_of_the_profile_is_refused_while_parsing() {
        for name in ["none", "HS256", "EdDSA", "rs256", ""] {
            let token = token(&json!({ "alg": name }).to_string(), "{}");
            assert_eq!(refusal(&token), JoseError::UnsupportedAlgorithm(name.to_owned()));
        }
        // An unsecured token has no signature; that it has no signer is the more useful message.
        assert_eq!(refusal("eyJhbGciOiJub25lIn0.e30."), JoseError::UnsupportedAlgorithm("none".to_owned()));
    }

    #[test]
    fn only_the_right_key_and_an_allowed_algorithm_verify() {
        let (key, other) = (SigningKey::generate_p256().unwrap(), SigningKey::generate_p256().unwrap());
        let token = sign_compact(&Map::new(), b"payload", &key, Algorithm::ES256).unwrap();
        let jws = UnverifiedJws::parse(&token).unwrap();
        let verify =
            |key: &SigningKey, allowed: &[Algorithm]| jws.clone().verify(&key.verifying_key(), allowed).map(|_| ());

        assert_eq!(verify(&key, &[Algorithm::RS256, Algorithm::ES256]), Ok(()));
        assert_eq!(verify(&other, &[Algorithm::ES256]), Err(JoseError::Signature));
        assert_eq!(verify(&key, &[Algorithm::RS256]), Err(JoseError::AlgorithmNotAllowed(Algorithm::ES256)));
        assert_eq!(verify(&key, &[]), Err(JoseError::AlgorithmNotAllowed(Algorithm::ES256)));
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let key = SigningKey::generate_p256().unwrap();
        let token = sign_compact(&Map::new(), b"{\"sub\":\"me\"}", &key, Algorithm::ES256).unwrap();
        for index in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            let verified =
                UnverifiedJws::parse(&changed).and_then(|jws| jws.verify(&key.verifying_key(), &[Algorithm::ES256]));
            assert!(verified.is_err(), "character {index}");
        }
    }

    #[test]
    fn debug_output_cannot_be_replayed() {
        let key = SigningKey::generate_p256().unwrap();
        let token = sign_compact(&Map::new(), b"{\"sub\":\"someone\"}", &key, Algorithm::ES256).unwrap();
        let jws = UnverifiedJws::parse(&token).unwrap();
        let parsed = format!("{jws:?}");
        let verified = format!("{:?}", jws.verify(&key.verifying_key(), &[Algorithm::ES256]).unwrap());
        for shown in [parsed, verified] {
            assert!(shown.contains("ES256") && !shown.contains("someone") && !shown.contains("payload"), "{shown}");
            assert!(token.split('.').skip(1).all(|part| !shown.contains(part)), "{shown}");
        }
    }

    proptest! {
        #[test]
        fn noise_never_panics(noise: String, header: String, payload: Vec<u8>, tail in "[A-Za-z0-9_.-]{0,60}") {
            let _ = UnverifiedJws::parse(&noise);
            let _ = UnverifiedJws::parse(&tail);
            let _ = UnverifiedJws::parse(&format!("{}.{}.{tail}", base64url::encode(header), base64url::encode(payload)));
        }

        #[test]
        fn any_header_object_is_read_or_refused(members in prop::collection::btree_map(
            prop_oneof![Just("alg"), Just("kid"), Just("typ"), Just("x5c"), Just("x5t"), Just("nonce"), Just("crit")],
            prop_oneof![Just(json!("RS256")), Just(json!(["RS256"])), Just(json!(7)), Just(json!(null)), Just(json!({"a": []}))],
            0..7,
        )) {
            let token = token(&json!(members).to_string(), "{}");
            let good = members.get("alg") == Some(&json!("RS256"))
                && ["kid", "typ", "x5t"].iter().all(|name| members.get(name).is_none_or(serde_json::Value::is_string))
                && members.get("x5c").is_none_or(|chain| chain.is_string() || chain.is_array())
                && !members.contains_key("crit");
            prop_assert_eq!(UnverifiedJws::parse(&token).is_ok(), good);
        }
    }
}
