//! `Sidecar:Limits`: what callers and downstream APIs can cost.

use std::time::Duration;

use sidekey_config::Section;
use sidekey_host::listen::Limits;

/// The bounds of one sidecar.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// What the listener keeps to.
    pub(crate) listener: Limits,
    /// Bytes of a request's body; more is 413.
    pub(crate) request_body: usize,
    /// Bytes of a downstream reply's body; more is 502.
    pub(crate) downstream_response: usize,
    /// Bytes buffered for all downstream calls together; more is 503.
    pub(crate) buffered: usize,
    /// Time for one exchange with a downstream API, its redirects included; more is 504.
    pub(crate) downstream_timeout: Duration,
}

impl Bounds {
    /// Reads the section.
    pub(super) fn read(section: &Section<'_>) -> Self {
        let default = Limits::default();
        let size = |name: &str, default: u64, bounds| {
            usize::try_from(section.integer(name, default, bounds)).unwrap_or(usize::MAX)
        };
        Self {
            listener: Limits {
                max_connections: size("MaxConnections", default.max_connections as u64, 1..=1_000_000),
                max_header_bytes: size("MaxHeaderBytes", default.max_header_bytes as u64, 8_192..=16 << 20),
                header_timeout: section.duration("HeaderTimeout", default.header_timeout, SECOND..=MINUTE * 10),
            },
            request_body: size("MaxRequestBodyBytes", 30_000_000, 0..=1 << 40),
            downstream_response: size("MaxDownstreamResponseBytes", 32 << 20, 1..=1 << 40),
            buffered: size("MaxBufferedBytes", 64 << 20, 65_536..=1 << 40),
            downstream_timeout: section.duration("DownstreamTimeout", SECOND * 100, SECOND..=MINUTE * 60),
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
