//! The rim: what the machine gives us. Clock, listeners, TLS, shutdown, HTTP client. Nothing here knows what a token is.

pub mod client;
pub mod clock;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod listen;
pub mod shutdown;
pub mod tls;

pub use clock::{Clock, ManualClock, SystemClock, UnixTime};
pub use shutdown::Shutdown;
