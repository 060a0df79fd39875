//! Nodes of federated managed identities: an application gives a part of itself, named by a path, a credential of the generic
//! exchange resource; with that the part asks for credentials of parts of its own. All nodes have the same client id, and are in no
//! directory: who one is stands in its credential.

use sidekey_oauth::grant;

use super::{Refusal, TokenRequest, agent, assertion::Assertion, client::Credential, fmi};
use crate::directory::{App, Tenant};

/// Whether a client id is that of all nodes.
pub(crate) fn is_meant(client_id: &str) -> bool {
    client_id.eq_ignore_ascii_case(CLIENT_ID)
}

/// Nobody signs in to a node.
pub(crate) fn may_use(name: &str) -> bool {
    name == grant::CLIENT_CREDENTIALS
}

/// Checks a node's credential. Gives the application that the node is part of: tokens are made in its name.
pub(crate) fn authenticate<'e>(request: &TokenRequest<'e>, credential: &Credential) -> Result<&'e App, Refusal> {
    let Credential::Assertion(token) = credential else { return Err(Refusal::no_app_credential()) };
    let tenant = request.place.tenant().ok_or_else(Refusal::no_tenant)?;
    let assertion = Assertion::parse(token.expose())?;
    agent::check(request, tenant, &assertion, fmi::FMI_EXCHANGE, |subject| root(request, tenant, subject).is_some())?;
    let subject = assertion.claims().require("sub")?;
    let app = root(request, tenant, subject).ok_or_else(|| Refusal::federated_subject(subject))?;
    if app.disabled {
        return Err(Refusal::app_disabled(&app.client_id, &app.name));
    }
    Ok(app)
}

/// The application at the beginning of a subject that has a path.
fn root<'e>(request: &TokenRequest<'e>, tenant: &Tenant, subject: &str) -> Option<&'e App> {
    let is_part = |app: &&App| {
        let path = subject.strip_prefix(fmi::subject(tenant.id, &app.client_id, "").as_str());
        path.is_some_and(|path| !path.is_empty())
    };
    let apps = &request.emulator.directory.apps;
    apps.iter().filter(|app| app.kind.is_registration() && app.is_in(tenant.id)).find(is_part)
}

const CLIENT_ID: &str = "urn:microsoft:identity:fmi";
