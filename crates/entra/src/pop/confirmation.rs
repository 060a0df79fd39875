//! Which key a token is bound to, as Entra is told (`req_cnf`, RFC 7800), out of the many forms in which people have keys.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Map, Value, json};
use sidekey_jose::{Jwk, SigningKey, VerifyingKey, base64url, parse_object};

use super::public_key;
use crate::TokenScheme;

/// A key that a token is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// base64url of a JSON object.
    req_cnf: Box<str>,
    /// What tells tokens apart in the cache.
    id: Box<str>,
    scheme: TokenScheme,
}

/// Why a text names no key that a token can be bound to. Says what was found, never the text itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; {hint}")]
pub struct BadPopKey {
    /// What was found.
    pub problem: String,
    /// What to write instead.
    pub hint: &'static str,
}

impl BadPopKey {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), hint: HINT }
    }
}

impl Confirmation {
    /// Of `PopPublicKey`: a confirmation (JSON with `kid` or `jwk`), a JWK, a PEM public key or certificate, or a DER public
    /// key; the last one in base64 of either alphabet, the others in base64 or as text.
    pub fn of_public_key(text: &str) -> Result<Self, BadPopKey> {
        let text = text.trim();
        match text {
            "" => Err(BadPopKey::new("is empty")),
            _ if text.len() > MAX_BYTES => Err(BadPopKey::new("is longer than 16 KiB")),
            _ if is_text(text) => Self::of_text(text),
            _ => Self::of_bytes(&decode(text).ok_or_else(|| BadPopKey::new("is neither a key nor base64 of one"))?),
        }
    }

    /// Of `PopClaim`, the public key as JWK (JSON), and the id by which its tokens are kept apart (`PopPublicKey`). Such a token
    /// is presented as `Bearer`; the proof goes elsewhere.
    pub fn of_claim(key_id: Option<&str>, claim: &str) -> Result<Self, BadPopKey> {
        let claim = claim.trim();
        let members = parse_object(claim.as_bytes()).map_err(|_| BadPopKey::new("is not a JSON object"));
        let thumbprint = members.and_then(|members| thumbprint_of(&members));
        let thumbprint = thumbprint.map_err(|bad| BadPopKey { hint: CLAIM_HINT, ..bad })?;
        let (req_cnf, key_id) = (base64url::encode(claim), key_id.unwrap_or(&thumbprint).trim());
        Ok(Self {
            id: format!("claim {key_id} {req_cnf}").into(),
            req_cnf: req_cnf.into(),
            scheme: TokenScheme::Bearer,
        })
    }

    /// Of a private key's public half.
    pub(super) fn of_key(key: &SigningKey) -> Result<Self, BadPopKey> {
        thumbprint(&key.public_jwk()).map(|thumbprint| Self::of_thumbprint(&thumbprint))
    }

    /// base64url of a JSON object, as the token request has it.
    pub(crate) fn req_cnf(&self) -> &str {
        &self.req_cnf
    }

    /// What tells tokens of one key from those of another, and tokens that are presented differently.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// How the token is presented.
    pub fn scheme(&self) -> TokenScheme {
        self.scheme
    }

    fn of_text(text: &str) -> Result<Self, BadPopKey> {
        if text.starts_with('{') {
            Self::of_json(text)
        } else {
            public_key::of_pem(text).and_then(|jwk| Self::of_jwk(&jwk))
        }
    }

    fn of_bytes(bytes: &[u8]) -> Result<Self, BadPopKey> {
        match std::str::from_utf8(bytes).map(str::trim) {
            Ok(text) if is_text(text) => Self::of_text(text),
            _ => public_key::of_spki(bytes).and_then(|jwk| Self::of_jwk(&jwk)),
        }
    }

    /// A JWK, or a confirmation that is finished.
    fn of_json(text: &str) -> Result<Self, BadPopKey> {
        let members = parse_object(text.as_bytes()).map_err(|_| BadPopKey::new("is not a well-formed JSON object"))?;
        if members.contains_key("kty") {
            return thumbprint_of(&members).map(|thumbprint| Self::of_thumbprint(&thumbprint));
        }
        match (members.get("jwk"), members.get("kid")) {
            (Some(Value::Object(jwk)), _) => thumbprint_of(jwk).map(|_| Self::finished(text)),
            (None, Some(Value::String(kid))) if members.len() == 1 && !kid.is_empty() => Ok(Self::of_thumbprint(kid)),
            (None, Some(Value::String(kid))) if !kid.is_empty() => Ok(Self::finished(text)),
            _ => Err(BadPopKey::new("is a JSON object without a usable `kid`, `jwk` or `kty`")),
        }
    }

    fn of_jwk(jwk: &Jwk) -> Result<Self, BadPopKey> {
        thumbprint(jwk).map(|thumbprint| Self::of_thumbprint(&thumbprint))
    }

    /// The form that Entra takes; the same for one key in whatever form it came.
    fn of_thumbprint(thumbprint: &str) -> Self {
        Self::finished(&json!({ "kid": thumbprint }).to_string())
    }

    fn finished(text: &str) -> Self {
        let req_cnf = base64url::encode(text);
        Self { id: req_cnf.clone().into(), req_cnf: req_cnf.into(), scheme: TokenScheme::Pop }
    }
}

/// The thumbprint of a public JWK that can be used.
fn thumbprint_of(members: &Map<String, Value>) -> Result<String, BadPopKey> {
    if PRIVATE_MEMBERS.iter().any(|name| members.contains_key(*name)) {
        return Err(BadPopKey::new("holds a private or secret key, which nobody but its owner may see"));
    }
    let jwk = serde_json::from_value(Value::Object(members.clone()));
    thumbprint(&jwk.map_err(|_| BadPopKey::new("is JSON, but no JWK"))?)
}

fn thumbprint(jwk: &Jwk) -> Result<String, BadPopKey> {
    let refused = |cause: sidekey_jose::JoseError| BadPopKey::new(format!("holds a key that cannot be used ({cause})"));
    VerifyingKey::from_jwk(jwk).map_err(refused)?;
    jwk.thumbprint().map_err(refused)
}

/// Stands for itself: everything else is base64.
fn is_text(text: &str) -> bool {
    text.starts_with('{') || text.contains("-----BEGIN ")
}

/// base64 of either alphabet, padded or not. Line breaks do not count; a blank is a `+` that a query turned into one.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n' | '\t')).collect();
    let text = text.replace(' ', "+");
    let alphabet = if text.contains(['-', '_']) { alphabet::URL_SAFE } else { alphabet::STANDARD };
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&alphabet, lenient).decode(text).ok()
}

const HINT: &str = "write the public key (RSA from 2048 bits, or EC on P-256, P-384 or P-521) as PEM, base64 of PEM or DER, JWK, \
                    or base64url of `{\"kid\":\"<RFC 7638 thumbprint>\"}`";
const CLAIM_HINT: &str =
    "write the public key as JWK, such as `{\"kty\":\"RSA\",\"n\":\"…\",\"e\":\"AQAB\",\"kid\":\"…\"}`";
/// Of RSA, EC and symmetric keys (RFC 7518 §6).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
/// A certificate fits.
const MAX_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;
    use rustls_pki_types::pem::PemObject as _;
    use x509_parser::prelude::FromDer as _;

    use super::*;

    /// The key of RFC 7638 §3.1 and its thumbprint.
    const N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs\
                     tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91C\
                     bOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    const THUMBPRINT: &str = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";

    fn jwk() -> String {
        json!({ "kty": "RSA", "n": N, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" }).to_string()
    }

    fn kid() -> String {
        format!("{{\"kid\":\"{THUMBPRINT}\"}}")
    }

    fn sent(text: &str) -> String {
        let found = Confirmation::of_public_key(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((found.id(), found.scheme()), (found.req_cnf(), TokenScheme::Pop));
        String::from_utf8(base64url::decode(found.req_cnf()).unwrap()).unwrap()
    }

    /// SPKI, PKCS#1 and certificate of `tests/data/key.pem`, as DER.
    fn der() -> [Vec<u8>; 3] {
        let file = |name: &str| {
            std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)).unwrap()
        };
        let certificate = rustls_pki_types::CertificateDer::from_pem_slice(&file("certificate.pem")).unwrap().to_vec();
        let (_, parsed) = x509_parser::prelude::X509Certificate::from_der(&certificate).unwrap();
        let spki = parsed.public_key().raw.to_vec();
        let pkcs1 = parsed.public_key().subject_public_key.data.to_vec();
        [spki, pkcs1, certificate.clone()]
    }

    fn pem(label: &str, der: &[u8]) -> String {
        let base64 = STANDARD.encode(der);
        let lines: Vec<_> = base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    }

    #[test]
    fn a_jwk_becomes_its_thumbprint() {
        for text in [jwk(), STANDARD.encode(jwk()), base64url::encode(jwk()), format!("  {}\n", jwk())] {
            assert_eq!(sent(&text), kid(), "{text}");
        }
    }

    #[test]
    fn every_form_of_one_key_is_the_same_confirmation() {
        let [spki, pkcs1, certificate] = der();
        let spki_pem = pem("PUBLIC KEY", &spki);
        let expected = sent(&spki_pem);
        assert!(expected.starts_with("{\"kid\":\"") && expected.len() == "{\"kid\":\"\"}".len() + 43, "{expected}");
        for text in [
            spki_pem.replace('\n', "\r\n"),
            spki_pem.replace('\n', " "),
            STANDARD.encode(&spki_pem),
            URL_SAFE.encode(&spki_pem),
            STANDARD.encode(&spki_pem).replace('+', " "),
            pem("RSA PUBLIC KEY", &pkcs1),
            STANDARD.encode(pem("RSA PUBLIC KEY", &pkcs1)),
            pem("CERTIFICATE", &certificate),
            STANDARD.encode(pem("CERTIFICATE", &certificate)),
            STANDARD.encode(&spki),
            base64url::encode(&spki),
        ] {
            assert_eq!(sent(&text), expected, "{text}");
        }
        let own = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/key.pem"));
        let own = Confirmation::of_key(&SigningKey::from_pem(&own.unwrap()).unwrap()).unwrap();
        assert_eq!(base64url::decode(own.req_cnf()).unwrap(), expected.as_bytes());
    }

    #[test]
    fn an_ec_key_is_taken_too() {
        let key = SigningKey::generate_p256().unwrap().public_jwk();
        let point = [
            &[4][..],
            &base64url::decode(key.x.as_ref().unwrap()).unwrap(),
            &base64url::decode(key.y.as_ref().unwrap()).unwrap(),
        ];
        // SubjectPublicKeyInfo of P-256 (RFC 5480 §2).
        let prefix = [
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
            0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
        ];
        let spki = [&prefix[..], &point.concat()].concat();
        let expected = format!("{{\"kid\":\"{}\"}}", key.thumbprint().unwrap());
        assert_eq!(sent(&pem("PUBLIC KEY", &spki)), expected);
        assert_eq!(sent(&serde_json::to_string(&key).unwrap()), expected);
    }

    #[test]
    fn a_finished_confirmation_keeps_its_meaning() {
        let with_more = format!("{{\"kid\":\"{THUMBPRINT}\",\"xms_ksl\":\"sw\"}}");
        let whole = format!("{{\"jwk\":{}}}", jwk());
        for text in [kid(), with_more, whole] {
            assert_eq!(sent(&base64url::encode(&text)), text);
            assert_eq!(sent(&STANDARD.encode(&text)), text);
            assert_eq!(sent(&text), text);
        }
    }

    #[test]
    fn a_claim_is_sent_whole_and_presented_as_bearer() {
        let one = Confirmation::of_claim(Some("key-1"), &jwk()).unwrap();
        assert_eq!(base64url::decode(one.req_cnf()).unwrap(), jwk().as_bytes());
        assert_eq!(one.scheme(), TokenScheme::Bearer);
        let others = [
            Confirmation::of_claim(Some("key-2"), &jwk()).unwrap(),
            Confirmation::of_claim(None, &jwk()).unwrap(),
            Confirmation::of_public_key(&jwk()).unwrap(),
        ];
        assert!(others.iter().all(|other| other.id() != one.id()));
        for bad in ["", "x", "{}", "{\"kid\":\"k\"}", "{\"kty\":\"RSA\",\"n\":\"AQ\",\"e\":\"AQAB\"}"] {
            assert!(Confirmation::of_claim(Some("key"), bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_public_key_says_what_it_is() {
        let [spki, ..] = der();
        let private = json!({ "kty": "RSA", "n": N, "e": "AQAB", "d": "s3cret" }).to_string();
        let small = json!({ "kty": "RSA", "n": "AQ", "e": "AQAB" }).to_string();
        for (text, why) in [
            (String::new(), "is empty"),
            (" \n".to_owned(), "is empty"),
            ("A".repeat(MAX_BYTES + 1), "longer than 16 KiB"),
            ("%%s3cret".to_owned(), "neither a key nor base64"),
            ("s3cretss".to_owned(), "neither a PEM nor a DER public key"),
            (base64url::encode("s3cret"), "neither a PEM nor a DER public key"),
            (private.clone(), "a private or secret key"),
            (format!("{{\"jwk\":{private}}}"), "a private or secret key"),
            ("{\"kty\":\"oct\",\"k\":\"s3cret\"}".to_owned(), "a private or secret key"),
            (small, "cannot be used"),
            ("{\"kty\":7}".to_owned(), "no JWK"),
            ("{\"kid\":\"\"}".to_owned(), "without a usable"),
            ("{\"kid\":7}".to_owned(), "without a usable"),
            ("{}".to_owned(), "without a usable"),
            ("{\"kid\":\"a\",\"kid\":\"b\"}".to_owned(), "not a well-formed JSON object"),
            (pem("PRIVATE KEY", b"s3cret"), "a private key"),
            (STANDARD.encode(pem("RSA PRIVATE KEY", b"s3cret")), "a private key"),
            (pem("PUBLIC KEY", b"s3cret"), "not a public key"),
            (pem("PUBLIC KEY", &[&spki[..], b"x"].concat()), "not a public key"),
            (pem("SSH2 PUBLIC KEY", &spki), "`SSH2 PUBLIC KEY`"),
            ("-----BEGIN PUBLIC KEY-----\nAAAA".to_owned(), "no END line"),
            (pem("PUBLIC KEY", b"").replace("\n\n", "\n%\n"), "not base64"),
        ] {
            let error = Confirmation::of_public_key(&text).unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains("s3cret"), "{text}: {error}");
            assert!(error.contains("write the public key"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn noise_never_panics(text: String, bytes: Vec<u8>, json in r#"\{"(kid|jwk|kty)":[{}\[\]",:a-z0-9]{0,40}"#) {
            let _ = Confirmation::of_public_key(&text);
            let _ = Confirmation::of_public_key(&base64url::encode(&bytes));
            let _ = Confirmation::of_public_key(&json);
            let _ = Confirmation::of_claim(Some(&text), &json);
        }
    }
}
