//! Signature algorithms (RFC 7518 §3.1): asymmetric ones only. HMAC and `none` do not exist here.

use std::{fmt, str::FromStr};

use crate::{JoseError, error::shorten};

/// A signature algorithm by its JOSE name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are RFC 7518's")]
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
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = JoseError;

    /// Reads the exact name: `none`, HMAC, EdDSA and other spellings are [`JoseError::UnsupportedAlgorithm`].
    fn from_str(name: &str) -> Result<Self, JoseError> {
        ALL.into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or_else(|| JoseError::UnsupportedAlgorithm(shorten(name)))
    }
}

const ALL: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::PS256,
    Algorithm::ES256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES384,
    Algorithm::ES512,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_read_back_from_its_name() {
        for algorithm in ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
        }
    }

    #[test]
    fn none_hmac_and_other_spellings_are_unsupported() {
        for name in ["none", "None", "NONE", "", "HS256", "HS384", "HS512", "EdDSA", "ES256K", "rs256", "RS256 ", "RS1"]
        {
            assert_eq!(name.parse::<Algorithm>(), Err(JoseError::UnsupportedAlgorithm(name.to_owned())));
        }
    }

    #[test]
    fn a_hostile_name_is_cut_before_it_reaches_an_error() {
        let Err(JoseError::UnsupportedAlgorithm(shown)) = "x\n".repeat(50_000).parse::<Algorithm>() else {
            panic!("an unknown name was accepted");
        };
        assert!(shown.len() < 100, "{shown}");
        assert!(!shown.contains('\n'), "{shown}");
    }
}
