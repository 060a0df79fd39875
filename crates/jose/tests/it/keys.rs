//! Private keys as the vectors have them: in JWK form, which the crate itself does not read.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPairComponents, PublicKeyComponents},
    signature::RsaKeyPair,
};
use serde_json::Value;
use sidekey_jose::{SigningKey, base64url, jwe::DecryptionKey};

/// The PKCS#8 form of a private RSA key.
fn pkcs8(jwk: &Value) -> Vec<u8> {
    let number = |name: &str| base64url::decode(jwk[name].as_str().unwrap()).unwrap();
    let components = KeyPairComponents {
        public_key: PublicKeyComponents { n: number("n"), e: number("e") },
        d: number("d"),
        p: number("p"),
        q: number("q"),
        dP: number("dp"),
        dQ: number("dq"),
        qInv: number("qi"),
    };
    let pair = RsaKeyPair::from_components(&components).unwrap();
    AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap().as_ref().to_vec()
}

/// A private RSA key for decryption.
pub(crate) fn decryption_key(jwk: &Value) -> DecryptionKey {
    DecryptionKey::from_der(&pkcs8(jwk)).unwrap()
}

/// A new RSA key for decryption.
pub(crate) fn generate() -> DecryptionKey {
    DecryptionKey::from_der(&SigningKey::generate_rsa().unwrap().to_pkcs8_der().unwrap()).unwrap()
}
