//! `Sidecar:AllowOverrides`: on which routes a caller may change what the configuration says.

use sidekey_config::Section;

/// One switch per token route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one switch per key, read by the name of its route")]
pub(crate) struct Gates {
    header: bool,
    header_unauthenticated: bool,
    call: bool,
    call_unauthenticated: bool,
}

/// A token route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// `/AuthorizationHeader`
    Header,
    /// `/AuthorizationHeaderUnauthenticated`
    HeaderUnauthenticated,
    /// `/DownstreamApi`
    Call,
    /// `/DownstreamApiUnauthenticated`
    CallUnauthenticated,
}

impl Gates {
    /// Reads the switches; the routes without authentication are closed unless opened.
    pub(super) fn read(section: &Section<'_>) -> Self {
        Self {
            header: section.bool("GetAuthorizationHeader", true),
            header_unauthenticated: section.bool("GetAuthorizationHeaderUnauthenticated", false),
            call: section.bool("CallDownstreamApi", true),
            call_unauthenticated: section.bool("CallDownstreamApiUnauthenticated", false),
        }
    }

    /// Whether overrides are applied on a route.
    pub(crate) fn is_open(self, gate: Gate) -> bool {
        match gate {
            Gate::Header => self.header,
            Gate::HeaderUnauthenticated => self.header_unauthenticated,
            Gate::Call => self.call,
            Gate::CallUnauthenticated => self.call_unauthenticated,
        }
    }
}

impl Gate {
    /// The key that opens it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Header => "Sidecar:AllowOverrides:GetAuthorizationHeader",
            Self::HeaderUnauthenticated => "Sidecar:AllowOverrides:GetAuthorizationHeaderUnauthenticated",
            Self::Call => "Sidecar:AllowOverrides:CallDownstreamApi",
            Self::CallUnauthenticated => "Sidecar:AllowOverrides:CallDownstreamApiUnauthenticated",
        }
    }

    /// The route's name.
    pub(crate) fn route(self) -> &'static str {
        match self {
            Self::Header => "AuthorizationHeader",
            Self::HeaderUnauthenticated => "AuthorizationHeaderUnauthenticated",
            Self::Call => "DownstreamApi",
            Self::CallUnauthenticated => "DownstreamApiUnauthenticated",
        }
    }
}
