//! App Service, Functions, Container Apps and Automation
//! (<https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>).

use super::{
    ManagedIdentityError,
    host::{self, Host, METADATA, Selectors, Way},
    retry,
};
use crate::Environment;

pub(super) fn host(environment: &Environment) -> Result<Host, ManagedIdentityError> {
    let secret = environment.get("IDENTITY_HEADER").unwrap_or_default();
    Ok(Host {
        name: NAME,
        endpoint: host::endpoint(environment, NAME, "IDENTITY_ENDPOINT")?,
        api_version: Some("2019-08-01"),
        selectors: Selectors { client: Some("client_id"), object: Some("object_id"), resource: Some("mi_res_id") },
        default_identity: None,
        // Automation wants the second one.
        headers: host::headers(NAME, [("x-identity-header", secret), METADATA])?,
        retries: retry::OTHERS,
        way: Way::Query,
    })
}

const NAME: &str = "the App Service identity endpoint";
