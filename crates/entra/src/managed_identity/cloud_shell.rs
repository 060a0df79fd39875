//! Azure Cloud Shell: tokens of the user who sits there
//! (<https://learn.microsoft.com/azure/cloud-shell/msi-authorization>).

use super::{
    ManagedIdentityError,
    host::{self, Host, METADATA, Selectors, Way},
    retry,
};
use crate::Environment;

pub(super) fn host(environment: &Environment) -> Result<Host, ManagedIdentityError> {
    Ok(Host {
        name: NAME,
        endpoint: host::endpoint(environment, NAME, "MSI_ENDPOINT")?,
        api_version: None,
        selectors: Selectors::default(),
        default_identity: None,
        headers: host::headers(NAME, [METADATA])?,
        retries: retry::OTHERS,
        way: Way::Form,
    })
}

const NAME: &str = "the Cloud Shell identity endpoint";
