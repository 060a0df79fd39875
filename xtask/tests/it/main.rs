//! What the documents promise, held against the sources.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod constant_time;
mod fuzz_targets;
mod threat_model;
