//! The emulator as a client sees it: the real router on a port of its own.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

mod administration;
mod agents;
mod certificates;
mod conditional_access;
mod discovery;
mod federation;
mod federation_rules;
mod flows;
mod hosts;
mod keys;
mod possession;
mod refusals;
mod support;
mod tokens;
mod vault;
mod vault_objects;
mod vault_support;
