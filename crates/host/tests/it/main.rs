//! The listeners and the client, on real sockets.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of the tests are tests too")]

mod client;
mod http2_floods;
mod limits;
mod listeners;
mod shutdown;
mod smuggling;
mod world;
