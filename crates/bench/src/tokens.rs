//! User tokens as the authority signs them, and how fast the crypto library can verify such signatures.

use std::{
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, anyhow};
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// The tenant of every token.
pub(crate) const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
/// The sidecar's own application, the tokens' audience.
pub(crate) const CLIENT: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";

/// The authority's signing key.
pub(crate) struct Signer {
    key: KeyPair,
}

impl Signer {
    /// A new RSA key of 2048 bits.
    pub(crate) fn new() -> Result<Self> {
        let key = KeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("cannot make an RSA key"))?;
        Ok(Self { key })
    }

    /// The key set that the authority publishes.
    pub(crate) fn key_set(&self) -> Result<Value> {
        let modulus = self.key.public_key().as_ref().get(MODULUS).context("not an RSA key of 2048 bits")?;
        let n = URL_SAFE_NO_PAD.encode(modulus);
        Ok(json!({"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID, "n": n, "e": "AQAB"}]}))
    }

    /// The public key as an `RSAPublicKey`.
    pub(crate) fn public_key(&self) -> &[u8] {
        self.key.public_key().as_ref()
    }

    /// A user's access token of about the size that Entra gives.
    pub(crate) fn user_token(&self, issuer: &str, number: usize) -> Result<String> {
        self.token(KEY_ID, issuer, number)
    }

    /// The same from a key that is not published.
    pub(crate) fn strange_token(&self, issuer: &str, number: usize) -> Result<String> {
        self.token(&format!("stranger-{number}"), issuer, number)
    }

    fn token(&self, key_id: &str, issuer: &str, number: usize) -> Result<String> {
        let now = seconds_now()?;
        let claims = json!({
            "aud": CLIENT, "iss": issuer, "iat": now - 60, "nbf": now - 60, "exp": now + 5_400,
            "aio": "x".repeat(180), "azp": "22223333-cccc-4444-dddd-5555eeee6666", "azpacr": "0",
            "name": "Alice Example", "oid": format!("aaaaaaaa-0000-1111-2222-{number:012}"),
            "preferred_username": "alice@contoso.onmicrosoft.com", "rh": "y".repeat(40), "scp": "access_as_user",
            "sub": format!("{number:043}"), "tid": TENANT, "uti": format!("{number:022}"), "ver": "2.0",
        });
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": key_id});
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let signing = self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature);
        signing.map_err(|_| anyhow!("cannot sign a token"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Verifications per second on all cores with keys that are parsed already: the most that any validator could do.
    pub(crate) fn verify_rate(&self, token: &str, time: Duration) -> Result<f64> {
        let tokens = [token.to_owned()];
        let start = Instant::now();
        let count = thread::scope(|scope| -> Result<f64> {
            let verify = || {
                let (mut verify, mut count) = (self.verifying(&tokens)?, 0.0);
                while start.elapsed() < time {
                    verify()?;
                    count += 1.0;
                }
                anyhow::Ok(count)
            };
            let threads: Vec<_> = (0..thread::available_parallelism()?.get()).map(|_| scope.spawn(verify)).collect();
            threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a verifying thread panicked"))?).sum()
        })?;
        Ok(count / start.elapsed().as_secs_f64())
    }

    /// Checks one token's signature at each call, in turn, and nothing else of it.
    pub(crate) fn verifying(&self, tokens: &[String]) -> Result<impl FnMut() -> Result<()>> {
        let take_apart = |token: &String| -> Result<(Vec<u8>, Vec<u8>)> {
            let (signed, signature) = token.rsplit_once('.').context("not a token")?;
            Ok((signed.into(), URL_SAFE_NO_PAD.decode(signature)?))
        };
        let signed: Vec<_> = tokens.iter().map(take_apart).collect::<Result<_>>()?;
        let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.key.public_key())?;
        let mut next = 0;
        Ok(move || {
            let (signed, signature) = signed.get(next % signed.len().max(1)).context("no tokens")?;
            next += 1;
            key.verify_sig(signed, signature).map_err(|_| anyhow!("a good signature was refused"))
        })
    }
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[expect(
    clippy::disallowed_methods,
    reason = "this program is a rim of its own: its tokens are for the real clock of another process"
)]
fn seconds_now() -> Result<u64> {
    Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs())
}

const KEY_ID: &str = "bench-key-1";

/// Where the modulus lies in the DER of RFC 8017's `RSAPublicKey`, given 2048 bits: a sequence, an integer, its leading zero.
const MODULUS: std::ops::Range<usize> = 9..265;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_modulus_and_exponent_are_the_key() {
        let signer = Signer::new().unwrap();
        let published = signer.key_set().unwrap();
        let modulus = URL_SAFE_NO_PAD.decode(published["keys"][0]["n"].as_str().unwrap()).unwrap();
        let components = aws_lc_rs::signature::RsaPublicKeyComponents { n: modulus, e: vec![1, 0, 1] };
        let mut signature = vec![0; 256];
        signer.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), b"text", &mut signature).unwrap();
        components.verify(&RSA_PKCS1_2048_8192_SHA256, b"text", &signature).unwrap();
    }

    #[test]
    fn a_good_signature_is_counted_and_a_broken_one_is_an_error() {
        let signer = Signer::new().unwrap();
        let token = signer.user_token("https://issuer", 7).unwrap();
        assert!(signer.verify_rate(&token, Duration::from_millis(5)).unwrap() > 0.0);
        let broken = format!("{}AAAA", &token[..token.len() - 4]);
        assert!(signer.verify_rate(&broken, Duration::from_millis(5)).is_err());
    }
}
