//! Azure Machine Learning's compute
//! (<https://learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication>).

use super::{
    ManagedIdentityError,
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
        headers: host::headers(NAME, [("secret", secret)])?,
        retries: retry::OTHERS,
        way: Way::Query,
    })
}

const NAME: &str = "the Azure Machine Learning identity endpoint";
