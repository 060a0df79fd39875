//! What kinds of keys a vault has, and how each signs.

use aws_lc_rs::{
    digest::{self, SHA256, SHA384, SHA512},
    signature::{
        RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256,
        RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
        RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, VerificationAlgorithm,
    },
};
use sidekey_jose::{Algorithm, Curve};

/// The kind of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// RSA of so many bits.
    Rsa(RsaSize),
    /// On a curve that JWS has an algorithm for.
    Ec(Curve),
}

/// The RSA sizes that a vault makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RsaSize {
    Bits2048,
    Bits3072,
    Bits4096,
}

impl KeyKind {
    /// From `kty`, `key_size` and `crv`, as requests and the directory have them. The `-HSM` forms make software keys as well.
    pub(crate) fn parse(kty: Option<&str>, bits: Option<u32>, curve: Option<&str>) -> Result<Self, String> {
        match kty.unwrap_or("RSA") {
            "RSA" | "RSA-HSM" => {
                let size = match bits.unwrap_or(2048) {
                    2048 => RsaSize::Bits2048,
                    3072 => RsaSize::Bits3072,
                    4096 => RsaSize::Bits4096,
                    other => return Err(format!("an RSA key cannot have {other} bits: write 2048, 3072 or 4096")),
                };
                Ok(Self::Rsa(size))
            }
            "EC" | "EC-HSM" => {
                let name = curve.unwrap_or("P-256");
                let found = Curve::ALL.into_iter().find(|curve| curve.name() == name).map(Self::Ec);
                found.ok_or_else(|| format!("the curve `{name}` is not known: write `P-256`, `P-384` or `P-521`"))
            }
            other => Err(format!("the key type `{other}` is not known: write `RSA` or `EC`")),
        }
    }

    /// `kty`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rsa(_) => "RSA",
            Self::Ec(_) => "EC",
        }
    }

    /// `key_size`, for RSA.
    pub(crate) fn bits(self) -> Option<u32> {
        match self {
            Self::Rsa(RsaSize::Bits2048) => Some(2048),
            Self::Rsa(RsaSize::Bits3072) => Some(3072),
            Self::Rsa(RsaSize::Bits4096) => Some(4096),
            Self::Ec(_) => None,
        }
    }

    /// `crv`, for curves.
    pub(crate) fn curve(self) -> Option<&'static str> {
        match self {
            Self::Rsa(_) => None,
            Self::Ec(curve) => Some(curve.name()),
        }
    }

    /// How a certificate of such a key is signed.
    pub(crate) fn certificate_algorithm(self) -> &'static rcgen::SignatureAlgorithm {
        match self {
            Self::Rsa(_) => &rcgen::PKCS_RSA_SHA256,
            Self::Ec(Curve::P256) => &rcgen::PKCS_ECDSA_P256_SHA256,
            Self::Ec(Curve::P384) => &rcgen::PKCS_ECDSA_P384_SHA384,
            Self::Ec(Curve::P521) => &rcgen::PKCS_ECDSA_P521_SHA512,
        }
    }
}

/// The digest that an algorithm signs.
pub(crate) fn digest_of(algorithm: Algorithm) -> &'static digest::Algorithm {
    match algorithm {
        Algorithm::RS256 | Algorithm::PS256 | Algorithm::ES256 => &SHA256,
        Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => &SHA384,
        Algorithm::RS512 | Algorithm::PS512 | Algorithm::ES512 => &SHA512,
    }
}

/// RSA's padding for an algorithm; `None` for those of curves.
pub(crate) fn rsa_encoding(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    match algorithm {
        Algorithm::RS256 => Some(&RSA_PKCS1_SHA256),
        Algorithm::RS384 => Some(&RSA_PKCS1_SHA384),
        Algorithm::RS512 => Some(&RSA_PKCS1_SHA512),
        Algorithm::PS256 => Some(&RSA_PSS_SHA256),
        Algorithm::PS384 => Some(&RSA_PSS_SHA384),
        Algorithm::PS512 => Some(&RSA_PSS_SHA512),
        Algorithm::ES256 | Algorithm::ES384 | Algorithm::ES512 => None,
    }
}

/// How a signature is checked.
pub(crate) fn verification(algorithm: Algorithm) -> &'static dyn VerificationAlgorithm {
    match algorithm {
        Algorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &RSA_PSS_2048_8192_SHA512,
        Algorithm::ES256 => Curve::P256.verification(),
        Algorithm::ES384 => Curve::P384.verification(),
        Algorithm::ES512 => Curve::P521.verification(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_from_type_size_and_curve() {
        let cases = [
            ((None, None, None), Ok(KeyKind::Rsa(RsaSize::Bits2048))),
            ((Some("RSA-HSM"), Some(3072), None), Ok(KeyKind::Rsa(RsaSize::Bits3072))),
            ((Some("EC"), None, None), Ok(KeyKind::Ec(Curve::P256))),
            ((Some("EC"), None, Some("P-521")), Ok(KeyKind::Ec(Curve::P521))),
            ((Some("RSA"), Some(1024), None), Err("1024 bits")),
            ((Some("EC"), None, Some("P-256K")), Err("`P-256K`")),
            ((Some("oct"), None, None), Err("`oct`")),
        ];
        for ((kty, bits, curve), expected) in cases {
            match (KeyKind::parse(kty, bits, curve), expected) {
                (Ok(kind), Ok(expected)) => assert_eq!(kind, expected),
                (Err(fault), Err(part)) => assert!(fault.contains(part), "{fault}"),
                other => panic!("{kty:?} {bits:?} {curve:?}: {other:?}"),
            }
        }
    }
}
