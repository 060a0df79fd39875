//! The token engine: ask Entra for tokens, keep them, judge those that come in.
//!
//! Start at [`Entra`]: [`Entra::acquire`] gives a token for a [`TokenRequest`], [`Entra::validator`] judges inbound ones.
//! A credential source is one file in `credential/` and a line in its list; a flow is one file in `flow/` and a line there.

pub mod acquire;
pub mod authority;
mod cache;
pub mod config;
mod cooldown;
mod credential;
mod environment;
mod error;
mod flight;
mod flow;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod http;
mod managed_identity;
mod metadata;
mod pop;
mod request;
#[cfg(test)]
mod test_log;
mod token_client;
pub mod validate;

pub use acquire::Entra;
pub use config::Config;
pub use environment::Environment;
pub use error::{AcquireError, EntraRefusal};
pub use managed_identity::ManagedIdentityId;
pub use metadata::Metadata;
pub use pop::{BadPopKey, Confirmation, PopKey, PopKeyError, PopSigner};
pub use request::{
    AccessToken, AgentUser, CacheOutcome, CompositeAssertion, Flow, TokenRequest, TokenScheme, UserAssertion, UserToken,
};
pub use sidekey_jose::shr::{ShrError, ShrRequest};
pub use validate::{PopRejection, Rejection, Validator, VerifiedPop, VerifiedToken};
