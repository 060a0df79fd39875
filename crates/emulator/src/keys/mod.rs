//! Keys: those that sign tokens, and the certificate authority behind the https listener.

mod ca;
mod ring;
mod store;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::ArcSwap;

pub(crate) use ca::CertificateAuthority;
pub(crate) use ring::{KeyRing, Step, TokenKey};
pub(crate) use store::Store;

use crate::EmulatorError;

/// The token-signing keys. The first one is made in the background, and whoever needs it first waits for it.
#[derive(Debug)]
pub(crate) struct TokenKeys {
    made: Arc<OnceLock<Result<ArcSwap<KeyRing>, String>>>,
    store: Option<Store>,
    rotating: Mutex<()>,
}

impl TokenKeys {
    /// Those in the state folder; else new ones, of which nobody waits for before they are needed.
    pub(crate) fn open(store: Option<Store>) -> Result<Self, EmulatorError> {
        let made = Arc::new(OnceLock::new());
        let kept = store.as_ref().map(|store| store.read(FILE)).transpose()?.flatten();
        if let (Some(text), Some(store)) = (kept, &store) {
            let ring = KeyRing::from_json(&text).map_err(|error| store.damaged(FILE, error))?;
            let _ = made.set(Ok(ArcSwap::from_pointee(ring)));
        } else {
            let (made, store) = (Arc::clone(&made), store.clone());
            std::thread::spawn(move || made.get_or_init(|| make(store.as_ref())).is_ok());
        }
        Ok(Self { made, store, rotating: Mutex::new(()) })
    }

    /// The present keys.
    pub(crate) async fn ring(&self) -> Result<Arc<KeyRing>, EmulatorError> {
        if self.made.get().is_none() {
            let (made, store) = (Arc::clone(&self.made), self.store.clone());
            let waiting = tokio::task::spawn_blocking(move || made.get_or_init(|| make(store.as_ref())).is_ok());
            waiting.await.map_err(|error| EmulatorError(format!("cannot make the signing keys: {error}")))?;
        }
        self.present().map(ArcSwap::load_full)
    }

    /// One step of a rotation, see [`KeyRing::step`]. Blocks while a key is made.
    pub(crate) fn rotate(&self) -> Result<(Arc<KeyRing>, Step), EmulatorError> {
        let _one_at_a_time = self.rotating.lock().unwrap_or_else(PoisonError::into_inner);
        let present = self.present()?;
        let ring = present.load_full();
        let key = if ring.needs_key() { Some(TokenKey::generate().map_err(EmulatorError)?) } else { None };
        let (next, step) = ring.step(key);
        if let Some(store) = &self.store {
            store.write(FILE, &next.to_json().map_err(EmulatorError)?)?;
        }
        let next = Arc::new(next);
        present.store(Arc::clone(&next));
        Ok((next, step))
    }

    fn present(&self) -> Result<&ArcSwap<KeyRing>, EmulatorError> {
        match self.made.get() {
            Some(Ok(ring)) => Ok(ring),
            Some(Err(error)) => Err(EmulatorError(format!("cannot make the signing keys: {error}"))),
            None => Err(EmulatorError("the signing keys are still being made: ask again".to_owned())),
        }
    }
}

fn make(store: Option<&Store>) -> Result<ArcSwap<KeyRing>, String> {
    let ring = KeyRing::generate()?;
    if let Some(store) = store {
        store.write(FILE, &ring.to_json()?).map_err(|error| error.0)?;
    }
    Ok(ArcSwap::from_pointee(ring))
}

const FILE: &str = "signing-keys.json";
