//! `/secrets`: texts, and certificates with their keys as texts.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use sidekey_oauth::Secret;

use super::{
    AttributeChanges, Contents, Form, Operation, Pending, Reply, VaultError,
    collection::{self, Found, Kind, Members},
    object::{Attributes, Shelf, Tags, Version, new_id},
};

/// The value of a secret.
#[derive(Debug)]
pub(crate) enum StoredSecret {
    /// A text.
    Text(Secret),
    /// A certificate, with its private key if that may leave.
    Certificate { pending: Arc<Pending>, form: Form, exportable: bool },
}

impl Kind for StoredSecret {
    const COLLECTION: &'static str = "secrets";
    const NOUN: &'static str = "secret";
    const NOT_FOUND: &'static str = "SecretNotFound";
    const ID: &'static str = "id";

    fn shelf(contents: &Contents) -> &Shelf<Self> {
        &contents.secrets
    }

    fn shelf_mut(contents: &mut Contents) -> &mut Shelf<Self> {
        &mut contents.secrets
    }

    fn entry(version: &Version<Self>) -> Result<Members, VaultError> {
        let mut members = Members::new();
        if let Some(content_type) = &version.content_type {
            members.insert("contentType".to_owned(), json!(content_type));
        }
        Ok(members)
    }

    fn bundle(found: &Found<Self>, base: &str) -> Result<Members, VaultError> {
        let mut members = Self::entry(&found.version)?;
        members.insert("id".to_owned(), json!(found.id(base)));
        if found.version.managed {
            let kid = format!("{base}/keys/{}/{}", found.name, found.version.id);
            members.insert("kid".to_owned(), json!(kid));
        }
        members.extend(collection::common(&found.version));
        Ok(members)
    }
}

/// `GET /secrets/{name}/{version}`. The time window is told but does not hinder, as in Azure: an expired secret can still be read.
pub(super) fn get(operation: &Operation<'_>) -> Result<Reply, VaultError> {
    let found = collection::find::<StoredSecret>(operation)?;
    if !found.version.attributes.enabled {
        let message = "Operation get is not allowed on a disabled secret.";
        return Err(VaultError::forbidden(Some("SecretDisabled"), message));
    }
    let mut members = StoredSecret::bundle(&found, operation.base)?;
    let value = match &*found.version.value {
        StoredSecret::Text(text) => text.clone(),
        StoredSecret::Certificate { pending, form, exportable } => {
            let form = wanted_form(operation, *form)?;
            members.insert("contentType".to_owned(), json!(form.content_type()));
            let material = pending.get().map_err(VaultError::internal)?;
            form.write(&material, *exportable).map_err(VaultError::internal)?
        }
    };
    members.insert("value".to_owned(), json!(value.expose()));
    Ok(Reply::ok(members))
}

/// `PUT /secrets/{name}`: a new version.
pub(super) fn set(operation: &Operation<'_>) -> Result<Reply, VaultError> {
    let body: SetBody = operation.json()?;
    let value = body.value.filter(|value| value.expose().len() <= MAX_VALUE);
    let value = value.ok_or_else(|| {
        VaultError::bad_parameter(format!("'value' must be there and have at most {MAX_VALUE} bytes."))
    })?;
    collection::check_tags(body.tags.as_ref())?;
    let changes = body.attributes.unwrap_or_default();
    collection::check_window(&changes)?;
    if let Ok(present) = collection::find::<StoredSecret>(&Operation { version: None, ..*operation }) {
        collection::refuse_managed(&present)?;
    }
    let mut attributes = Attributes::new(operation.now);
    attributes.apply(&changes, operation.now);
    let version = Version::new(new_id(), attributes, StoredSecret::Text(value.clone()));
    let version = Version { tags: body.tags, content_type: body.content_type, ..version };
    operation.vault.contents().secrets.add(operation.name, version)?;
    let found = collection::find::<StoredSecret>(operation)?;
    let mut members = StoredSecret::bundle(&found, operation.base)?;
    members.insert("value".to_owned(), json!(value.expose()));
    Ok(Reply::ok(members))
}

#[derive(Deserialize)]
struct SetBody {
    value: Option<Secret>,
    tags: Option<Tags>,
    #[serde(rename = "contentType")]
    content_type: Option<String>,
    attributes: Option<AttributeChanges>,
}

/// The form that the request asks for, else the certificate's own.
fn wanted_form(operation: &Operation<'_>, own: Form) -> Result<Form, VaultError> {
    let wanted = operation.parameter("outContentType").map(Form::find).transpose();
    wanted.map(|form| form.unwrap_or(own)).map_err(VaultError::bad_parameter)
}

/// 25 KiB.
const MAX_VALUE: usize = 25 * 1024;
