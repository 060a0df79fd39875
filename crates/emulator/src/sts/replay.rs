//! Client assertions that were used before, for directories that want each to work once.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::digest;
use sidekey_host::UnixTime;

use super::{Refusal, assertion::Claims};

/// Ids of assertions, by their hash, until the assertions end by themselves.
#[derive(Debug, Default)]
pub(crate) struct UsedAssertions(Mutex<HashMap<Vec<u8>, UnixTime>>);

impl UsedAssertions {
    /// Notes an assertion; one whose issuer and `jti` were there before is refused. One without `jti` cannot be told from others.
    pub(crate) fn note(&self, claims: &Claims, now: UnixTime) -> Result<(), Refusal> {
        let id = format!("{} {}", claims.require("iss")?, claims.require("jti")?);
        let id = digest::digest(&digest::SHA256, id.as_bytes()).as_ref().to_vec();
        let until = claims.ends().unwrap_or(now);
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= MAX_ENTRIES {
            used.retain(|_, until| *until >= now);
        }
        if used.len() >= MAX_ENTRIES {
            return Err(Refusal::internal("Too many assertions are in use to tell a replay."));
        }
        match used.insert(id, until) {
            None => Ok(()),
            Some(_) => Err(Refusal::client_authentication_failed("The client assertion was used before.")),
        }
    }
}

const MAX_ENTRIES: usize = 50_000;
