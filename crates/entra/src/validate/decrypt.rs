//! Encrypted tokens (RFC 7516): what comes out of one is a signed token, which is judged like any other.
//!
//! Whoever can send tokens can send ciphertexts and watch what comes back, so everything behind the header that does not
//! open is refused in one and the same way.

use std::{num::NonZero, sync::Arc, thread::available_parallelism, time::Duration};

use sidekey_jose::jwe::{DecryptionKey, UnverifiedJwe};
use sidekey_oauth::Secret;
use tokio::{sync::Semaphore, time::Instant};

use super::{Rejection, rejection::Echo};
use crate::{
    config::CredentialConfig,
    credential::{DecryptionKeys, Surroundings},
};

/// Opens tokens with the configured keys.
#[derive(Debug)]
pub(super) struct Decryptor {
    keys: Arc<DecryptionKeys>,
    /// A private key operation takes a millisecond or ten. They have threads of their own, and no more of those than there
    /// are processors, so that a flood of ciphertexts does not keep plain tokens waiting.
    room: Arc<Semaphore>,
}

impl Decryptor {
    /// `None` if no key is configured.
    pub(super) fn new(configured: &[CredentialConfig], surroundings: impl FnOnce() -> Surroundings) -> Option<Self> {
        if configured.is_empty() {
            return None;
        }
        let keys = Arc::new(DecryptionKeys::new(configured, &surroundings()));
        let threads = available_parallelism().map_or(1, NonZero::get);
        Some(Self { keys, room: Arc::new(Semaphore::new(threads)) })
    }

    /// The token within. Vaults are asked if nothing that is here opens it: tokens for other keys do not wait for them.
    pub(super) async fn open(&self, token: &str) -> Result<Secret, Rejection> {
        let keys = Arc::clone(&self.keys);
        let opened = self.open_with(token, move || keys.load()).await;
        if opened.is_ok() || !self.keys.has_vaults() || UnverifiedJwe::parse(token).is_err() {
            return opened;
        }
        let found = self.keys.look(Instant::now() + PATIENCE).await;
        if found.is_empty() { opened } else { self.open_with(token, || found).await }
    }

    async fn open_with(
        &self,
        token: &str,
        keys: impl FnOnce() -> Vec<Arc<DecryptionKey>> + Send + 'static,
    ) -> Result<Secret, Rejection> {
        let broken = || Rejection::Other("the decryption ended with an internal error".to_owned());
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| broken())?;
        let token = Secret::new(token);
        let opening = tokio::task::spawn_blocking(move || {
            let opened = open(token.expose(), &keys());
            drop(room);
            opened
        });
        opening.await.map_err(|_| broken())?
    }
}

/// Whether a token has the five parts of an encrypted one.
pub(super) fn is_encrypted(token: &str) -> bool {
    token.bytes().filter(|byte| *byte == b'.').count() == 4
}

/// Opens a token with the key that its header names, or where it names none of ours, with the first that fits.
fn open(token: &str, keys: &[Arc<DecryptionKey>]) -> Result<Secret, Rejection> {
    // What is wrong with a header stands in the clear, so that the log may say it.
    let jwe = UnverifiedJwe::parse(token).map_err(|error| Rejection::Decryption(error.to_string()))?;
    let named = keys.iter().find(|key| key.is_named_by(jwe.header()));
    let candidates = named.map_or(keys, std::slice::from_ref);
    let opened = candidates.iter().find_map(|key| jwe.decrypt(key).ok());
    let Some(mut plaintext) = opened else {
        let kid = jwe.header().kid.as_deref().or(jwe.header().x5t.as_deref());
        return Err(Rejection::Decryption(not_opened(kid, keys.len(), named.is_some())));
    };
    let inner = String::from_utf8(std::mem::take(&mut *plaintext));
    let inner = inner.map_err(|_| Rejection::Decryption("what was in it is not a token".to_owned()))?;
    let inner = Secret::new(inner);
    if is_encrypted(inner.expose()) {
        return Err(Rejection::Decryption("what was in it is encrypted once more".to_owned()));
    }
    Ok(inner)
}

/// How long a token waits for a vault.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Says nothing about the ciphertext: a wrong key and a changed byte are the same.
fn not_opened(kid: Option<&str>, keys: usize, is_named: bool) -> String {
    match kid {
        Some(kid) if !is_named => format!(
            "it is encrypted for the key `{}`, and none of the {keys} decryption keys is or opens it \
             (`AzureAd:TokenDecryptionCredentials`)",
            Echo(kid)
        ),
        _ => format!("none of the {keys} decryption keys opens it (`AzureAd:TokenDecryptionCredentials`)"),
    }
}
