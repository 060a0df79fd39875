//! What the directory says about a vault, and the contents that grow from it.

use std::{sync::Arc, time::Duration};

use sidekey_host::UnixTime;
use sidekey_oauth::{ClientId, Secret};
use uuid::Uuid;

use super::{
    Assignment, AttributeChanges, Contents, Material, Pending, Policy, Tags,
    certificates::{self, NewCertificate},
    keys::StoredKey,
    object::{Attributes, Version, new_id},
    secrets::StoredSecret,
};

/// A vault at the start.
#[derive(Debug)]
pub(crate) struct VaultSeed {
    pub(crate) name: String,
    pub(crate) tenant: Uuid,
    pub(crate) assignments: Vec<Assignment>,
    /// How long after the start the assignments begin to count.
    pub(crate) propagation: Duration,
    pub(crate) secrets: Vec<(String, VersionSeed<Secret>)>,
    pub(crate) certificates: Vec<CertificateSeed>,
    pub(crate) keys: Vec<KeySeed>,
}

/// One version of an object at the start.
#[derive(Debug)]
pub(crate) struct VersionSeed<T> {
    /// One is made up if absent.
    pub(crate) id: Option<String>,
    pub(crate) attributes: AttributeChanges,
    pub(crate) tags: Option<Tags>,
    pub(crate) content_type: Option<String>,
    pub(crate) value: T,
}

/// One version of a certificate at the start.
#[derive(Debug)]
pub(crate) struct CertificateSeed {
    pub(crate) name: String,
    pub(crate) policy: Policy,
    pub(crate) registered_on: Vec<ClientId>,
    /// What was given; without it, one is made by the policy on first need.
    pub(crate) version: VersionSeed<Option<Material>>,
}

/// One version of a key at the start.
#[derive(Debug)]
pub(crate) struct KeySeed {
    pub(crate) name: String,
    /// `key_ops`.
    pub(crate) operations: Vec<String>,
    pub(crate) version: VersionSeed<Pending>,
}

impl VaultSeed {
    /// Which applications accept which certificates.
    pub(super) fn registrations(&self) -> Vec<(String, Vec<ClientId>)> {
        self.certificates.iter().map(|seed| (seed.name.clone(), seed.registered_on.clone())).collect()
    }
}

impl<T> VersionSeed<T> {
    fn attributes(&self, now: UnixTime) -> Attributes {
        let mut attributes = Attributes::new(now);
        attributes.apply(&self.attributes, now);
        attributes
    }

    fn version<U>(self, now: UnixTime, store: impl FnOnce(T) -> U) -> Version<U> {
        let attributes = self.attributes(now);
        let id = self.id.unwrap_or_else(new_id);
        Version { tags: self.tags, content_type: self.content_type, ..Version::new(id, attributes, store(self.value)) }
    }
}

/// The contents at the start. The directory's checks see to it that names fit and are there once, so nothing is refused here.
pub(super) fn plant(
    secrets: Vec<(String, VersionSeed<Secret>)>,
    certificates: Vec<CertificateSeed>,
    keys: Vec<KeySeed>,
    now: UnixTime,
) -> Contents {
    let mut contents = Contents::default();
    for (name, seed) in secrets {
        let _ = contents.secrets.add(&name, seed.version(now, StoredSecret::Text));
    }
    for KeySeed { name, operations, version } in keys {
        let store = |pending| StoredKey { pending: Arc::new(pending), operations };
        let _ = contents.keys.add(&name, version.version(now, store));
    }
    for CertificateSeed { name, policy, version, .. } in certificates {
        let new = NewCertificate {
            id: version.id,
            attributes: version.attributes,
            tags: version.tags,
            given: version.value,
            policy,
        };
        let _ = certificates::add(&mut contents, &name, new, now);
    }
    contents
}
