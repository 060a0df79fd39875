//! A SPIFFE agent for tests: the Workload API by its public protocol, gRPC on a unix socket, and beside it the OpenID issuer of
//! its JWT-SVIDs on loopback.
//!
//! See <https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Workload_API.md> and
//! <https://github.com/spiffe/spiffe/blob/main/standards/JWT-SVID.md>. The profile of X.509-SVIDs is not offered, which a server
//! may do: its calls are answered as unimplemented.
//!
//! The tests of the token engine, those of the binary and the suite of foreign clients all use this one server, so that it
//! cannot be wrong in a way that suits one of them. It is no part of the product.

mod agent;
mod issuer;
mod message;
mod service;
mod trust_domain;
mod workload;

pub use self::{
    agent::Agent,
    trust_domain::TrustDomain,
    workload::{Asked, Fault, Workload},
};
