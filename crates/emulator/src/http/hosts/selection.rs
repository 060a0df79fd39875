//! Which identity of a host a request means.

use super::error::HostError;
use crate::{
    directory::{App, Directory, Host, ManagedIdentity},
    sts::Form,
};

/// An identity, and name and value of the selector that named it.
type Selected<'d, 'f> = (&'d App, Option<(&'static str, &'f str)>);

/// The id that a selector holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Client,
    Object,
    Resource,
}

/// The identity that a request names, or the one that is meant without a name. `takes` are the
/// selectors that the host knows.
pub(super) fn select<'d, 'f>(
    directory: &'d Directory,
    host: Host,
    takes: &[&str],
    form: &'f Form,
) -> Result<Selected<'d, 'f>, HostError> {
    let mut named = SELECTORS.iter().filter_map(|(name, by)| Some((*name, *by, form.get(name)?)));
    let first = named.next();
    if named.next().is_some() {
        return Err(HostError::bad_request("More than one identity selector is specified: write one"));
    }
    let Some((name, by, value)) = first else { return unnamed(directory, host).map(|app| (app, None)) };
    if !takes.contains(&name) {
        let takes = if takes.is_empty() { "no selector".to_owned() } else { takes.join(", ") };
        return Err(HostError::bad_request(format!("The selector {name} is not known here: this host takes {takes}")));
    }
    let is_meant = |(app, identity): &(&App, &ManagedIdentity)| match by {
        By::Client => app.client_id.as_str().eq_ignore_ascii_case(value),
        By::Object => identity.principal_id.to_string().eq_ignore_ascii_case(value),
        By::Resource => identity.resource_id.eq_ignore_ascii_case(value),
    };
    let found = directory.managed_identities(host).find(is_meant);
    let (app, _) = found.ok_or_else(|| HostError::bad_request("Identity not found"))?;
    Ok((app, Some((name, value))))
}

/// The machine's own identity; else the only one that there is.
fn unnamed(directory: &Directory, host: Host) -> Result<&App, HostError> {
    let all: Vec<_> = directory.managed_identities(host).collect();
    if let Some((app, _)) = all.iter().find(|(_, identity)| identity.system_assigned) {
        return Ok(app);
    }
    match all.as_slice() {
        [] => Err(HostError::new(
            axum::http::StatusCode::BAD_REQUEST,
            "unauthorized_client",
            "There is no managed identity on this host",
        )),
        [(app, _)] => Ok(app),
        _ => Err(HostError::bad_request(
            "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request",
        )),
    }
}

const SELECTORS: [(&str, By); 6] = [
    ("client_id", By::Client),
    ("clientid", By::Client),
    ("object_id", By::Object),
    ("principal_id", By::Object),
    ("msi_res_id", By::Resource),
    ("mi_res_id", By::Resource),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::read;

    fn directory(identities: &str) -> Directory {
        let yaml = format!("tenants:\n  - {{id: aaaabbbb-0000-cccc-1111-dddd2222eeee, displayName: C}}\n{identities}");
        read(&yaml, std::path::Path::new(".")).unwrap()
    }

    fn identity(name: char, kind: &str, hosts: &str) -> String {
        format!(
            "  - {{name: {name}{name}{name}, kind: {kind}, hosts: [{hosts}], resourceId: /subscriptions/s/{name}, \
             clientId: '{name}0000000-0000-4000-8000-000000000001', principalId: '{name}0000000-0000-4000-8000-000000000002'}}\n"
        )
    }

    fn ask(directory: &Directory, host: Host, query: &str) -> Result<String, &'static str> {
        let form = Form::parse(query.as_bytes()).unwrap();
        let takes = ["client_id", "object_id", "msi_res_id"];
        select(directory, host, &takes, &form).map(|(app, _)| app.name.clone()).map_err(|error| error.error)
    }

    #[test]
    fn without_a_selector_the_machines_own_identity_wins_and_one_of_many_is_no_default() {
        let (a, b, c) = (
            identity('a', "systemAssigned", "imds"),
            identity('b', "userAssigned", "imds, arc, azureMl"),
            identity('c', "userAssigned", "imds, arc"),
        );
        let directory = directory(&format!("managedIdentities:\n{a}{b}{c}"));
        assert_eq!(ask(&directory, Host::Imds, ""), Ok("aaa".to_owned()));
        assert_eq!(ask(&directory, Host::Arc, ""), Err("invalid_request"));
        assert_eq!(ask(&directory, Host::AzureMl, ""), Ok("bbb".to_owned()));
        assert_eq!(ask(&directory, Host::AppService, ""), Err("unauthorized_client"));
    }

    #[test]
    fn an_identity_is_named_in_one_way_that_the_host_knows_in_any_case() {
        let (a, b) = (identity('a', "systemAssigned", "imds"), identity('b', "userAssigned", "imds"));
        let directory = directory(&format!("managedIdentities:\n{a}{b}"));
        for good in [
            "client_id=B0000000-0000-4000-8000-000000000001",
            "object_id=b0000000-0000-4000-8000-000000000002",
            "msi_res_id=/Subscriptions/S/B",
        ] {
            assert_eq!(ask(&directory, Host::Imds, good), Ok("bbb".to_owned()), "{good}");
        }
        for bad in ["client_id=x", "mi_res_id=/subscriptions/s/b", "client_id=x&object_id=y", "object_id=bbb"] {
            assert_eq!(ask(&directory, Host::Imds, bad), Err("invalid_request"), "{bad}");
        }
        assert_eq!(
            ask(&directory, Host::Arc, "msi_res_id=/subscriptions/s/b"),
            Err("invalid_request"),
            "another host's"
        );
    }
}
