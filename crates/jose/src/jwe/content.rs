//! Content encryption algorithms (RFC 7518 §5).

use std::{fmt, str::FromStr};

use aws_lc_rs::{
    aead::{self, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::{self, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey},
    constant_time::verify_slices_are_equal,
    error::Unspecified,
    hmac,
    iv::FixedLength,
};
use zeroize::Zeroizing;

use crate::{JoseError, error::shorten};

/// A content encryption algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are RFC 7518's")]
pub enum ContentEncryption {
    A128Gcm,
    A192Gcm,
    A256Gcm,
    A128CbcHs256,
    A192CbcHs384,
    A256CbcHs512,
}

/// Ciphertext and what belongs to it.
#[derive(Clone, Debug)]
pub(super) struct Sealed {
    pub(super) iv: Vec<u8>,
    pub(super) ciphertext: Vec<u8>,
    pub(super) tag: Vec<u8>,
}

impl ContentEncryption {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::A128Gcm, Self::A192Gcm, Self::A256Gcm, Self::A128CbcHs256, Self::A192CbcHs384, Self::A256CbcHs512];

    /// The name in a header's `enc`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::A128Gcm => "A128GCM",
            Self::A192Gcm => "A192GCM",
            Self::A256Gcm => "A256GCM",
            Self::A128CbcHs256 => "A128CBC-HS256",
            Self::A192CbcHs384 => "A192CBC-HS384",
            Self::A256CbcHs512 => "A256CBC-HS512",
        }
    }

    /// The length of the content's key in bytes.
    pub(super) fn key_bytes(self) -> usize {
        match self.scheme() {
            Scheme::Gcm(algorithm) => algorithm.key_len(),
            Scheme::CbcHmac { half, .. } => 2 * half,
        }
    }

    /// The length of the initialization vector in bytes.
    pub(super) fn iv_bytes(self) -> usize {
        match self.scheme() {
            Scheme::Gcm(_) => aead::NONCE_LEN,
            Scheme::CbcHmac { .. } => cipher::AES_CBC_IV_LEN,
        }
    }

    /// Whether the parts have the lengths that the algorithm asks for; [`Self::open`] would refuse others too, but later.
    pub(super) fn fits(self, sealed: &Sealed) -> bool {
        let tag_bytes = match self.scheme() {
            Scheme::Gcm(algorithm) => algorithm.tag_len(),
            Scheme::CbcHmac { half, .. } => half,
        };
        sealed.iv.len() == self.iv_bytes() && sealed.tag.len() == tag_bytes
    }

    /// Decrypts where the tag is right.
    pub(super) fn open(self, key: &[u8], aad: &[u8], sealed: Sealed) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        match self.scheme() {
            Scheme::Gcm(algorithm) => open_gcm(algorithm, key, aad, sealed),
            Scheme::CbcHmac { mac, cipher, half } => {
                let (mac_key, cipher_key) = key.split_at_checked(half).ok_or(Unspecified)?;
                verify_slices_are_equal(
                    cbc_tag(mac, mac_key, aad, &sealed).get(..half).ok_or(Unspecified)?,
                    &sealed.tag,
                )?;
                // Only now: with the padding looked at first, its errors would give the plaintext away (Vaudenay 2002).
                open_cbc(cipher, cipher_key, sealed)
            }
        }
    }

    /// Encrypts; the counterpart of [`Self::open`].
    pub(super) fn seal(self, key: &[u8], iv: Vec<u8>, aad: &[u8], plaintext: &[u8]) -> Result<Sealed, Unspecified> {
        match self.scheme() {
            Scheme::Gcm(algorithm) => seal_gcm(algorithm, key, iv, aad, plaintext),
            Scheme::CbcHmac { mac, cipher, half } => {
                let (mac_key, cipher_key) = key.split_at_checked(half).ok_or(Unspecified)?;
                let mut sealed = seal_cbc(cipher, cipher_key, iv, plaintext)?;
                sealed.tag = cbc_tag(mac, mac_key, aad, &sealed);
                sealed.tag.truncate(half);
                Ok(sealed)
            }
        }
    }

    fn scheme(self) -> Scheme {
        match self {
            Self::A128Gcm => Scheme::Gcm(&aead::AES_128_GCM),
            Self::A192Gcm => Scheme::Gcm(&aead::AES_192_GCM),
            Self::A256Gcm => Scheme::Gcm(&aead::AES_256_GCM),
            Self::A128CbcHs256 => Scheme::CbcHmac { mac: hmac::HMAC_SHA256, cipher: &cipher::AES_128, half: 16 },
            Self::A192CbcHs384 => Scheme::CbcHmac { mac: hmac::HMAC_SHA384, cipher: &cipher::AES_192, half: 24 },
            Self::A256CbcHs512 => Scheme::CbcHmac { mac: hmac::HMAC_SHA512, cipher: &cipher::AES_256, half: 32 },
        }
    }
}

impl fmt::Display for ContentEncryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ContentEncryption {
    type Err = JoseError;

    /// Reads the exact name.
    fn from_str(name: &str) -> Result<Self, JoseError> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or_else(|| JoseError::UnsupportedEncryption(shorten(name)))
    }
}

enum Scheme {
    /// RFC 7518 §5.3.
    Gcm(&'static aead::Algorithm),
    /// RFC 7518 §5.2: the key is one for the MAC and one for the cipher, `half` bytes each, and so long is the tag.
    CbcHmac { mac: hmac::Algorithm, cipher: &'static cipher::Algorithm, half: usize },
}

fn open_gcm(
    algorithm: &'static aead::Algorithm,
    key: &[u8],
    aad: &[u8],
    sealed: Sealed,
) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key)?);
    let nonce = Nonce::try_assume_unique_for_key(&sealed.iv)?;
    let mut text = Zeroizing::new(sealed.ciphertext);
    key.open_in_place_separate_tag(nonce, Aad::from(aad), &sealed.tag, &mut text)?;
    Ok(text)
}

fn seal_gcm(
    algorithm: &'static aead::Algorithm,
    key: &[u8],
    iv: Vec<u8>,
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Sealed, Unspecified> {
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key)?);
    let nonce = Nonce::try_assume_unique_for_key(&iv)?;
    let mut ciphertext = plaintext.to_vec();
    let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut ciphertext)?;
    Ok(Sealed { iv, ciphertext, tag: tag.as_ref().to_vec() })
}

fn open_cbc(cipher: &'static cipher::Algorithm, key: &[u8], sealed: Sealed) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(cipher::UnboundCipherKey::new(cipher, key)?)?;
    let iv = DecryptionContext::Iv128(FixedLength::try_from(sealed.iv.as_slice())?);
    let mut text = Zeroizing::new(sealed.ciphertext);
    let length = key.decrypt(&mut text, iv)?.len();
    text.truncate(length);
    Ok(text)
}

/// Encrypts and leaves the tag empty.
fn seal_cbc(
    cipher: &'static cipher::Algorithm,
    key: &[u8],
    iv: Vec<u8>,
    plaintext: &[u8],
) -> Result<Sealed, Unspecified> {
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(cipher::UnboundCipherKey::new(cipher, key)?)?;
    let context = EncryptionContext::Iv128(FixedLength::try_from(iv.as_slice())?);
    let mut ciphertext = plaintext.to_vec();
    key.less_safe_encrypt(&mut ciphertext, context)?;
    Ok(Sealed { iv, ciphertext, tag: Vec::new() })
}

/// The whole MAC, of which the first half is the tag: over header, vector, ciphertext, and the header's length in bits.
fn cbc_tag(algorithm: hmac::Algorithm, key: &[u8], aad: &[u8], sealed: &Sealed) -> Vec<u8> {
    let aad_bits = (aad.len() as u64).wrapping_mul(8).to_be_bytes();
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
    for part in [aad, &sealed.iv, &sealed.ciphertext, &aad_bits] {
        context.update(part);
    }
    context.sign().as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::key_wrap::{AES_128, AES_256, AesKek, KeyWrap};
    use proptest::prelude::*;
    use serde_json::Value;
    use wycheproof_ng_kdf_jose::json_web::{TestFlag, TestGroup, TestName, TestSet};

    use super::*;
    use crate::base64url;

    fn key(algorithm: ContentEncryption) -> Vec<u8> {
        (0..).take(algorithm.key_bytes()).collect()
    }

    fn seal(algorithm: ContentEncryption, plaintext: &[u8]) -> Sealed {
        algorithm.seal(&key(algorithm), vec![9; algorithm.iv_bytes()], b"header", plaintext).unwrap()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .collect()
    }

    #[test]
    fn every_algorithm_is_read_back_from_its_name() {
        for algorithm in ContentEncryption::ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
        }
        for name in ["A512GCM", "a256gcm", "A256CBC", "A128CBC-HS512", "C20P", "none", ""] {
            assert_eq!(name.parse::<ContentEncryption>(), Err(JoseError::UnsupportedEncryption(name.to_owned())));
        }
    }

    #[test]
    fn the_examples_of_rfc_7518_appendix_b_are_computed() {
        let plaintext = b"A cipher system must not be required to be secret, and it must be able to fall into the hands of the enemy without inconvenience";
        let iv = base64url::decode("GvOMLcK5b_3YZpQJI0G8BA").unwrap();
        let cases = [
            (ContentEncryption::A128CbcHs256, "652c3fa36b0a7c5b3219fab3a30bc1c4"),
            (ContentEncryption::A192CbcHs384, "8490ac0e58949bfe51875d733f93ac2075168039ccc733d7"),
            (ContentEncryption::A256CbcHs512, "4dd3b4c088a7f45c216839645b2012bf2e6269a8c56a816dbc1b267761955bc5"),
        ];
        for (algorithm, tag) in cases {
            let aad = b"The second principle of Auguste Kerckhoffs";
            let sealed = algorithm.seal(&key(algorithm), iv.clone(), aad, plaintext).unwrap();
            assert_eq!((sealed.ciphertext.len(), hex(&sealed.tag).as_str()), (144, tag), "{algorithm}");
            assert_eq!(**algorithm.open(&key(algorithm), aad, sealed).unwrap(), *plaintext);
        }
    }

    #[test]
    fn anything_changed_is_noticed() {
        for algorithm in ContentEncryption::ALL {
            let (key, sealed) = (key(algorithm), seal(algorithm, b"plaintext"));
            let refused = |sealed: Sealed| algorithm.open(&key, b"header", sealed).is_err();
            assert!(!refused(sealed.clone()));
            let last = |part: &[u8]| [&part[..part.len() - 1], &[part[part.len() - 1] ^ 1]].concat();
            assert!(refused(Sealed { iv: last(&sealed.iv), ..sealed.clone() }));
            assert!(refused(Sealed { ciphertext: last(&sealed.ciphertext), ..sealed.clone() }));
            assert!(refused(Sealed { tag: last(&sealed.tag), ..sealed.clone() }));
            assert!(algorithm.open(&key, b"Header", sealed.clone()).is_err());
            assert!(algorithm.open(&last(&key), b"header", sealed.clone()).is_err());
            // A shorter tag leaves less to guess; bytes moved between the parts would be a second spelling.
            for length in 0..sealed.tag.len() {
                assert!(refused(Sealed { tag: sealed.tag[..length].to_vec(), ..sealed.clone() }));
            }
            let (mut ciphertext, mut tag) = (sealed.ciphertext.clone(), sealed.tag.clone());
            tag.insert(0, ciphertext.pop().unwrap());
            assert!(refused(Sealed { ciphertext, tag, ..sealed.clone() }));
            assert!(refused(Sealed { iv: Vec::new(), ..sealed.clone() }));
            assert!(refused(Sealed { iv: [&sealed.iv[..], &[0]].concat(), ..sealed }));
        }
    }

    #[test]
    fn a_wrong_padding_under_a_right_tag_is_refused() {
        let algorithm = ContentEncryption::A128CbcHs256;
        let (mac_key, cipher_key) = (vec![1; 16], vec![2; 16]);
        let whole = [&mac_key[..], &cipher_key].concat();
        let cipher =
            cipher::EncryptingKey::cbc(cipher::UnboundCipherKey::new(&cipher::AES_128, &cipher_key).unwrap()).unwrap();
        let padded = |last: [u8; 2]| [[7; 14].as_slice(), &last].concat();
        for (mut block, good) in [
            (padded([2, 2]), true),
            (padded([7, 1]), true),
            (padded([7, 2]), false),
            (padded([7, 0]), false),
            (padded([7, 17]), false),
            (padded([7, 255]), false),
            (vec![16; 16], true),
            (Vec::new(), false),
        ] {
            let what = format!("{block:?}");
            let iv = vec![3; 16];
            let context = EncryptionContext::Iv128(FixedLength::try_from(iv.as_slice()).unwrap());
            cipher.less_safe_encrypt(&mut block, context).unwrap();
            let mut sealed = Sealed { iv, ciphertext: block, tag: Vec::new() };
            sealed.tag = cbc_tag(hmac::HMAC_SHA256, &mac_key, b"", &sealed)[..16].to_vec();
            assert_eq!(algorithm.open(&whole, b"", sealed).is_ok(), good, "{what}");
        }
    }

    /// The content's key of a token whose key management is AES: outside of our profile, but it brings the vectors of
    /// truncated tags and wrong paddings along.
    fn aes_unwrapped(header: &Value, kek: &[u8], encrypted: &[u8]) -> Option<Vec<u8>> {
        let mut buffer = vec![0; encrypted.len()];
        let member = |name: &str| base64url::decode(header[name].as_str()?).ok();
        match header["alg"].as_str()? {
            "dir" => Some(kek.to_vec()),
            "A128KW" => Some(AesKek::new(&AES_128, kek).ok()?.unwrap(encrypted, &mut buffer).ok()?.to_vec()),
            "A256KW" => Some(AesKek::new(&AES_256, kek).ok()?.unwrap(encrypted, &mut buffer).ok()?.to_vec()),
            "A128GCMKW" | "A192GCMKW" | "A256GCMKW" => {
                let sealed = Sealed { iv: member("iv")?, ciphertext: encrypted.to_vec(), tag: member("tag")? };
                let gcm = ContentEncryption::ALL[..3].iter().find(|gcm| gcm.key_bytes() == kek.len())?;
                gcm.open(kek, b"", sealed).ok().map(|key| key.to_vec())
            }
            _ => None,
        }
    }

    /// The plaintext of a case whose key management is AES; `None` where it is another one.
    fn opened(group: &TestGroup, token: &str) -> Option<Result<Zeroizing<Vec<u8>>, Unspecified>> {
        let decoded = |part: &str| base64url::decode(part).ok();
        let parts: Vec<&str> = token.split('.').collect();
        let [protected, encrypted, iv, ciphertext, tag] = parts[..] else { return None };
        let header: Value = serde_json::from_slice(&decoded(protected)?).ok()?;
        let kek = decoded(group.private_key.as_ref()?["k"].as_str()?)?;
        let key = aes_unwrapped(&header, &kek, &decoded(encrypted)?)?;
        let algorithm: ContentEncryption = header["enc"].as_str()?.parse().unwrap();
        // Wycheproof changes the last character of a tag, which leaves stray bits: no base64url, and refused as such.
        let (Some(iv), Some(ciphertext), Some(tag)) = (decoded(iv), decoded(ciphertext), decoded(tag)) else {
            return Some(Err(Unspecified));
        };
        Some(algorithm.open(&key, protected.as_bytes(), Sealed { iv, ciphertext, tag }))
    }

    #[test]
    fn wycheproof_content_encryption_cases_get_their_verdicts() {
        let (mut valid, mut invalid) = (0, 0);
        let set = TestSet::load(TestName::JsonWebEncryption).unwrap();
        for (group, test) in set.test_groups.iter().flat_map(|group| group.tests.iter().map(move |test| (group, test)))
        {
            let token = test.jwe.as_ref().and_then(Value::as_str).unwrap_or_default();
            // What a key may be used for and compression are no matter of this layer.
            if test.flags.contains(&TestFlag::WrongCipher) || test.flags.contains(&TestFlag::CompressedPlaintext) {
                continue;
            }
            let id = format!("{} {}", test.tc_id, test.comment);
            match opened(group, token) {
                None => {}
                Some(opened) if test.result.must_fail() => {
                    assert!(opened.is_err(), "{id}");
                    invalid += 1;
                }
                Some(opened) => {
                    assert_eq!(hex(&opened.unwrap()), *test.pt.as_ref().unwrap(), "{id}");
                    valid += 1;
                }
            }
        }
        assert_eq!((valid, invalid), (16, 20));
    }

    proptest! {
        #[test]
        fn what_was_sealed_is_opened(index in 0..6_usize, plaintext: Vec<u8>, aad: Vec<u8>) {
            let algorithm = ContentEncryption::ALL[index];
            let sealed = algorithm.seal(&key(algorithm), vec![1; algorithm.iv_bytes()], &aad, &plaintext).unwrap();
            prop_assert!(algorithm.fits(&sealed));
            prop_assert_eq!(algorithm.open(&key(algorithm), &aad, sealed).unwrap().to_vec(), plaintext);
        }

        #[test]
        fn noise_never_panics_and_never_opens(index in 0..6_usize, key: Vec<u8>, iv: Vec<u8>, ciphertext: Vec<u8>, tag: Vec<u8>) {
            let algorithm = ContentEncryption::ALL[index];
            let wrong = Sealed { iv, ciphertext: ciphertext.clone(), tag };
            prop_assert!(algorithm.open(&key, b"", wrong).is_err());
            let right = Sealed { iv: vec![0; algorithm.iv_bytes()], ciphertext, tag: vec![0; seal(algorithm, b"").tag.len()] };
            prop_assert!(algorithm.open(&vec![0; algorithm.key_bytes()], b"", right).is_err());
        }
    }
}
