//! Proof of possession: tokens that are bound to a key, so that whoever steals one cannot use it.
//!
//! The key is the caller's ([`Confirmation`] says which) or our own ([`PopKey`], which also signs the requests).

mod confirmation;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod key;
mod public_key;

pub use self::{
    confirmation::{BadPopKey, Confirmation},
    key::{PopKey, PopKeyError, PopSigner},
};
