//! JSON Web Signature, Encryption, Key and Token (RFC 7515 to 7519, 7638) and signed HTTP requests, as Entra and its
//! clients make them.
//!
//! Values and rules only: no clock, no I/O, no Entra. What is parsed is [`UnverifiedJws`]; only [`UnverifiedJws::verify`]
//! makes a [`VerifiedJws`], and only that one shows its claims as facts.
//!
//! Known attacks and the answer to each are in [`attacks`].

mod algorithm;
pub mod attacks;
pub mod base64url;
mod certificate;
mod ec;
mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod header;
mod json;
pub mod jwe;
mod jwk;
mod jws;
mod key;
mod numeric_date;
mod pem;
mod rsa;
pub mod shr;
mod sign;

pub use algorithm::Algorithm;
pub use certificate::{thumbprint_sha1, thumbprint_sha256};
pub use ec::Curve;
pub use error::JoseError;
pub use header::Header;
pub use json::{minify, parse_members, parse_object};
pub use jwk::{Jwk, JwkSet};
pub use jws::{UnverifiedJws, VerifiedJws};
pub use key::VerifyingKey;
pub use numeric_date::NumericDate;
pub use sign::{SigningKey, sign_compact};

/// The largest token that is looked at, in bytes (250 KiB, as Microsoft's own libraries have it).
pub const MAX_TOKEN_BYTES: usize = 256_000;
