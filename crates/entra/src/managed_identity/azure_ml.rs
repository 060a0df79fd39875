//! Azure Machine Learning's compute
//! (<https://learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication>).

use super::{
    ManagedIdentityError, ManagedIdentityId,
    host::{self, Host, Selectors, Way},
    retry,
};
use crate::Environment;

pub(super) fn host(environment: &Environment) -> Result<Host, ManagedIdentityError> {
    let secret = environment.get("MSI_SECRET").unwrap_or_default();
    Ok(Host {
        name: NAME,
        endpoint: host::endpoint(environment, NAME, "MSI_ENDPOINT")?,
        api_version: Some("2017-09-01"),
        selectors: Selectors { client: Some("clientid"), ..Selectors::default() },
        default_identity: identity(environment),
        headers: host::headers(NAME, [("secret", secret)])?,
        retries: retry::OTHERS,
        way: Way::Query,
    })
}

/// Compute with several identities says which one is meant.
fn identity(environment: &Environment) -> Option<ManagedIdentityId> {
    environment.get("DEFAULT_IDENTITY_CLIENT_ID").map(|id| ManagedIdentityId::ClientId(id.to_owned()))
}

const NAME: &str = "the Azure Machine Learning identity endpoint";
