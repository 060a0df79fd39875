//! What was handed out and can come back: authorization codes and refresh tokens.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::{digest, rand};
use sidekey_host::UnixTime;
use sidekey_jose::base64url;
use sidekey_oauth::{ClientId, Secret};
use uuid::Uuid;

use super::Refusal;

/// A user's sign-in at a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignIn {
    pub(crate) client: ClientId,
    pub(crate) tenant: Uuid,
    pub(crate) oid: Uuid,
    /// The scopes that were asked, for requests that name none.
    pub(crate) scope: String,
    pub(crate) at: UnixTime,
    /// Authentication contexts that the sign-in satisfied.
    pub(crate) contexts: Vec<String>,
}

/// What an authorization code stands for.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) sign_in: SignIn,
    pub(crate) redirect_uri: String,
    pub(crate) nonce: Option<String>,
    /// PKCE, S256.
    pub(crate) challenge: Option<String>,
}

/// All codes and refresh tokens; the oldest are forgotten when there are too many. Kept by their hashes.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    codes: Mutex<Bounded<Entry<Code>>>,
    refresh_tokens: Mutex<Bounded<Entry<SignIn>>>,
}

#[derive(Debug, Clone)]
struct Entry<T> {
    value: T,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Redeemed,
    Revoked(UnixTime),
}

impl Sessions {
    /// A new authorization code.
    pub(crate) fn new_code(&self, code: Code) -> Result<Secret, Refusal> {
        hand_out(&self.codes, code)
    }

    /// A new refresh token. Older ones stay good, as they do at Entra.
    pub(crate) fn new_refresh_token(&self, sign_in: SignIn) -> Result<Secret, Refusal> {
        hand_out(&self.refresh_tokens, sign_in)
    }

    /// Takes a code in; it works once.
    pub(crate) fn redeem_code(&self, code: &str, now: UnixTime, lifetime: u64) -> Result<Code, Refusal> {
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = codes.get_mut(&hash(code)).ok_or_else(|| Refusal::invalid_grant("code"))?;
        match entry.state {
            State::Redeemed => return Err(Refusal::code_redeemed()),
            State::Revoked(at) => return Err(Refusal::revoked(crate::time::iso(at))),
            State::Good => {}
        }
        if now.since(entry.value.sign_in.at).as_secs() > lifetime {
            return Err(Refusal::code_expired());
        }
        entry.state = State::Redeemed;
        Ok(entry.value.clone())
    }

    /// The sign-in behind a refresh token.
    pub(crate) fn refresh(&self, token: &str, now: UnixTime, lifetime: u64) -> Result<SignIn, Refusal> {
        let mut tokens = self.refresh_tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = tokens.get_mut(&hash(token)).ok_or_else(|| Refusal::invalid_grant("refresh_token"))?;
        if let State::Revoked(at) = entry.state {
            return Err(Refusal::revoked(crate::time::iso(at)));
        }
        if now.since(entry.value.at).as_secs() > lifetime {
            let days = lifetime / (24 * 3600);
            return Err(Refusal::refresh_token_expired(crate::time::iso(entry.value.at), days));
        }
        Ok(entry.value.clone())
    }

    /// Revokes everything that a user has now, and says how much that was.
    pub(crate) fn revoke(&self, oid: Uuid, now: UnixTime) -> usize {
        let of_user = |sign_in: &SignIn| sign_in.oid == oid;
        revoke(&self.codes, now, |code| of_user(&code.sign_in)) + revoke(&self.refresh_tokens, now, of_user)
    }
}

fn hand_out<T>(store: &Mutex<Bounded<Entry<T>>>, value: T) -> Result<Secret, Refusal> {
    let text = random_text()?;
    let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
    store.insert(hash(text.expose()), Entry { value, state: State::Good });
    Ok(text)
}

fn revoke<T>(store: &Mutex<Bounded<Entry<T>>>, now: UnixTime, applies: impl Fn(&T) -> bool) -> usize {
    let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
    let good = store.entries.values_mut().filter(|entry| entry.state == State::Good && applies(&entry.value));
    good.map(|entry| entry.state = State::Revoked(now)).count()
}

/// 32 random bytes as text.
fn random_text() -> Result<Secret, Refusal> {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    rand::fill(&mut *bytes).map_err(|_| Refusal::internal("The system gave no random numbers."))?;
    Ok(Secret::new(base64url::encode(*bytes)))
}

fn hash(text: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, text.as_bytes()).as_ref().to_vec()
}

/// A map that forgets its oldest entries.
#[derive(Debug)]
struct Bounded<T> {
    entries: HashMap<Vec<u8>, T>,
    order: VecDeque<Vec<u8>>,
}

impl<T> Default for Bounded<T> {
    fn default() -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new() }
    }
}

impl<T> Bounded<T> {
    fn insert(&mut self, key: Vec<u8>, value: T) {
        if self.order.len() >= MAX_ENTRIES
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.entries.insert(key, value);
    }

    fn get_mut(&mut self, key: &[u8]) -> Option<&mut T> {
        self.entries.get_mut(key)
    }
}

const MAX_ENTRIES: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn sign_in(at: u64) -> SignIn {
        let client = "22223333-cccc-4444-dddd-5555eeee6666".parse().unwrap();
        SignIn {
            client,
            tenant: Uuid::nil(),
            oid: Uuid::from_u128(1),
            scope: String::new(),
            at: UnixTime(at),
            contexts: Vec::new(),
        }
    }

    fn code(at: u64) -> Code {
        Code { sign_in: sign_in(at), redirect_uri: String::new(), nonce: None, challenge: None }
    }

    #[test]
    fn a_code_works_once_and_for_its_lifetime_only() {
        let sessions = Sessions::default();
        let redeem = |code: &Secret, now| sessions.redeem_code(code.expose(), UnixTime(now), 600).err().map(|r| r.code);
        let first = sessions.new_code(code(1000)).unwrap();
        assert_eq!(redeem(&first, 1600), None);
        assert_eq!(redeem(&first, 1600), Some(54_005));
        let late = sessions.new_code(code(1000)).unwrap();
        assert_eq!(redeem(&late, 1601), Some(70_008));
        assert_eq!(redeem(&Secret::new("made up"), 1000), Some(70_000));
    }

    #[test]
    fn refresh_tokens_work_until_they_are_old_or_revoked() {
        let sessions = Sessions::default();
        let refresh =
            |token: &Secret, now| sessions.refresh(token.expose(), UnixTime(now), 86_400).err().map(|r| r.code);
        let token = sessions.new_refresh_token(sign_in(0)).unwrap();
        assert_eq!((refresh(&token, 1), refresh(&token, 86_400)), (None, None));
        assert_eq!(refresh(&token, 86_401), Some(700_082));
        assert_eq!(sessions.revoke(Uuid::from_u128(2), UnixTime(1)), 0);
        assert_eq!(sessions.revoke(Uuid::from_u128(1), UnixTime(1)), 1);
        assert_eq!(refresh(&token, 1), Some(50_173));
    }

    #[test]
    fn the_oldest_entries_are_forgotten_when_there_are_too_many() {
        let sessions = Sessions::default();
        let first = sessions.new_refresh_token(sign_in(0)).unwrap();
        for _ in 0..MAX_ENTRIES {
            sessions.new_refresh_token(sign_in(0)).unwrap();
        }
        assert_eq!(sessions.refresh(first.expose(), UnixTime(0), 1).err().map(|r| r.code), Some(70_000));
        assert_eq!(sessions.refresh_tokens.lock().unwrap().entries.len(), MAX_ENTRIES);
    }
}
