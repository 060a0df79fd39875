//! The real binary: agents, crowds of callers, sessions, vaults, a SPIFFE agent and proof of possession against the emulator, and
//! bad input, where each fault gets a clear answer, nothing leaks into the log, and memory stays bounded.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod agent_credentials;
mod agents;
mod bad_configuration;
mod bad_credentials;
mod bad_downstream;
mod bad_requests;
mod client;
mod clouds;
mod continuous_access;
mod crowd;
mod federated;
mod flows;
mod hardening;
mod key_vault;
mod key_vault_rotation;
mod managed_identity_tokens;
mod process;
mod proof_of_possession;
mod provider;
mod reload;
mod spiffe;
mod stage;
mod tunnel;
mod user_flows;
