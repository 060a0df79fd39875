//! One file per endpoint.

mod authorization_header;
mod downstream_api;
mod forward_auth;
mod probes;
mod validate;

pub(crate) use authorization_header::{AuthorizationHeaderResult, authorization_header};
pub(crate) use downstream_api::{DownstreamApiResult, downstream_api};
pub(crate) use forward_auth::forward_auth;
pub(crate) use probes::{alive, ready};
pub(crate) use validate::{ValidateAuthorizationHeaderResult, validate};
