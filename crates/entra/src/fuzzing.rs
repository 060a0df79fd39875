//! The fuzz targets of this crate: each takes any bytes and panics where something is wrong. They stand where the parsers
//! are; this is their list.

pub use crate::{
    credential::fuzzing::{certificate, federated, vault},
    http::fuzzing::token_endpoint,
    managed_identity::fuzzing::identity_host,
    metadata::fuzzing::metadata,
    pop::fuzzing::pop_key,
};

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_read_whatever_they_hold() {
        replay::run("certificate", certificate);
    }

    #[test]
    fn answers_of_federated_hosts_are_read_whatever_they_hold() {
        replay::run("federated", federated);
    }

    #[test]
    fn answers_of_vaults_are_read_whatever_they_hold() {
        replay::run("vault", vault);
    }

    #[test]
    fn answers_of_token_endpoints_are_judged_whatever_they_hold() {
        replay::run("token_endpoint", token_endpoint);
    }

    #[test]
    fn answers_of_identity_hosts_are_read_whatever_they_hold() {
        replay::run("identity_host", identity_host);
    }

    #[test]
    fn metadata_and_keys_are_read_whatever_they_hold() {
        replay::run("metadata", metadata);
    }

    #[test]
    fn keys_of_callers_are_read_whatever_they_hold() {
        replay::run("pop_key", pop_key);
    }
}
