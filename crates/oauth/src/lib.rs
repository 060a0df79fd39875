//! Values that travel between an OAuth 2.0 client and Microsoft Entra ID: identifiers, scopes, token requests and
//! replies, discovery documents, challenges.
//!
//! The token engine and the emulator share this crate and `sidekey-jose` and nothing else. It reads no clock, opens no
//! socket and knows no policy, so that a mistake in one of the two cannot be made good by the same mistake in the other.

mod challenge;
mod claims;
mod cloud;
mod discovery;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod grant;
mod id;
mod scope;
mod secret;
mod token;

pub use challenge::{AuthChallenge, parse_www_authenticate};
pub use claims::{ClaimsError, merge_claims};
pub use cloud::Cloud;
pub use discovery::{InstanceDiscovery, InstanceMetadata, OpenIdConfiguration};
pub use id::{ClientId, IdError, TenantId};
pub use scope::{Scope, ScopeError, Scopes};
pub use secret::Secret;
pub use token::{ErrorReply, TokenReply};
