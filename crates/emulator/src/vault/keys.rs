//! `/keys`: keys that sign and verify digests; their private halves never leave.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use sidekey_host::UnixTime;
use sidekey_jose::{Algorithm, base64url};

use super::{
    AttributeChanges, Contents, KeyKind, Operation, Pending, Recipe, Reply, VaultError,
    collection::{self, Found, Kind, Members},
    key::SignError,
    material::Material,
    object::{Attributes, Shelf, Tags, Version, new_id},
};

/// A key and what it may do.
#[derive(Debug)]
pub(crate) struct StoredKey {
    pub(crate) pending: Arc<Pending>,
    /// `key_ops`.
    pub(crate) operations: Vec<String>,
}

impl Kind for StoredKey {
    const COLLECTION: &'static str = "keys";
    const NOUN: &'static str = "key";
    const NOT_FOUND: &'static str = "KeyNotFound";
    const ID: &'static str = "kid";

    fn shelf(contents: &Contents) -> &Shelf<Self> {
        &contents.keys
    }

    fn shelf_mut(contents: &mut Contents) -> &mut Shelf<Self> {
        &mut contents.keys
    }

    fn entry(_: &Version<Self>) -> Result<Members, VaultError> {
        Ok(Members::new())
    }

    fn bundle(found: &Found<Self>, base: &str) -> Result<Members, VaultError> {
        let stored = &found.version.value;
        let material = stored.pending.get().map_err(VaultError::internal)?;
        let mut key = json!(material.key.public_jwk());
        if let Value::Object(members) = &mut key {
            members.insert("kid".to_owned(), json!(found.id(base)));
            members.insert("key_ops".to_owned(), json!(stored.operations));
        }
        let mut members = collection::common(&found.version);
        members.insert("key".to_owned(), key);
        Ok(members)
    }
}

/// `POST /keys/{name}/create`: a new version.
pub(super) fn create(operation: &Operation<'_>) -> Result<Reply, VaultError> {
    let body: CreateBody = operation.json()?;
    let kind = KeyKind::parse(body.kty.as_deref(), body.key_size, body.crv.as_deref());
    let kind = kind.map_err(VaultError::bad_parameter)?;
    collection::check_tags(body.tags.as_ref())?;
    let changes = body.attributes.unwrap_or_default();
    collection::check_window(&changes)?;
    if let Ok(present) = collection::find::<StoredKey>(operation) {
        collection::refuse_managed(&present)?;
    }
    let operations = match body.key_ops {
        Some(operations) if !operations.is_empty() => {
            check_operations(operations).map_err(VaultError::bad_parameter)?
        }
        _ => default_operations(),
    };
    let pending = Pending::later(Recipe { kind, certificate: None });
    pending.get().map_err(VaultError::internal)?;
    let mut attributes = Attributes::new(operation.now);
    attributes.apply(&changes, operation.now);
    let version = Version::new(new_id(), attributes, StoredKey { pending: Arc::new(pending), operations });
    operation.vault.contents().keys.add(operation.name, Version { tags: body.tags, ..version })?;
    collection::get::<StoredKey>(operation)
}

/// `POST /keys/{name}/{version}/sign`: of a digest that the caller made.
pub(super) fn sign(operation: &Operation<'_>) -> Result<Reply, VaultError> {
    let body: SignBody = operation.json()?;
    let (found, material) = usable(operation, "sign")?;
    let digest = decode("value", body.value.as_deref())?;
    let signature = material.key.sign(algorithm(&body.alg)?, &digest).map_err(|error| refusal(&error, &body.alg))?;
    Ok(Reply::ok(json!({ "kid": found.id(operation.base), "value": base64url::encode(signature) })))
}

/// `POST /keys/{name}/{version}/verify`.
pub(super) fn verify(operation: &Operation<'_>) -> Result<Reply, VaultError> {
    let body: SignBody = operation.json()?;
    let (_, material) = usable(operation, "verify")?;
    let digest = decode("digest", body.digest.as_deref())?;
    let signature = decode("value", body.value.as_deref())?;
    let algorithm = algorithm(&body.alg)?;
    let good = material.key.verify(algorithm, &digest, &signature).map_err(|error| refusal(&error, &body.alg))?;
    Ok(Reply::ok(json!({ "value": good })))
}

/// `key_ops` that a key may have.
pub(crate) fn check_operations(operations: Vec<String>) -> Result<Vec<String>, String> {
    match operations.iter().find(|operation| !OPERATIONS.contains(&operation.as_str())) {
        None => Ok(operations),
        Some(unknown) => Err(format!("the key operation `{unknown}` is not known: write some of {OPERATIONS:?}")),
    }
}

/// What a key may do if nothing is said.
pub(crate) fn default_operations() -> Vec<String> {
    OPERATIONS.iter().take(DEFAULT_OPERATIONS).map(ToString::to_string).collect()
}

#[derive(Deserialize)]
struct CreateBody {
    kty: Option<String>,
    key_size: Option<u32>,
    crv: Option<String>,
    key_ops: Option<Vec<String>>,
    tags: Option<Tags>,
    attributes: Option<AttributeChanges>,
}

#[derive(Deserialize)]
struct SignBody {
    #[serde(default)]
    alg: String,
    digest: Option<String>,
    value: Option<String>,
}

/// The key, if it may be used for the operation now. Out of its time window it still verifies, so that old signatures can be checked.
fn usable(operation: &Operation<'_>, what: &str) -> Result<(Found<StoredKey>, Arc<Material>), VaultError> {
    let found = collection::find::<StoredKey>(operation)?;
    let attributes = &found.version.attributes;
    let refuse = |inner, state: &str| {
        Err(VaultError::forbidden(Some(inner), format!("Operation {what} is not allowed on {state} key.")))
    };
    if !attributes.enabled {
        return refuse("KeyDisabled", "a disabled");
    }
    if !found.version.value.operations.iter().any(|own| own == what) {
        let message = format!("Operation {what} is not permitted on this key.");
        return Err(VaultError::forbidden(Some("KeyOperationForbidden"), message));
    }
    match window(attributes, operation.now) {
        Some("KeyNotYetValid") if what == "sign" => return refuse("KeyNotYetValid", "a not yet valid"),
        Some(inner) if what == "sign" => return refuse(inner, "an expired"),
        _ => {}
    }
    let material = found.version.value.pending.get().map_err(VaultError::internal)?;
    Ok((found, material))
}

/// Why a key is out of its time window, if it is.
fn window(attributes: &Attributes, now: UnixTime) -> Option<&'static str> {
    if attributes.not_before.is_some_and(|from| now < from) {
        Some("KeyNotYetValid")
    } else if attributes.expires.is_some_and(|until| now >= until) {
        Some("KeyExpired")
    } else {
        None
    }
}

fn algorithm(name: &str) -> Result<Algorithm, VaultError> {
    name.parse().map_err(|_| {
        VaultError::bad_parameter(format!(
            "The algorithm '{name}' is not supported: use RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or ES512."
        ))
    })
}

fn decode(member: &str, text: Option<&str>) -> Result<Vec<u8>, VaultError> {
    let bytes = text.and_then(|text| base64url::decode(text.trim_end_matches('=')).ok());
    bytes.ok_or_else(|| VaultError::bad_parameter(format!("'{member}' must be there, in base64url.")))
}

fn refusal(error: &SignError, algorithm: &str) -> VaultError {
    match error {
        SignError::Algorithm => VaultError::bad_parameter(format!(
            "Key and signing algorithm are incompatible: this key cannot {algorithm}."
        )),
        SignError::Digest => {
            VaultError::bad_parameter(format!("The digest does not have the length that {algorithm} signs."))
        }
        SignError::Failed => VaultError::internal("The key could not sign."),
    }
}

/// The usual ones first.
const OPERATIONS: [&str; 8] = ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey", "import", "export"];
const DEFAULT_OPERATIONS: usize = 6;
