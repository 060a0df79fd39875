//! What secrets, certificates and keys have in common: lists, versions, updates, deletion.

use base64::Engine;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sidekey_host::UnixTime;

use super::{
    Contents, Operation, Reply, VaultError,
    object::{AttributeChanges, Object, RETENTION_DAYS, Shelf, Tags, Version},
};

/// Members of a JSON object.
pub(super) type Members = Map<String, Value>;

/// One of the three collections.
pub(super) trait Kind: Sized + 'static {
    /// `secrets`, also the first segment of paths.
    const COLLECTION: &'static str;
    /// `secret`, for messages.
    const NOUN: &'static str;
    /// `SecretNotFound`.
    const NOT_FOUND: &'static str;
    /// The member with the id in lists: `id` or `kid`.
    const ID: &'static str;

    /// Where the objects are.
    fn shelf(contents: &Contents) -> &Shelf<Self>;

    /// The same for changes.
    fn shelf_mut(contents: &mut Contents) -> &mut Shelf<Self>;

    /// The kind's own members in lists.
    fn entry(version: &Version<Self>) -> Result<Members, VaultError>;

    /// All members of one version, values that may not be shown by everyone excepted.
    fn bundle(found: &Found<Self>, base: &str) -> Result<Members, VaultError>;

    /// Deletes or recovers the object, and what belongs to it.
    fn set_deleted(contents: &mut Contents, name: &str, deleted: Option<UnixTime>) {
        if let Some(object) = Self::shelf_mut(contents).find_mut(name) {
            object.deleted = deleted;
        }
    }

    /// Forgets the object, and what belongs to it.
    fn purge(contents: &mut Contents, name: &str) {
        Self::shelf_mut(contents).purge(name);
    }
}

/// A version with its object's name.
#[derive(Debug)]
pub(super) struct Found<T> {
    pub(super) name: String,
    pub(super) version: Version<T>,
    /// Whether the request named the version.
    pub(super) specific: bool,
}

impl<T: Kind> Found<T> {
    /// The id with version.
    pub(super) fn id(&self, base: &str) -> String {
        format!("{base}/{}/{}/{}", T::COLLECTION, self.name, self.version.id)
    }
}

/// The version that the request names; the newest without one.
pub(super) fn find<T: Kind>(operation: &Operation<'_>) -> Result<Found<T>, VaultError> {
    let contents = operation.vault.contents();
    let object = T::shelf(&contents).find(operation.name).filter(|object| object.deleted.is_none());
    let version = object.and_then(|object| object.version(operation.version));
    let (Some(object), Some(version)) = (object, version) else { return Err(not_found::<T>(operation)) };
    let specific = operation.version.is_some();
    Ok(Found { name: object.name.clone(), version: version.clone(), specific })
}

/// `GET …/{name}/{version}`.
pub(super) fn get<T: Kind>(operation: &Operation<'_>) -> Result<Reply, VaultError> {
    T::bundle(&find::<T>(operation)?, operation.base).map(Reply::ok)
}

/// `GET …`: the newest version of each object.
pub(super) fn list<T: Kind>(operation: &Operation<'_>) -> Result<Reply, VaultError> {
    let present = snapshot::<T>(operation, |object| object.deleted.is_none());
    let entries = present.into_iter().map(|(found, _)| entry(&found, operation.base, false));
    page(operation, entries.collect::<Result<_, _>>()?)
}

/// `GET …/{name}/versions`. An object that is not there has none.
pub(super) fn versions<T: Kind>(operation: &Operation<'_>) -> Result<Reply, VaultError> {
    let found: Vec<Found<T>> = {
        let contents = operation.vault.contents();
        let object = T::shelf(&contents).find(operation.name).filter(|object| object.deleted.is_none());
        let of_object = |object: &Object<T>| {
            let found =
                |version: &Version<T>| Found { name: object.name.clone(), version: version.clone(), specific: true };
            object.versions().iter().map(found).collect()
        };
        object.map(of_object).unwrap_or_default()
    };
    let entries = found.iter().map(|found| entry(found, operation.base, true));
    page(operation, entries.collect::<Result<_, _>>()?)
}

/// What may be changed.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Changes {
    #[serde(default)]
    pub(super) attributes: AttributeChanges,
    pub(super) tags: Option<Tags>,
    #[serde(rename = "contentType")]
    pub(super) content_type: Option<String>,
}

/// `PATCH …/{name}/{version}`: attributes, tags and content type.
pub(super) fn update<T: Kind>(operation: &Operation<'_>) -> Result<Reply, VaultError> {
    let changes: Changes = operation.json()?;
    check_tags(changes.tags.as_ref())?;
    check_window(&changes.attributes)?;
    refuse_managed(&find::<T>(operation)?)?;
    change::<T>(operation, &changes);
    T::bundle(&find::<T>(operation)?, operation.base).map(Reply::ok)
}

/// Changes the version that the request names, if it is there.
pub(super) fn change<T: Kind>(operation: &Operation<'_>, changes: &Changes) {
    let mut contents = operation.vault.contents();
    let object = T::shelf_mut(&mut contents).find_mut(operation.name);
    let Some(version) = object.and_then(|object| object.version_mut(operation.version)) else { return };
    version.attributes.apply(&changes.attributes, operation.now);
    if let Some(tags) = &changes.tags {
        version.tags = Some(tags.clone());
    }
    if let Some(content_type) = &changes.content_type {
        version.content_type = Some(content_type.clone());
    }
}

/// `DELETE …/{name}`: recoverable for a while.
pub(super) fn delete<T: Kind>(operation: &Operation<'_>) -> Result<Reply, VaultError> {
    let found = find::<T>(operation)?;
    refuse_managed(&found)?;
    T::set_deleted(&mut operation.vault.contents(), operation.name, Some(operation.now));
    Ok(Reply::ok(with_deletion(T::bundle(&found, operation.base)?, &found, operation.base, operation.now)))
}

/// `GET deleted…`.
pub(super) fn list_deleted<T: Kind>(operation: &Operation<'_>) -> Result<Reply, VaultError> {
    let deleted = snapshot::<T>(operation, |object| object.deleted.is_some());
    let entries = deleted.into_iter().map(|(found, at)| {
        let members = entry(&found, operation.base, false)?;
        Ok(with_deletion(members, &found, operation.base, at.unwrap_or_default()))
    });
    page(operation, entries.collect::<Result<_, VaultError>>()?)
}

/// `GET deleted…/{name}`.
pub(super) fn get_deleted<T: Kind>(operation: &Operation<'_>) -> Result<Reply, VaultError> {
    let (found, at) = find_deleted::<T>(operation)?;
    Ok(Reply::ok(with_deletion(T::bundle(&found, operation.base)?, &found, operation.base, at)))
}

/// `DELETE deleted…/{name}`: for good.
pub(super) fn purge<T: Kind>(operation: &Operation<'_>) -> Result<Reply, VaultError> {
    refuse_managed(&find_deleted::<T>(operation)?.0)?;
    T::purge(&mut operation.vault.contents(), operation.name);
    Ok(Reply { status: 204, body: None })
}

/// `POST deleted…/{name}/recover`.
pub(super) fn recover<T: Kind>(operation: &Operation<'_>) -> Result<Reply, VaultError> {
    let (found, _) = find_deleted::<T>(operation)?;
    refuse_managed(&found)?;
    T::set_deleted(&mut operation.vault.contents(), operation.name, None);
    T::bundle(&found, operation.base).map(Reply::ok)
}

/// Tags are few and short.
pub(super) fn check_tags(tags: Option<&Tags>) -> Result<(), VaultError> {
    let Some(tags) = tags else { return Ok(()) };
    let too_long = |(name, value): (&String, &String)| name.chars().count() > 512 || value.chars().count() > 256;
    if tags.len() > MAX_TAGS || tags.iter().any(too_long) {
        let message = format!("Tags are at most {MAX_TAGS}, their names at most 512 and their values 256 characters.");
        return Err(VaultError::bad_parameter(message));
    }
    Ok(())
}

/// The end of a time window lies behind its start.
pub(super) fn check_window(attributes: &AttributeChanges) -> Result<(), VaultError> {
    match (attributes.nbf, attributes.exp) {
        (Some(from), Some(until)) if from >= until => {
            Err(VaultError::bad_parameter("The attribute 'exp' must be later than 'nbf'."))
        }
        _ => Ok(()),
    }
}

/// What belongs to a certificate changes with it alone.
pub(super) fn refuse_managed<T: Kind>(found: &Found<T>) -> Result<(), VaultError> {
    if !found.version.managed {
        return Ok(());
    }
    let message = format!(
        "Operation is not allowed on the managed {} {}: change the certificate with the same name.",
        T::NOUN,
        found.name
    );
    Err(VaultError::forbidden(None, message))
}

fn not_found<T: Kind>(operation: &Operation<'_>) -> VaultError {
    let version = operation.version.map(|version| format!("/{version}")).unwrap_or_default();
    let message = format!(
        "A {} with (name/id) {}{version} was not found in this key vault. If you recently deleted this {} you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182",
        T::NOUN,
        operation.name,
        T::NOUN,
    );
    VaultError::not_found(T::NOT_FOUND, message)
}

/// The newest versions of some objects, each with the time of its deletion.
fn snapshot<T: Kind>(
    operation: &Operation<'_>,
    wanted: impl Fn(&Object<T>) -> bool,
) -> Vec<(Found<T>, Option<UnixTime>)> {
    let contents = operation.vault.contents();
    let found = |object: &Object<T>| {
        let version = object.latest()?.clone();
        Some((Found { name: object.name.clone(), version, specific: false }, object.deleted))
    };
    T::shelf(&contents).objects().filter(|object| wanted(object)).filter_map(found).collect()
}

fn find_deleted<T: Kind>(operation: &Operation<'_>) -> Result<(Found<T>, UnixTime), VaultError> {
    let is_meant = |object: &Object<T>| object.deleted.is_some() && object.name.eq_ignore_ascii_case(operation.name);
    let found = snapshot::<T>(operation, is_meant).pop().and_then(|(found, at)| Some((found, at?)));
    found.ok_or_else(|| not_found::<T>(operation))
}

/// An item of a list.
fn entry<T: Kind>(found: &Found<T>, base: &str, with_version: bool) -> Result<Members, VaultError> {
    let mut members = T::entry(&found.version)?;
    let id = if with_version { found.id(base) } else { format!("{base}/{}/{}", T::COLLECTION, found.name) };
    members.insert(T::ID.to_owned(), json!(id));
    members.extend(common(&found.version));
    Ok(members)
}

/// Attributes and tags, and the mark of what belongs to a certificate.
pub(super) fn common<T>(version: &Version<T>) -> Members {
    let mut members = Members::new();
    members.insert("attributes".to_owned(), version.attributes.json());
    if let Some(tags) = &version.tags {
        members.insert("tags".to_owned(), json!(tags));
    }
    if version.managed {
        members.insert("managed".to_owned(), json!(true));
    }
    members
}

/// Where a deleted object can be recovered, and how long.
fn with_deletion<T: Kind>(mut members: Members, found: &Found<T>, base: &str, deleted: UnixTime) -> Members {
    let recovery = format!("{base}/deleted{}/{}", T::COLLECTION, found.name);
    members.insert("recoveryId".to_owned(), json!(recovery));
    members.insert("deletedDate".to_owned(), json!(deleted.0));
    members.insert("scheduledPurgeDate".to_owned(), json!(deleted.0 + RETENTION_DAYS * 86_400));
    members
}

/// One page of a list, and where the next one is.
fn page(operation: &Operation<'_>, entries: Vec<Members>) -> Result<Reply, VaultError> {
    let size = match operation.parameter("maxresults") {
        None => MAX_RESULTS,
        Some(text) => {
            let size = text.parse().ok().filter(|size| (1..=MAX_RESULTS).contains(size));
            size.ok_or_else(|| VaultError::bad_parameter(format!("'maxresults' must be 1 to {MAX_RESULTS}.")))?
        }
    };
    let start = operation.parameter("$skiptoken").map_or(Some(0), skipped);
    let start = start.ok_or_else(|| VaultError::bad_parameter("'$skiptoken' is not one of this vault."))?;
    let next = start.saturating_add(size);
    let link = (next < entries.len()).then(|| next_link(operation, next, size));
    let value: Vec<Members> = entries.into_iter().skip(start).take(size).collect();
    Ok(Reply::ok(json!({ "value": value, "nextLink": link })))
}

fn next_link(operation: &Operation<'_>, next: usize, size: usize) -> String {
    let version = operation.parameter("api-version").unwrap_or_default();
    let token = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(next.to_string());
    format!("{}/{}?api-version={version}&$skiptoken={token}&maxresults={size}", operation.base, operation.path)
}

fn skipped(token: &str) -> Option<usize> {
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token).ok()?;
    std::str::from_utf8(&bytes).ok()?.parse().ok()
}

/// A vault's largest page.
const MAX_RESULTS: usize = 25;
const MAX_TAGS: usize = 15;
