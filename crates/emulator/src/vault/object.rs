//! Objects of a vault: names with versions, attributes and tags.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use sidekey_host::UnixTime;
use uuid::Uuid;

use super::VaultError;

/// `attributes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) enabled: bool,
    pub(crate) not_before: Option<UnixTime>,
    pub(crate) expires: Option<UnixTime>,
    pub(crate) created: UnixTime,
    pub(crate) updated: UnixTime,
}

/// `attributes` as a request has them; what is absent stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct AttributeChanges {
    pub(crate) enabled: Option<bool>,
    pub(crate) nbf: Option<u64>,
    pub(crate) exp: Option<u64>,
}

/// Tags of a version.
pub(crate) type Tags = BTreeMap<String, String>;

impl Attributes {
    /// Enabled and without bounds.
    pub(crate) fn new(now: UnixTime) -> Self {
        Self { enabled: true, not_before: None, expires: None, created: now, updated: now }
    }

    /// With a request's changes.
    pub(crate) fn apply(&mut self, changes: &AttributeChanges, now: UnixTime) {
        self.enabled = changes.enabled.unwrap_or(self.enabled);
        self.not_before = changes.nbf.map(UnixTime).or(self.not_before);
        self.expires = changes.exp.map(UnixTime).or(self.expires);
        self.updated = now;
    }

    /// As replies have them.
    pub(crate) fn json(&self) -> Value {
        let mut members = Map::new();
        let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
        put("enabled", json!(self.enabled));
        if let Some(time) = self.not_before {
            put("nbf", json!(time.0));
        }
        if let Some(time) = self.expires {
            put("exp", json!(time.0));
        }
        put("created", json!(self.created.0));
        put("updated", json!(self.updated.0));
        put("recoveryLevel", json!("Recoverable+Purgeable"));
        put("recoverableDays", json!(RETENTION_DAYS));
        Value::Object(members)
    }
}

/// One version of an object.
#[derive(Debug)]
pub(crate) struct Version<T> {
    /// 32 hex digits.
    pub(crate) id: String,
    pub(crate) attributes: Attributes,
    pub(crate) tags: Option<Tags>,
    pub(crate) content_type: Option<String>,
    /// It belongs to a certificate.
    pub(crate) managed: bool,
    pub(crate) value: Arc<T>,
}

impl<T> Version<T> {
    /// A version of one's own.
    pub(crate) fn new(id: String, attributes: Attributes, value: T) -> Self {
        Self { id, attributes, tags: None, content_type: None, managed: false, value: Arc::new(value) }
    }
}

impl<T> Clone for Version<T> {
    fn clone(&self) -> Self {
        Self {
            id: self.id.clone(),
            attributes: self.attributes.clone(),
            tags: self.tags.clone(),
            content_type: self.content_type.clone(),
            managed: self.managed,
            value: Arc::clone(&self.value),
        }
    }
}

/// A new version's id.
pub(crate) fn new_id() -> String {
    Uuid::new_v4().simple().to_string()
}

/// An object: its versions, newest last, and whether it is deleted. There is always a version.
#[derive(Debug)]
pub(crate) struct Object<T> {
    pub(crate) name: String,
    versions: Vec<Version<T>>,
    pub(crate) deleted: Option<UnixTime>,
}

impl<T> Object<T> {
    /// The newest version.
    pub(crate) fn latest(&self) -> Option<&Version<T>> {
        self.versions.last()
    }

    /// All versions, oldest first.
    pub(crate) fn versions(&self) -> &[Version<T>] {
        &self.versions
    }

    /// A version to change; the newest without an id.
    pub(crate) fn version_mut(&mut self, id: Option<&str>) -> Option<&mut Version<T>> {
        match id {
            None => self.versions.last_mut(),
            Some(id) => self.versions.iter_mut().find(|version| version.id.eq_ignore_ascii_case(id)),
        }
    }

    /// The version with this id; the newest without one.
    pub(crate) fn version(&self, id: Option<&str>) -> Option<&Version<T>> {
        match id {
            None => self.latest(),
            Some(id) => self.versions.iter().find(|version| version.id.eq_ignore_ascii_case(id)),
        }
    }
}

/// All objects of one kind. Names differ in more than case.
#[derive(Debug)]
pub(crate) struct Shelf<T>(Vec<Object<T>>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Shelf<T> {
    /// All objects, deleted ones included, in order of their names.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Object<T>> {
        self.0.iter()
    }

    /// An object, deleted or not.
    pub(crate) fn find(&self, name: &str) -> Option<&Object<T>> {
        self.0.iter().find(|object| object.name.eq_ignore_ascii_case(name))
    }

    /// An object to change, deleted or not.
    pub(crate) fn find_mut(&mut self, name: &str) -> Option<&mut Object<T>> {
        self.0.iter_mut().find(|object| object.name.eq_ignore_ascii_case(name))
    }

    /// Adds a version; the object, too, if it is new. A deleted object's name cannot be used.
    pub(crate) fn add(&mut self, name: &str, version: Version<T>) -> Result<(), VaultError> {
        if let Some(object) = self.find_mut(name) {
            if object.deleted.is_some() {
                return Err(VaultError::conflict(
                    "ObjectIsDeletedButRecoverable",
                    format!(
                        "Object {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the object can only be recovered or purged."
                    ),
                ));
            }
            if object.versions.len() >= MAX_VERSIONS {
                return Err(VaultError::bad_parameter(format!("{name} has {MAX_VERSIONS} versions: delete it first.")));
            }
            object.versions.push(version);
            return Ok(());
        }
        if self.0.len() >= MAX_OBJECTS {
            return Err(VaultError::bad_parameter(format!("There are {MAX_OBJECTS} objects: purge some first.")));
        }
        let at = self.0.partition_point(|object| object.name.to_lowercase() < name.to_lowercase());
        self.0.insert(at, Object { name: name.to_owned(), versions: vec![version], deleted: None });
        Ok(())
    }

    /// Forgets an object for good.
    pub(crate) fn purge(&mut self, name: &str) {
        self.0.retain(|object| !object.name.eq_ignore_ascii_case(name));
    }
}

/// Whether a name may be given: letters, digits and `-`.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=127).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Days that a deleted object can be recovered.
pub(crate) const RETENTION_DAYS: u64 = 90;
/// Bounds, so that a client that never stops does not fill the memory.
const MAX_OBJECTS: usize = 1000;
const MAX_VERSIONS: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    fn version(id: &str) -> Version<()> {
        Version::new(id.to_owned(), Attributes::new(UnixTime(1)), ())
    }

    #[test]
    fn names_differ_in_more_than_case_and_the_last_version_is_the_newest() {
        let mut shelf = Shelf::default();
        shelf.add("b", version("1")).unwrap();
        shelf.add("A", version("2")).unwrap();
        shelf.add("B", version("3")).unwrap();
        let names: Vec<_> = shelf.objects().map(|object| object.name.as_str()).collect();
        assert_eq!(names, ["A", "b"]);
        let object = shelf.find("B").unwrap();
        assert_eq!(object.version(None).unwrap().id, "3");
        assert_eq!(object.version(Some("1")).unwrap().id, "1");
        assert!(object.version(Some("2")).is_none());
    }

    #[test]
    fn a_deleted_name_is_taken_until_it_is_purged() {
        let mut shelf = Shelf::default();
        shelf.add("a", version("1")).unwrap();
        shelf.find_mut("a").unwrap().deleted = Some(UnixTime(2));
        let error = shelf.add("a", version("2")).unwrap_err();
        assert_eq!((error.status.as_u16(), error.inner), (409, Some("ObjectIsDeletedButRecoverable")));
        shelf.purge("A");
        shelf.add("a", version("2")).unwrap();
    }

    #[test]
    fn changes_leave_what_they_do_not_name() {
        let mut attributes = Attributes::new(UnixTime(1));
        attributes.apply(&AttributeChanges { exp: Some(9), ..AttributeChanges::default() }, UnixTime(2));
        attributes.apply(&AttributeChanges { enabled: Some(false), ..AttributeChanges::default() }, UnixTime(3));
        let expected = json!({
            "enabled": false, "exp": 9, "created": 1, "updated": 3,
            "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90,
        });
        assert_eq!(attributes.json(), expected);
    }

    #[test]
    fn names_are_letters_digits_and_hyphens() {
        assert!(is_name("orders-web-1") && is_name(&"a".repeat(127)));
        for bad in ["", "a_b", "a.b", "ä", &"a".repeat(128)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
