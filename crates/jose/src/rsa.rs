//! RSA public keys: what they must satisfy, and their parsed form for each algorithm.

use std::sync::OnceLock;

use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    RsaPublicKeyComponents,
};

use crate::{Algorithm, JoseError};

/// A checked RSA public key. aws-lc ties a parsed key to one algorithm, so each form is parsed at its first use and kept.
pub(crate) struct RsaKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    parsed: [OnceLock<Option<ParsedPublicKey>>; ALGORITHMS.len()],
}

impl RsaKey {
    /// From big-endian numbers; leading zeros, which some libraries add, do not count.
    pub(crate) fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, JoseError> {
        let (modulus, exponent) = (without_leading_zeros(modulus), without_leading_zeros(exponent));
        check_modulus(modulus)?;
        check_exponent(exponent)?;
        let key = Self { modulus: modulus.to_vec(), exponent: exponent.to_vec(), parsed: Default::default() };
        Ok(key)
    }

    /// The parsed key for an algorithm; `None` for one that is not RSA's.
    pub(crate) fn parsed(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        let ((_, parameters), slot) = ALGORITHMS.iter().zip(&self.parsed).find(|((own, _), _)| *own == algorithm)?;
        slot.get_or_init(|| self.parse(parameters)).as_ref()
    }

    /// The length of the modulus in bits.
    pub(crate) fn bits(&self) -> usize {
        bits(&self.modulus)
    }

    /// Modulus and exponent, big-endian.
    pub(crate) fn numbers(&self) -> (&[u8], &[u8]) {
        (&self.modulus, &self.exponent)
    }

    fn parse(&self, parameters: &'static RsaParameters) -> Option<ParsedPublicKey> {
        RsaPublicKeyComponents { n: &self.modulus, e: &self.exponent }.to_parsed_public_key(parameters).ok()
    }
}

/// Whether an algorithm is one of RSA's.
pub(crate) fn is_rsa(algorithm: Algorithm) -> bool {
    ALGORITHMS.iter().any(|(own, _)| *own == algorithm)
}

fn check_modulus(modulus: &[u8]) -> Result<(), JoseError> {
    if !(2048..=8192).contains(&bits(modulus)) {
        return Err(JoseError::Key("its RSA modulus is not between 2048 and 8192 bits long"));
    }
    if modulus.last().is_none_or(|last| last % 2 == 0) {
        return Err(JoseError::Key("its RSA modulus is even"));
    }
    if has_roca_fingerprint(modulus) {
        return Err(JoseError::Key("its RSA modulus comes from a broken generator (ROCA, CVE-2017-15361)"));
    }
    Ok(())
}

/// Odd and from 3 to 33 bits: 1 would make every message its own signature, and longer ones only cost time.
fn check_exponent(exponent: &[u8]) -> Result<(), JoseError> {
    let odd = exponent.last().is_some_and(|last| last % 2 == 1);
    if odd && (2..=33).contains(&bits(exponent)) {
        Ok(())
    } else {
        Err(JoseError::Key("its RSA exponent is not an odd number from 3 to 33 bits"))
    }
}

/// Whether the modulus shows the mark of the Infineon generator (ROCA): modulo each small prime it is a power of 65537,
/// which happens by chance once in some hundred million keys. Such a modulus can be factored.
fn has_roca_fingerprint(modulus: &[u8]) -> bool {
    ROCA_PRIMES.iter().all(|&prime| is_power_of_65537(remainder(modulus, prime), prime))
}

fn is_power_of_65537(residue: u32, prime: u32) -> bool {
    let mut power = 1;
    loop {
        if power == residue {
            return true;
        }
        power = power * (65_537 % prime) % prime;
        if power == 1 {
            return false;
        }
    }
}

fn remainder(number: &[u8], prime: u32) -> u32 {
    number.iter().fold(0, |rest, &byte| (rest * 256 + u32::from(byte)) % prime)
}

fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

static ALGORITHMS: [(Algorithm, &RsaParameters); 6] = [
    (Algorithm::RS256, &RSA_PKCS1_2048_8192_SHA256),
    (Algorithm::PS256, &RSA_PSS_2048_8192_SHA256),
    (Algorithm::RS384, &RSA_PKCS1_2048_8192_SHA384),
    (Algorithm::RS512, &RSA_PKCS1_2048_8192_SHA512),
    (Algorithm::PS384, &RSA_PSS_2048_8192_SHA384),
    (Algorithm::PS512, &RSA_PSS_2048_8192_SHA512),
];

/// The odd primes up to 167, whose product divides the one in the broken generator for keys of 512 bits and more.
const ROCA_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// An odd number of the given length without the ROCA mark: all ones.
    fn modulus(bits: usize) -> Vec<u8> {
        let mut number = vec![0xff; bits.div_ceil(8)];
        number[0] = 0xff >> (bits.div_ceil(8) * 8 - bits);
        number
    }

    #[test]
    fn a_modulus_has_2048_to_8192_bits() {
        for (length, good) in [(1024, false), (2047, false), (2048, true), (2049, true), (8192, true), (8193, false)] {
            assert_eq!(RsaKey::new(&modulus(length), &[1, 0, 1]).is_ok(), good, "{length}");
        }
        assert!(RsaKey::new(&[], &[1, 0, 1]).is_err());
        let even = [&modulus(2048)[..255], &[0xfe]].concat();
        assert_eq!(RsaKey::new(&even, &[3]).err(), Some(JoseError::Key("its RSA modulus is even")));
    }

    #[test]
    fn an_exponent_is_odd_and_from_3_to_33_bits() {
        let good: [&[u8]; 4] = [&[3], &[1, 0, 1], &[0, 0, 1, 0, 1], &[1, 0xff, 0xff, 0xff, 0xff]];
        let bad: [&[u8]; 6] = [&[], &[0], &[1], &[2], &[1, 0, 0], &[3, 0, 0, 0, 1]];
        for exponent in good {
            assert!(RsaKey::new(&modulus(2048), exponent).is_ok(), "{exponent:?}");
        }
        for exponent in bad {
            assert!(RsaKey::new(&modulus(2048), exponent).is_err(), "{exponent:?}");
        }
    }

    #[test]
    fn leading_zeros_do_not_count() {
        let key = RsaKey::new(&[&[0, 0], &modulus(2048)[..]].concat(), &[0, 1, 0, 1]).unwrap();
        assert_eq!(key.bits(), 2048);
        assert!(key.parsed(Algorithm::RS256).is_some());
        assert!(RsaKey::new(&[&[0], &modulus(2040)[..]].concat(), &[1, 0, 1]).is_err());
    }

    #[test]
    fn a_power_of_65537_is_known_as_such_for_each_prime() {
        for prime in ROCA_PRIMES {
            let powers: Vec<u32> =
                (0..prime).scan(1, |power, _| Some(std::mem::replace(power, *power * 65_537 % prime))).collect();
            for residue in 0..prime {
                assert_eq!(is_power_of_65537(residue, prime), powers.contains(&residue), "{residue} mod {prime}");
            }
        }
    }
}
