//! The curves of RFC 7518 §3.4, each with the one algorithm that is defined for it.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm,
    ParsedPublicKey,
};

use crate::{Algorithm, JoseError};

/// A curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are RFC 7518's")]
pub enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// All of them, the usual one first.
    pub const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// By its `crv` name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.name() == name)
    }

    /// The name in a JWK's `crv`.
    pub fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// The length of one coordinate in bytes.
    pub(crate) fn coordinate_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The algorithm that goes with the curve.
    pub fn algorithm(self) -> Algorithm {
        match self {
            Self::P256 => Algorithm::ES256,
            Self::P384 => Algorithm::ES384,
            Self::P521 => Algorithm::ES512,
        }
    }

    /// How to sign; signatures have fixed width, as JWS wants them.
    pub fn signing(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
            Self::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
            Self::P521 => &ECDSA_P521_SHA512_FIXED_SIGNING,
        }
    }

    /// How to check such a signature.
    pub fn verification(self) -> &'static EcdsaVerificationAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_FIXED,
            Self::P384 => &ECDSA_P384_SHA384_FIXED,
            Self::P521 => &ECDSA_P521_SHA512_FIXED,
        }
    }

    /// Parses an uncompressed point (SEC 1 §2.3.3) and checks that it lies on the curve.
    pub(crate) fn parse_point(self, point: &[u8]) -> Result<ParsedPublicKey, JoseError> {
        if point.len() != 1 + 2 * self.coordinate_bytes() || point.first() != Some(&UNCOMPRESSED) {
            return Err(JoseError::Key("its point is not uncompressed or has the wrong length for its curve"));
        }
        ParsedPublicKey::new(self.verification(), point).map_err(|_| JoseError::Key("its point is not on its curve"))
    }

    /// Puts an uncompressed point together from its coordinates, which have full width each.
    pub(crate) fn point(self, x: &[u8], y: &[u8]) -> Result<Vec<u8>, JoseError> {
        if x.len() != self.coordinate_bytes() || y.len() != self.coordinate_bytes() {
            return Err(JoseError::Key("its coordinates have the wrong length for its curve"));
        }
        Ok([&[UNCOMPRESSED], x, y].concat())
    }

    /// Takes an uncompressed point of this curve apart into its coordinates.
    pub(crate) fn coordinates(self, point: &[u8]) -> Option<(&[u8], &[u8])> {
        let (first, coordinates) = point.split_first()?;
        let (x, y) = coordinates.split_at_checked(self.coordinate_bytes())?;
        (*first == UNCOMPRESSED && x.len() == y.len()).then_some((x, y))
    }
}

/// The first byte of an uncompressed point.
const UNCOMPRESSED: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_put_together_and_taken_apart() {
        for curve in Curve::ALL {
            let (x, y) = (vec![1; curve.coordinate_bytes()], vec![2; curve.coordinate_bytes()]);
            let point = curve.point(&x, &y).unwrap();
            assert_eq!(curve.coordinates(&point), Some((&x[..], &y[..])));
            assert_eq!(Curve::from_name(curve.name()), Some(curve));
        }
    }

    #[test]
    fn points_of_another_form_or_curve_are_refused() {
        let off_curve = Curve::P256.point(&[1; 32], &[2; 32]).unwrap();
        assert_eq!(Curve::P256.parse_point(&off_curve).unwrap_err(), JoseError::Key("its point is not on its curve"));
        let form = JoseError::Key("its point is not uncompressed or has the wrong length for its curve");
        assert_eq!(Curve::P384.parse_point(&off_curve).unwrap_err(), form);
        assert_eq!(Curve::P256.parse_point(&[]).unwrap_err(), form);
        assert_eq!(Curve::P256.parse_point(&[2; 65]).unwrap_err(), form);
        assert_eq!(Curve::P256.parse_point(&[0]).unwrap_err(), form, "the point at infinity");
    }
}
