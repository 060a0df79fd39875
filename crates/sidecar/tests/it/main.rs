//! The sidecar over real connections: a listener on a free port, a scripted authority that signs real tokens, a scripted
//! downstream API.

#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

mod api;
mod authority;
mod door;
mod downstream;
mod encrypted;
mod escapes;
mod failures;
mod forward_auth;
mod header;
mod hostile_tokens;
mod logs;
mod pop;
mod pop_outbound;
mod setup;
mod smuggling;
mod validate;
mod wycheproof;
