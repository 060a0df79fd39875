//! Key Vault's data plane: secrets, certificates and keys behind role assignments.
//!
//! The rules are here: what a request may do ([`access`], [`role`]) and does ([`operation`] and the files of the collections). Hosts,
//! tokens and headers are in `http::vault`. Contents live in memory: every start begins with those of the directory.
//!
//! See <https://learn.microsoft.com/rest/api/keyvault/>.

mod access;
mod algorithm;
mod bundle;
mod certificates;
mod collection;
mod error;
mod host;
mod key;
mod keys;
mod material;
mod object;
mod operation;
mod policy;
mod role;
mod secrets;
mod seed;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sidekey_host::UnixTime;
use sidekey_oauth::ClientId;
use uuid::Uuid;

pub(crate) use access::{Access, Assignment, Caller};
pub(crate) use algorithm::KeyKind;
pub(crate) use bundle::{Form, read as read_bundle};
pub(crate) use certificates::imported_policy;
pub(crate) use error::VaultError;
pub(crate) use host::{KEY_VAULT_APP, VaultHost, is_key_vault};
pub(crate) use key::Key;
pub(crate) use keys::{check_operations, default_operations};
pub(crate) use material::{Material, Pending, Recipe};
pub(crate) use object::{AttributeChanges, Tags, is_name};
pub(crate) use operation::{Operation, Reply, find_route};
pub(crate) use policy::Policy;
pub(crate) use role::Role;
pub(crate) use seed::{CertificateSeed, KeySeed, VaultSeed, VersionSeed};

use certificates::StoredCertificate;
use keys::StoredKey;
use object::Shelf;
use secrets::StoredSecret;

use crate::directory::RegisteredCertificate;

/// All vaults.
#[derive(Debug)]
pub(crate) struct Vaults(Vec<Arc<Vault>>);

impl Vaults {
    /// The vaults of a directory as they are at the start.
    pub(crate) fn new(seeds: Vec<VaultSeed>, now: UnixTime) -> Self {
        Self(seeds.into_iter().map(|seed| Arc::new(Vault::new(seed, now))).collect())
    }

    /// The vault with this name.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Vault>> {
        self.0.iter().find(|vault| vault.name.eq_ignore_ascii_case(name))
    }

    /// All names, for messages.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.iter().map(|vault| vault.name.as_str()).collect()
    }

    /// The certificates that an application accepts as its credential: all versions that were made so far.
    pub(crate) fn registered_on(&self, app: &ClientId) -> Vec<RegisteredCertificate> {
        self.0.iter().flat_map(|vault| vault.registered_on(app)).collect()
    }
}

/// One vault.
#[derive(Debug)]
pub(crate) struct Vault {
    pub(crate) name: String,
    /// The tenant whose tokens it takes.
    pub(crate) tenant: Uuid,
    assignments: Vec<Assignment>,
    /// From when on the assignments count.
    effective: UnixTime,
    /// Applications that accept a certificate by its name.
    registrations: Vec<(String, Vec<ClientId>)>,
    contents: Mutex<Contents>,
}

/// What is in a vault.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    secrets: Shelf<StoredSecret>,
    certificates: Shelf<StoredCertificate>,
    keys: Shelf<StoredKey>,
}

impl Vault {
    fn new(seed: VaultSeed, now: UnixTime) -> Self {
        Self {
            effective: now + seed.propagation,
            registrations: seed.registrations(),
            contents: Mutex::new(seed::plant(seed.secrets, seed.certificates, seed.keys, now)),
            name: seed.name,
            tenant: seed.tenant,
            assignments: seed.assignments,
        }
    }

    /// Whether a caller may do something.
    pub(crate) fn authorize(
        &self,
        caller: &Caller,
        action: &str,
        object: Option<&str>,
        now: UnixTime,
    ) -> Result<(), VaultError> {
        let access = Access { vault: &self.name, action, object };
        access::authorize(&self.assignments, caller, &access, self.effective, now)
    }

    /// A new version of a certificate by its policy; its id and the time at which it ends. Blocks while the key is made.
    pub(crate) fn rotate(&self, certificate: &str, now: UnixTime) -> Result<(String, UnixTime), VaultError> {
        certificates::rotate(self, certificate, now)
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn registered_on(&self, app: &ClientId) -> Vec<RegisteredCertificate> {
        let contents = self.contents();
        let names = self.registrations.iter().filter(|(_, apps)| apps.contains(app)).map(|(name, _)| name);
        let versions = names.filter_map(|name| contents.certificates.find(name)).flat_map(object::Object::versions);
        let made = versions.filter_map(|version| version.value.pending.if_made());
        made.filter_map(|material| material.certificate().map(|der| RegisteredCertificate::Certificate(der.to_vec())))
            .collect()
    }
}
