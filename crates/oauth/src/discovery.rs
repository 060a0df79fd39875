//! Instance discovery and OpenID Connect metadata.

use serde::{Deserialize, Serialize};

/// The reply of `/common/discovery/instance`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InstanceDiscovery {
    /// Where the tenant's OpenID metadata is.
    pub tenant_discovery_endpoint: String,
    /// `1.1`.
    #[serde(rename = "api-version", default)]
    pub api_version: String,
    /// One row per cloud.
    #[serde(default)]
    pub metadata: Vec<InstanceMetadata>,
}

/// Hosts that are one and the same authority.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InstanceMetadata {
    /// The host to send requests to.
    pub preferred_network: String,
    /// The host that cache entries are filed under.
    pub preferred_cache: String,
    /// All its names.
    pub aliases: Vec<String>,
}

/// What we read of an OpenID provider's metadata (OpenID Connect Discovery 1.0 §3).
#[derive(Clone, Debug, Deserialize)]
pub struct OpenIdConfiguration {
    /// The issuer, or a template with `{tenantid}`.
    pub issuer: String,
    /// Where tokens are asked for.
    pub token_endpoint: String,
    /// Where the signing keys are.
    pub jwks_uri: String,
    /// The cloud whose keys these are, such as `microsoftonline.com`.
    #[serde(default)]
    pub cloud_instance_name: Option<String>,
}
