//! Who may do what in a vault: role assignments on the vault or on one object of it.

use sidekey_host::UnixTime;
use uuid::Uuid;

use super::{VaultError, role::Role};

/// Roles of one principal.
#[derive(Debug)]
pub(crate) struct Assignment {
    /// The object id of the user, service principal or managed identity.
    pub(crate) principal: Uuid,
    pub(crate) roles: Vec<&'static Role>,
    /// One object, such as `secrets/orders-database`; the whole vault if absent.
    pub(crate) scope: Option<String>,
}

/// Who asks, as the access token says.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) oid: Uuid,
    /// The client's id.
    pub(crate) app: String,
    pub(crate) issuer: String,
}

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Access<'a> {
    pub(crate) vault: &'a str,
    /// Such as `secrets/getSecret/action`.
    pub(crate) action: &'a str,
    /// The object, such as `secrets/orders-database`; `None` for a whole collection.
    pub(crate) object: Option<&'a str>,
}

/// Whether an assignment allows the access. Assignments count from `effective` on: they take a while to spread.
pub(crate) fn authorize(
    assignments: &[Assignment],
    caller: &Caller,
    access: &Access<'_>,
    effective: UnixTime,
    now: UnixTime,
) -> Result<(), VaultError> {
    let covers = |scope: &Option<String>| match (scope, access.object) {
        (None, _) => true,
        (Some(scope), Some(object)) => scope.eq_ignore_ascii_case(object),
        (Some(_), None) => false,
    };
    let allows = |assignment: &Assignment| {
        assignment.principal == caller.oid
            && covers(&assignment.scope)
            && assignment.roles.iter().any(|role| role.allows(access.action))
    };
    if now >= effective && assignments.iter().any(allows) { Ok(()) } else { Err(denied(caller, access)) }
}

fn denied(caller: &Caller, access: &Access<'_>) -> VaultError {
    let vault = access.vault;
    let object = access.object.map(|object| format!("/{object}")).unwrap_or_default();
    let lines = [
        "Caller is not authorized to perform action on resource.".to_owned(),
        "If role assignments, deny assignments or role definitions changed recently, please observe propagation time."
            .to_owned(),
        format!("Caller: appid={};oid={};iss={}", caller.app, caller.oid, caller.issuer),
        format!("Action: 'Microsoft.KeyVault/vaults/{}'", access.action),
        format!(
            "Resource: '/subscriptions/{SUBSCRIPTION}/resourcegroups/sidekey/providers/microsoft.keyvault/vaults/{vault}{object}'"
        ),
        "Assignment: (not found)".to_owned(),
        "DenyAssignmentId: null".to_owned(),
        "DecisionReason: 'DeniedWithNoValidRBAC' ".to_owned(),
        format!("Vault: {vault};location=local"),
        String::new(),
    ];
    VaultError::forbidden(Some("ForbiddenByRbac"), lines.join("\r\n"))
}

/// The emulator has no subscriptions; messages name this one.
const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(scope: Option<&str>, object: Option<&str>, action: &str, now: u64) -> Result<(), VaultError> {
        let oid = Uuid::from_u128(7);
        let roles = vec![Role::find("Key Vault Secrets User").unwrap()];
        let assignments = [Assignment { principal: oid, roles, scope: scope.map(str::to_owned) }];
        let caller = Caller { oid, app: "app".to_owned(), issuer: "https://sts.windows.net/t/".to_owned() };
        authorize(&assignments, &caller, &Access { vault: "v", action, object }, UnixTime(10), UnixTime(now))
    }

    #[test]
    fn a_role_counts_on_its_scope_and_once_it_has_spread() {
        let get = "secrets/getSecret/action";
        assert!(judge(None, Some("secrets/a"), get, 10).is_ok());
        assert!(judge(None, None, get, 10).is_ok());
        assert!(judge(Some("secrets/A"), Some("secrets/a"), get, 10).is_ok());
        assert!(judge(Some("secrets/b"), Some("secrets/a"), get, 10).is_err());
        assert!(judge(Some("secrets/a"), None, get, 10).is_err());
        assert!(judge(None, Some("secrets/a"), get, 9).is_err());
        assert!(judge(None, Some("secrets/a"), "secrets/setSecret/action", 10).is_err());
    }

    #[test]
    fn the_refusal_names_caller_action_and_resource_line_by_line() {
        let error = judge(None, Some("secrets/a"), "secrets/delete", 10).unwrap_err();
        assert_eq!((error.status.as_u16(), error.code, error.inner), (403, "Forbidden", Some("ForbiddenByRbac")));
        let oid = Uuid::from_u128(7);
        assert!(error.message.contains(&format!("\r\nCaller: appid=app;oid={oid};iss=https://sts.windows.net/t/\r\n")));
        assert!(error.message.contains("\r\nAction: 'Microsoft.KeyVault/vaults/secrets/delete'\r\n"));
        assert!(error.message.contains("/vaults/v/secrets/a'\r\n"));
    }
}
