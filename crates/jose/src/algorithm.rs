//! Signature algorithms (RFC 7518 §3.1): asymmetric ones only. HMAC and `none` do not exist here.

use std::{fmt, str::FromStr};

use crate::JoseError;

/// A signature algorithm by its JOSE name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are RFC 7518's")]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    ES512,
}

impl Algorithm {
    /// The name in a header's `alg`.
    pub fn as_str(self) -> &'static str {
        todo!()
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = JoseError;

    fn from_str(_name: &str) -> Result<Self, JoseError> {
        todo!()
    }
}
