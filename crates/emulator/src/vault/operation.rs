//! Which operation a request is, and what every operation has.

use serde::de::DeserializeOwned;
use serde_json::Value;
use sidekey_host::UnixTime;

use super::{
    Vault, VaultError,
    certificates::{self, StoredCertificate},
    collection,
    keys::{self, StoredKey},
    object::is_name,
    secrets::{self, StoredSecret},
};

/// A request, authenticated and authorised.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation<'a> {
    pub(crate) vault: &'a Vault,
    /// The vault's address as it was asked, without a slash at its end: ids start with it.
    pub(crate) base: &'a str,
    /// The path below it, without a slash at either end.
    pub(crate) path: &'a str,
    /// The object; empty for a whole collection.
    pub(crate) name: &'a str,
    pub(crate) version: Option<&'a str>,
    pub(crate) query: &'a [(String, String)],
    pub(crate) body: &'a [u8],
    pub(crate) now: UnixTime,
}

impl Operation<'_> {
    /// A query parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; an empty one is an empty object.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, VaultError> {
        let body = if self.body.trim_ascii().is_empty() { b"{}" } else { self.body };
        serde_json::from_slice(body)
            .map_err(|error| VaultError::bad_parameter(format!("The request body cannot be read as JSON: {error}")))
    }
}

/// What comes of an operation.
#[derive(Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Absent with 204.
    pub(crate) body: Option<Value>,
}

impl Reply {
    /// 200.
    pub(crate) fn ok(body: impl Into<Value>) -> Self {
        Self { status: 200, body: Some(body.into()) }
    }
}

/// One kind of request.
#[derive(Debug)]
pub(crate) struct Route {
    method: &'static str,
    path: &'static str,
    /// The data action that the caller needs.
    pub(crate) action: &'static str,
    pub(crate) run: fn(&Operation<'_>) -> Result<Reply, VaultError>,
}

/// What a path names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Address {
    /// Empty for a whole collection.
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    /// Such as `secrets/orders-database`: what a role assignment may be limited to.
    pub(crate) object: Option<String>,
}

/// The operation of a method and a path's segments (decoded, no empty ones).
pub(crate) fn find_route(method: &str, segments: &[String]) -> Result<(&'static Route, Address), VaultError> {
    let mut fitting = ROUTES.iter().filter_map(|route| Some((route, route.address(segments)?))).peekable();
    if fitting.peek().is_none() {
        return Err(VaultError::not_found("NotFound", format!("There is no operation at '/{}'.", segments.join("/"))));
    }
    let (route, address) = fitting
        .find(|(route, _)| route.method == method)
        .ok_or_else(|| VaultError::method(format!("The method {method} is not allowed here.")))?;
    if !(address.name.is_empty() || is_name(&address.name)) {
        return Err(VaultError::bad_parameter(format!("The request URI contains an invalid name: {}", address.name)));
    }
    Ok((route, address))
}

impl Route {
    const fn new(
        method: &'static str,
        path: &'static str,
        action: &'static str,
        run: fn(&Operation<'_>) -> Result<Reply, VaultError>,
    ) -> Self {
        Self { method, path, action, run }
    }

    fn address(&self, segments: &[String]) -> Option<Address> {
        let mut own = self.path.split('/');
        let mut address = Address::default();
        for segment in segments {
            match own.next()? {
                "{name}" => address.name.clone_from(segment),
                "{version}" => address.version = Some(segment.clone()),
                fixed if fixed.eq_ignore_ascii_case(segment) => {}
                _ => return None,
            }
        }
        if own.next().is_some() {
            return None;
        }
        let collection = segments.first()?.to_ascii_lowercase();
        let collection = collection.strip_prefix("deleted").unwrap_or(&collection);
        address.object = (!address.name.is_empty()).then(|| format!("{collection}/{}", address.name));
        Some(address)
    }
}

const READ_SECRET: &str = "secrets/readMetadata/action";

/// Fixed segments go before `{version}`.
const ROUTES: &[Route] = &[
    Route::new("GET", "secrets", READ_SECRET, collection::list::<StoredSecret>),
    Route::new("GET", "secrets/{name}", "secrets/getSecret/action", secrets::get),
    Route::new("PUT", "secrets/{name}", "secrets/setSecret/action", secrets::set),
    Route::new("PATCH", "secrets/{name}", "secrets/update/action", collection::update::<StoredSecret>),
    Route::new("DELETE", "secrets/{name}", "secrets/delete", collection::delete::<StoredSecret>),
    Route::new("GET", "secrets/{name}/versions", READ_SECRET, collection::versions::<StoredSecret>),
    Route::new("GET", "secrets/{name}/{version}", "secrets/getSecret/action", secrets::get),
    Route::new("PATCH", "secrets/{name}/{version}", "secrets/update/action", collection::update::<StoredSecret>),
    Route::new("GET", "deletedsecrets", READ_SECRET, collection::list_deleted::<StoredSecret>),
    Route::new("GET", "deletedsecrets/{name}", READ_SECRET, collection::get_deleted::<StoredSecret>),
    Route::new("DELETE", "deletedsecrets/{name}", "secrets/purge/action", collection::purge::<StoredSecret>),
    Route::new("POST", "deletedsecrets/{name}/recover", "secrets/recover/action", collection::recover::<StoredSecret>),
    Route::new("GET", "certificates", "certificates/read", collection::list::<StoredCertificate>),
    Route::new("GET", "certificates/{name}", "certificates/read", collection::get::<StoredCertificate>),
    Route::new("PATCH", "certificates/{name}", "certificates/update/action", certificates::update),
    Route::new("DELETE", "certificates/{name}", "certificates/delete", collection::delete::<StoredCertificate>),
    Route::new("POST", "certificates/{name}/create", "certificates/create/action", certificates::create),
    Route::new("POST", "certificates/{name}/import", "certificates/import/action", certificates::import),
    Route::new("GET", "certificates/{name}/pending", "certificates/read", certificates::pending),
    Route::new("GET", "certificates/{name}/policy", "certificates/read", certificates::policy),
    Route::new("PATCH", "certificates/{name}/policy", "certificates/update/action", certificates::update_policy),
    Route::new("GET", "certificates/{name}/versions", "certificates/read", collection::versions::<StoredCertificate>),
    Route::new("GET", "certificates/{name}/{version}", "certificates/read", collection::get::<StoredCertificate>),
    Route::new("PATCH", "certificates/{name}/{version}", "certificates/update/action", certificates::update),
    Route::new("GET", "deletedcertificates", "certificates/read", collection::list_deleted::<StoredCertificate>),
    Route::new("GET", "deletedcertificates/{name}", "certificates/read", collection::get_deleted::<StoredCertificate>),
    Route::new(
        "DELETE",
        "deletedcertificates/{name}",
        "certificates/purge/action",
        collection::purge::<StoredCertificate>,
    ),
    Route::new(
        "POST",
        "deletedcertificates/{name}/recover",
        "certificates/recover/action",
        collection::recover::<StoredCertificate>,
    ),
    Route::new("GET", "keys", "keys/read", collection::list::<StoredKey>),
    Route::new("GET", "keys/{name}", "keys/read", collection::get::<StoredKey>),
    Route::new("PATCH", "keys/{name}", "keys/update/action", collection::update::<StoredKey>),
    Route::new("DELETE", "keys/{name}", "keys/delete", collection::delete::<StoredKey>),
    Route::new("POST", "keys/{name}/create", "keys/create/action", keys::create),
    Route::new("POST", "keys/{name}/sign", "keys/sign/action", keys::sign),
    Route::new("POST", "keys/{name}/verify", "keys/verify/action", keys::verify),
    Route::new("GET", "keys/{name}/versions", "keys/read", collection::versions::<StoredKey>),
    Route::new("GET", "keys/{name}/{version}", "keys/read", collection::get::<StoredKey>),
    Route::new("PATCH", "keys/{name}/{version}", "keys/update/action", collection::update::<StoredKey>),
    Route::new("POST", "keys/{name}/{version}/sign", "keys/sign/action", keys::sign),
    Route::new("POST", "keys/{name}/{version}/verify", "keys/verify/action", keys::verify),
    Route::new("GET", "deletedkeys", "keys/read", collection::list_deleted::<StoredKey>),
    Route::new("GET", "deletedkeys/{name}", "keys/read", collection::get_deleted::<StoredKey>),
    Route::new("DELETE", "deletedkeys/{name}", "keys/purge/action", collection::purge::<StoredKey>),
    Route::new("POST", "deletedkeys/{name}/recover", "keys/recover/action", collection::recover::<StoredKey>),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn find(method: &str, path: &str) -> Result<(&'static str, Address), &'static str> {
        let segments: Vec<_> = path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
        find_route(method, &segments).map(|(route, address)| (route.action, address)).map_err(|error| error.code)
    }

    fn address(name: &str, version: Option<&str>, object: &str) -> Address {
        Address { name: name.to_owned(), version: version.map(str::to_owned), object: Some(object.to_owned()) }
    }

    #[test]
    fn paths_lead_to_operations_with_name_and_version() {
        let cases = [
            ("GET", "/secrets", Ok(("secrets/readMetadata/action", Address::default()))),
            ("GET", "/secrets/a/", Ok(("secrets/getSecret/action", address("a", None, "secrets/a")))),
            ("GET", "/Secrets/a/12", Ok(("secrets/getSecret/action", address("a", Some("12"), "secrets/a")))),
            ("GET", "/secrets/a/Versions", Ok(("secrets/readMetadata/action", address("a", None, "secrets/a")))),
            ("POST", "/keys/a//sign", Ok(("keys/sign/action", address("a", None, "keys/a")))),
            ("POST", "/keys/a/12/sign", Ok(("keys/sign/action", address("a", Some("12"), "keys/a")))),
            ("DELETE", "/deletedsecrets/a", Ok(("secrets/purge/action", address("a", None, "secrets/a")))),
            ("PUT", "/certificates/a", Err("MethodNotAllowed")),
            ("GET", "/secrets/a_b", Err("BadParameter")),
            ("GET", "/storage", Err("NotFound")),
            ("GET", "/", Err("NotFound")),
            ("GET", "/secrets/a/12/13", Err("NotFound")),
        ];
        for (method, path, expected) in cases {
            assert_eq!(find(method, path), expected, "{method} {path}");
        }
    }
}
