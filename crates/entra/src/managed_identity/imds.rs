//! The instance metadata service of virtual machines and scale sets
//! (<https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>).

use url::Url;

use super::{
    ManagedIdentityError,
    host::{self, Host, METADATA, Selectors, Way},
    retry,
};
use crate::Environment;

pub(super) fn host(environment: &Environment) -> Result<Host, ManagedIdentityError> {
    Ok(Host {
        name: NAME,
        endpoint: endpoint(environment, "/metadata/identity/oauth2/token")?,
        api_version: Some("2018-02-01"),
        selectors: Selectors { client: Some("client_id"), object: Some("object_id"), resource: Some("msi_res_id") },
        default_identity: None,
        headers: host::headers(NAME, [METADATA])?,
        retries: retry::IMDS,
        way: Way::Query,
    })
}

/// A route of the service, wherever it is.
pub(super) fn endpoint(environment: &Environment, path: &str) -> Result<Url, ManagedIdentityError> {
    let mut url = if environment.has(ELSEWHERE) {
        host::endpoint(environment, NAME, ELSEWHERE)?
    } else {
        // An address, written as a URL.
        Url::parse(ADDRESS).map_err(|error| super::error::setting(NAME, &error.to_string(), "please report this"))?
    };
    let base = url.path().trim_end_matches('/').to_owned();
    url.set_path(&(base + path));
    Ok(url)
}

const NAME: &str = "the instance metadata service";
const ADDRESS: &str = "http://169.254.169.254";
/// For setups that stand in for the service, such as pod identity.
const ELSEWHERE: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_at_its_address_unless_a_variable_says_where() {
        let at = |pairs: &[(&str, &str)]| {
            let environment = Environment::from_pairs(pairs.iter().copied());
            endpoint(&environment, "/metadata/x").map(|url| url.to_string()).ok()
        };
        assert_eq!(at(&[]).as_deref(), Some("http://169.254.169.254/metadata/x"));
        for (value, expected) in [
            ("http://127.0.0.1:2579", Some("http://127.0.0.1:2579/metadata/x")),
            ("http://localhost/base/", Some("http://localhost/base/metadata/x")),
            ("https://imds.example.com", Some("https://imds.example.com/metadata/x")),
            ("http://imds.example.com", None),
            ("127.0.0.1:2579", None),
        ] {
            assert_eq!(at(&[(ELSEWHERE, value)]).as_deref(), expected, "{value}");
        }
    }
}
