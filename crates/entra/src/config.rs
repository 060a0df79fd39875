//! The `AzureAd` and `TokenCache` sections and our own keys that steer the engine, as checked types.

use sidekey_config::Section;

/// What the engine needs to know. Read once with all faults collected; replaced whole on a reload.
#[derive(Clone, Debug)]
pub struct Config {
    _todo: (),
}

impl Config {
    /// Reads `AzureAd`, `TokenCache` and `Sidecar:{AcquireTimeout,VerifiedTokenCache,TokenValidation}` below the root, and the
    /// `AZURE_*` variables that stand in for them. Faults are recorded in the section.
    pub fn read(_root: &Section<'_>) -> Self {
        todo!()
    }
}
