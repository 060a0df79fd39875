//! From when on users' access tokens count no more: what a resource learns that evaluates access continuously.
//!
//! See <https://learn.microsoft.com/entra/identity-platform/app-resilience-continuous-access-evaluation>.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use sidekey_host::UnixTime;
use uuid::Uuid;

/// The last revocation of each user. Only users of the directory are revoked, so their number is bounded by it.
#[derive(Debug, Default)]
pub(crate) struct Revocations(Mutex<HashMap<Uuid, UnixTime>>);

impl Revocations {
    /// Tokens from before now count no more.
    pub(crate) fn revoke(&self, oid: Uuid, now: UnixTime) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(oid, now);
    }

    /// When the user was revoked last.
    pub(crate) fn of(&self, oid: Uuid) -> Option<UnixTime> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&oid).copied()
    }
}
