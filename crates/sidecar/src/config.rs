//! `DownstreamApis`, `Sidecar`, `AllowedHosts` and the listener keys as checked types.

use sidekey_config::Section;

/// The sidecar's own part of the configuration.
#[derive(Clone, Debug)]
pub struct Config {
    _todo: (),
}

impl Config {
    /// Reads the sections below the root; faults are recorded there. `environment` is the environment's name.
    pub fn read(_root: &Section<'_>, _environment: &str) -> Self {
        todo!()
    }

    /// Where to listen, by Kestrel's keys and their precedence.
    pub fn endpoints(&self) -> &[sidekey_host::listen::Endpoint] {
        todo!()
    }

    /// The listener's limits.
    pub fn limits(&self) -> sidekey_host::listen::Limits {
        todo!()
    }
}
