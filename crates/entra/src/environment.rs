//! The environment variables that credential sources and managed identities go by, as a value: read once with the
//! configuration, so that nothing else looks at the process's environment and tests need not change it.

use std::{collections::BTreeMap, sync::Arc};

use sidekey_config::Section;
use sidekey_oauth::Secret;

/// The variables that are set, of those in the list. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Environment(Arc<BTreeMap<&'static str, Secret>>);

impl Environment {
    /// Reads the variables from the root of the configuration, where the environment is the usual source. Blank ones count as
    /// absent.
    pub fn read(root: &Section<'_>) -> Self {
        let plain = NAMES.iter().map(|name| (*name, root.text(name)));
        let secret = SECRETS.iter().map(|name| (*name, root.secret(name)));
        Self::of(plain.chain(secret).filter_map(|(name, value)| Some((name, value?))))
    }

    /// A variable's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(Secret::expose)
    }

    /// Whether a variable is set.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn of<'a>(pairs: impl Iterator<Item = (&'static str, &'a str)>) -> Self {
        Self(Arc::new(pairs.map(|(name, value)| (name, Secret::new(value))).collect()))
    }

    /// An environment of its own for a test. Names that are not in the list would never be read: a test with one panics.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let listed = |name: &str| {
            let found = NAMES.iter().chain(SECRETS).find(|listed| **listed == name);
            *found.unwrap_or_else(|| panic!("`{name}` is missing from the list of variables"))
        };
        Self::of(pairs.into_iter().map(|(name, value)| (listed(name), value)))
    }
}

/// Every variable that is read. One that a new source goes by is a line here.
const NAMES: &[&str] = &[
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_ENDPOINT_URL_STS",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
    "AZURE_ADDITIONALLY_ALLOWED_TENANTS",
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_KUBERNETES_CA_DATA",
    "AZURE_KUBERNETES_CA_FILE",
    "AZURE_KUBERNETES_SNI_NAME",
    "AZURE_KUBERNETES_TOKEN_PROXY",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "AZURE_TENANT_ID",
    "AZURE_TOKEN_CREDENTIALS",
    "DEFAULT_IDENTITY_CLIENT_ID",
    "GCE_METADATA_HOST",
    "IDENTITY_API_VERSION",
    "IDENTITY_ENDPOINT",
    "IDENTITY_SERVER_THUMBPRINT",
    "IMDS_ENDPOINT",
    "MSAL_DISABLE_REGION",
    "MSAL_FORCE_REGION",
    "MSI_ENDPOINT",
    "REGION_NAME",
    "SPIFFE_ENDPOINT_SOCKET",
    "SYSTEM_OIDCREQUESTURI",
];

/// Those whose values are never to be shown.
const SECRETS: &[&str] = &[
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_CLIENT_SECRET",
    "IDENTITY_HEADER",
    "MSI_SECRET",
    "SYSTEM_ACCESSTOKEN",
];

#[cfg(test)]
mod tests {
    use sidekey_config::Configuration;

    use super::*;

    #[test]
    #[should_panic(expected = "`PATH` is missing from the list")]
    fn a_test_cannot_set_what_is_never_read() {
        Environment::from_pairs([("PATH", "/bin")]);
    }

    #[test]
    fn listed_variables_are_read_and_others_are_not() {
        let configuration = Configuration::from_pairs([
            ("IDENTITY_ENDPOINT", "http://localhost/x"),
            ("MSI_ENDPOINT", " "),
            ("IDENTITY_HEADER", "s3cret"),
            ("PATH", "/bin"),
        ]);
        let (environment, _) = configuration.bind(Environment::read).unwrap();
        assert_eq!(environment.get("IDENTITY_ENDPOINT"), Some("http://localhost/x"));
        assert_eq!(environment.get("IDENTITY_HEADER"), Some("s3cret"));
        assert!(!environment.has("MSI_ENDPOINT") && !environment.has("PATH"));
        assert!(!format!("{environment:?}").contains("s3cret"));
    }
}
