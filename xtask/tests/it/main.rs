//! What the documents promise, held against the sources.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod threat_model;
