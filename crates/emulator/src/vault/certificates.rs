//! `/certificates`: each version is a certificate, a key and a secret with the same name and id.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};
use sidekey_host::UnixTime;
use sidekey_jose::thumbprint_sha1;
use sidekey_oauth::Secret;

use super::{
    AttributeChanges, Contents, Form, Material, Operation, Pending, Policy, Reply, Vault, VaultError, bundle,
    collection::{self, Changes, Found, Kind, Members},
    keys::{StoredKey, default_operations},
    material::distinguished_name,
    object::{Attributes, Shelf, Tags, Version, new_id},
    policy::PolicyBody,
    secrets::StoredSecret,
};
use crate::directory::certificate_validity;

/// A certificate and how the next one is made.
#[derive(Debug)]
pub(crate) struct StoredCertificate {
    pub(crate) pending: Arc<Pending>,
    policy: Policy,
}

/// A version to be added.
#[derive(Debug)]
pub(super) struct NewCertificate {
    /// One is made up if absent.
    pub(super) id: Option<String>,
    pub(super) attributes: AttributeChanges,
    pub(super) tags: Option<Tags>,
    /// Made by the policy on first need if absent.
    pub(super) given: Option<Material>,
    pub(super) policy: Policy,
}

impl Kind for StoredCertificate {
    const COLLECTION: &'static str = "certificates";
    const NOUN: &'static str = "certificate";
    const NOT_FOUND: &'static str = "CertificateNotFound";
    const ID: &'static str = "id";

    fn shelf(contents: &Contents) -> &Shelf<Self> {
        &contents.certificates
    }

    fn shelf_mut(contents: &mut Contents) -> &mut Shelf<Self> {
        &mut contents.certificates
    }

    fn entry(version: &Version<Self>) -> Result<Members, VaultError> {
        let mut members = Members::new();
        members.insert("x5t".to_owned(), json!(thumbprint_sha1(&certificate(version)?)));
        members.insert("subject".to_owned(), json!(version.value.policy.subject));
        Ok(members)
    }

    /// A request for one version is answered without the policy, which is the whole certificate's.
    fn bundle(found: &Found<Self>, base: &str) -> Result<Members, VaultError> {
        let der = certificate(&found.version)?;
        let (name, version) = (&found.name, &found.version);
        let mut members = collection::common(version);
        let mut put = |member: &str, value: Value| members.insert(member.to_owned(), value);
        put("id", json!(found.id(base)));
        put("kid", json!(format!("{base}/keys/{name}/{}", version.id)));
        put("sid", json!(format!("{base}/secrets/{name}/{}", version.id)));
        put("x5t", json!(thumbprint_sha1(&der)));
        put("cer", json!(STANDARD.encode(&der)));
        put("contentType", json!(version.value.policy.form.content_type()));
        if !found.specific {
            put("policy", policy_json(found, base));
            put("pending", json!({ "id": format!("{base}/certificates/{name}/pending") }));
        }
        Ok(members)
    }

    fn set_deleted(contents: &mut Contents, name: &str, deleted: Option<UnixTime>) {
        if let Some(object) = contents.certificates.find_mut(name) {
            object.deleted = deleted;
        }
        StoredSecret::set_deleted(contents, name, deleted);
        StoredKey::set_deleted(contents, name, deleted);
    }

    fn purge(contents: &mut Contents, name: &str) {
        contents.certificates.purge(name);
        contents.secrets.purge(name);
        contents.keys.purge(name);
    }
}

/// Adds a version: the certificate, its key and its secret.
pub(super) fn add(
    contents: &mut Contents,
    name: &str,
    new: NewCertificate,
    now: UnixTime,
) -> Result<String, VaultError> {
    refuse_taken(contents, name)?;
    let NewCertificate { id, attributes: changes, tags, given, policy } = new;
    let (pending, from, until) = material(given, &policy, now)?;
    let mut attributes = Attributes { not_before: Some(from), expires: Some(until), ..Attributes::new(now) };
    attributes.enabled = changes.enabled.unwrap_or(true);
    let id = id.unwrap_or_else(new_id);
    let (form, exportable) = (policy.form, policy.exportable);
    let certificate = StoredCertificate { pending: Arc::clone(&pending), policy };
    let certificate = Version::new(id.clone(), attributes.clone(), certificate);
    contents.certificates.add(name, Version { tags: tags.clone(), ..certificate })?;
    let secret = StoredSecret::Certificate { pending: Arc::clone(&pending), form, exportable };
    let secret = Version::new(id.clone(), attributes.clone(), secret);
    let content_type = Some(form.content_type().to_owned());
    contents.secrets.add(name, Version { tags: tags.clone(), content_type, managed: true, ..secret })?;
    let key = StoredKey { pending, operations: default_operations() };
    let key = Version::new(id.clone(), attributes, key);
    contents.keys.add(name, Version { tags, managed: true, ..key })?;
    Ok(id)
}

/// `POST /certificates/{name}/create`: done at once, though it says that it is in progress, as in Azure. Clients then ask `pending`; one
/// that is told of a completed creation here may not look for the certificate at all.
pub(super) fn create(operation: &Operation<'_>) -> Result<Reply, VaultError> {
    let body: CreateBody = operation.json()?;
    collection::check_tags(body.tags.as_ref())?;
    let policy = Policy::from_body(&body.policy).map_err(VaultError::bad_parameter)?;
    let attributes = body.attributes.unwrap_or_default();
    let new = NewCertificate { id: None, attributes, tags: body.tags, given: None, policy };
    add(&mut operation.vault.contents(), operation.name, new, operation.now)?;
    collection::find::<StoredCertificate>(operation)?.version.value.pending.get().map_err(VaultError::internal)?;
    Ok(Reply { status: 202, ..progress(operation, "inProgress")? })
}

/// `POST /certificates/{name}/import`: a PFX in base64, or PEM.
pub(super) fn import(operation: &Operation<'_>) -> Result<Reply, VaultError> {
    let body: ImportBody = operation.json()?;
    collection::check_tags(body.tags.as_ref())?;
    let password = body.pwd.as_ref().map(Secret::expose).unwrap_or_default();
    let text = body.value.as_ref().map(Secret::expose).unwrap_or_default();
    let refused = |why: String| VaultError::bad_parameter(format!("The certificate's 'value' {why}."));
    let (material, form) = bundle::read_text(text, password).map_err(refused)?;
    let policy = imported_policy(&material, form).with(&body.policy.unwrap_or_default());
    let policy = Policy { kind: material.key.kind, ..policy.map_err(VaultError::bad_parameter)? };
    let attributes = body.attributes.unwrap_or_default();
    let new = NewCertificate { id: None, attributes, tags: body.tags, given: Some(material), policy };
    add(&mut operation.vault.contents(), operation.name, new, operation.now)?;
    collection::get::<StoredCertificate>(operation)
}

/// `GET /certificates/{name}/pending`: the last creation, which is completed.
pub(super) fn pending(operation: &Operation<'_>) -> Result<Reply, VaultError> {
    progress(operation, "completed")
}

/// `GET /certificates/{name}/policy`.
pub(super) fn policy(operation: &Operation<'_>) -> Result<Reply, VaultError> {
    let found = collection::find::<StoredCertificate>(operation)?;
    Ok(Reply::ok(policy_json(&found, operation.base)))
}

/// `PATCH /certificates/{name}/policy`: for the versions to come.
pub(super) fn update_policy(operation: &Operation<'_>) -> Result<Reply, VaultError> {
    let body: PolicyBody = operation.json()?;
    let found = collection::find::<StoredCertificate>(operation)?;
    let changed = found.version.value.policy.clone().with(&body).map_err(VaultError::bad_parameter)?;
    if let Some(version) =
        operation.vault.contents().certificates.find_mut(operation.name).and_then(|object| object.version_mut(None))
    {
        let pending = Arc::clone(&version.value.pending);
        version.value = Arc::new(StoredCertificate { pending, policy: changed });
    }
    policy(operation)
}

/// `PATCH /certificates/{name}/{version}`: whether it is enabled, and tags. Key and secret follow.
pub(super) fn update(operation: &Operation<'_>) -> Result<Reply, VaultError> {
    let changes: Changes = operation.json()?;
    collection::check_tags(changes.tags.as_ref())?;
    let found = collection::find::<StoredCertificate>(operation)?;
    let attributes = AttributeChanges { enabled: changes.attributes.enabled, ..AttributeChanges::default() };
    let changes = Changes { attributes, tags: changes.tags, content_type: None };
    let of_version = Operation { version: Some(&found.version.id), ..*operation };
    collection::change::<StoredCertificate>(&of_version, &changes);
    collection::change::<StoredSecret>(&of_version, &changes);
    collection::change::<StoredKey>(&of_version, &changes);
    collection::get::<StoredCertificate>(operation)
}

/// A new version by the policy of the newest; its id and the time at which it ends.
pub(super) fn rotate(vault: &Vault, name: &str, now: UnixTime) -> Result<(String, UnixTime), VaultError> {
    let mut contents = vault.contents();
    let latest = contents.certificates.find(name).and_then(|object| object.latest());
    let policy = latest.map(|version| version.value.policy.clone());
    let policy = policy.ok_or_else(|| VaultError::not_found("CertificateNotFound", "there is no such certificate"))?;
    distinguished_name(&policy.subject).map_err(VaultError::bad_parameter)?;
    let new = NewCertificate { id: None, attributes: AttributeChanges::default(), tags: None, given: None, policy };
    let id = add(&mut contents, name, new, now)?;
    let version = contents.certificates.find(name).and_then(|object| object.latest()).cloned();
    drop(contents);
    let version = version.ok_or_else(|| VaultError::internal("the new version is gone"))?;
    version.value.pending.get().map_err(VaultError::internal)?;
    Ok((id, version.attributes.expires.unwrap_or_default()))
}

/// The policy that describes what was brought along.
pub(crate) fn imported_policy(material: &Material, form: Form) -> Policy {
    let subject = material.certificate().and_then(subject).unwrap_or_default();
    Policy { kind: material.key.kind, form, issuer: "Unknown", ..Policy::of_subject(subject) }
}

#[derive(Deserialize)]
struct CreateBody {
    #[serde(default)]
    policy: PolicyBody,
    tags: Option<Tags>,
    attributes: Option<AttributeChanges>,
}

#[derive(Deserialize)]
struct ImportBody {
    value: Option<Secret>,
    pwd: Option<Secret>,
    policy: Option<PolicyBody>,
    tags: Option<Tags>,
    attributes: Option<AttributeChanges>,
}

/// The last creation.
fn progress(operation: &Operation<'_>, status: &str) -> Result<Reply, VaultError> {
    let found = collection::find::<StoredCertificate>(operation)?;
    let target = format!("{}/certificates/{}", operation.base, found.name);
    Ok(Reply::ok(json!({
        "id": format!("{target}/pending"), "issuer": { "name": found.version.value.policy.issuer },
        "cancellation_requested": false, "status": status, "target": target, "request_id": found.version.id,
    })))
}

/// What was given or will be made, and from when to when it is valid.
fn material(
    given: Option<Material>,
    policy: &Policy,
    now: UnixTime,
) -> Result<(Arc<Pending>, UnixTime, UnixTime), VaultError> {
    let Some(material) = given else {
        let (recipe, from, until) = policy.recipe(now);
        return Ok((Arc::new(Pending::later(recipe)), from, until));
    };
    let validity = material.certificate().and_then(certificate_validity);
    let (from, until) = validity.ok_or_else(|| VaultError::bad_parameter("The certificate cannot be read."))?;
    Ok((Arc::new(Pending::ready(material)), from, until))
}

/// A certificate's name is also that of its key and secret, so it must not be another's.
fn refuse_taken(contents: &Contents, name: &str) -> Result<(), VaultError> {
    let own = |managed: Option<bool>| managed.is_some_and(|managed| !managed);
    let secret = contents.secrets.find(name).and_then(|object| object.latest()).map(|version| version.managed);
    let key = contents.keys.find(name).and_then(|object| object.latest()).map(|version| version.managed);
    if own(secret) || own(key) {
        let message = format!("The name {name} is taken by a secret or key that belongs to no certificate.");
        return Err(VaultError::conflict("ObjectIsNotManaged", message));
    }
    Ok(())
}

fn certificate(version: &Version<StoredCertificate>) -> Result<Vec<u8>, VaultError> {
    let material = version.value.pending.get().map_err(VaultError::internal)?;
    material.certificate().map(<[u8]>::to_vec).ok_or_else(|| VaultError::internal("there is no certificate"))
}

fn policy_json(found: &Found<StoredCertificate>, base: &str) -> Value {
    let id = format!("{base}/certificates/{}/policy", found.name);
    found.version.value.policy.json(&id, found.version.attributes.created)
}

fn subject(der: &[u8]) -> Option<String> {
    use x509_parser::prelude::{FromDer, X509Certificate};
    Some(X509Certificate::from_der(der).ok()?.1.subject().to_string())
}
