//! A key and its certificates as a file: PKCS#12 without password, or PEM. Written for secrets, read for imports.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, Pkcs12Archive, PrivateKey, PrivateKeyChain};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use sidekey_jose::VerifyingKey;
use sidekey_oauth::Secret;
use zeroize::Zeroizing;

use super::{key::Key, material::Material};

/// The form that a certificate's secret has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `application/x-pkcs12`: base64 in the secret's value.
    Pkcs12,
    /// `application/x-pem-file`.
    Pem,
}

impl Form {
    /// By content type.
    pub(crate) fn find(content_type: &str) -> Result<Self, String> {
        let known = [Self::Pkcs12, Self::Pem].into_iter();
        let mut known = known.filter(|form| form.content_type().eq_ignore_ascii_case(content_type));
        known.next().ok_or_else(|| {
            format!(
                "the content type `{content_type}` is not known: write `application/x-pkcs12` or `application/x-pem-file`"
            )
        })
    }

    /// The content type.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Pkcs12 => "application/x-pkcs12",
            Self::Pem => "application/x-pem-file",
        }
    }

    /// The secret's value. Without the private key, if that may not leave.
    pub(crate) fn write(self, material: &Material, exportable: bool) -> Result<Secret, String> {
        match self {
            Self::Pkcs12 => write_pkcs12(material, exportable).map(|der| Secret::new(STANDARD.encode(&*der))),
            Self::Pem => Ok(write_pem(material, exportable)),
        }
    }
}

/// Reads a PFX (raw) or PEM; the form that it had comes along.
pub(crate) fn read(content: &[u8], password: &str) -> Result<(Material, Form), String> {
    let is_pem = content.trim_ascii_start().starts_with(b"-----BEGIN");
    let (key, chain, form) = if is_pem { read_pem(content)? } else { read_pkcs12(content, password)? };
    Ok((assemble(&key, chain)?, form))
}

/// What an import sends: PEM as it is, or a PFX in base64.
pub(crate) fn read_text(text: &str, password: &str) -> Result<(Material, Form), String> {
    if text.trim_start().starts_with("-----BEGIN") {
        return read(text.as_bytes(), password);
    }
    let compact: Zeroizing<String> = Zeroizing::new(text.split_ascii_whitespace().collect());
    let der = STANDARD.decode(compact.as_bytes()).map(Zeroizing::new);
    read(&der.map_err(|_| "is neither PEM nor a PFX in base64")?, password)
}

/// The certificate that belongs to the key goes first.
fn assemble(key: &[u8], mut chain: Vec<Vec<u8>>) -> Result<Material, String> {
    let key = Key::from_der(key)?;
    let own = chain.iter().position(|der| belongs(&key, der)).ok_or("holds no certificate of its private key")?;
    chain.swap(0, own);
    Ok(Material { key, chain })
}

/// Whether the certificate's key checks what the private key signs.
fn belongs(key: &Key, certificate: &[u8]) -> bool {
    let Ok(public) = VerifyingKey::from_certificate(certificate) else { return false };
    let known = [
        sidekey_jose::Algorithm::RS256,
        sidekey_jose::Algorithm::ES256,
        sidekey_jose::Algorithm::ES384,
        sidekey_jose::Algorithm::ES512,
    ];
    known.into_iter().filter(|algorithm| public.permits(*algorithm)).any(|algorithm| {
        let digest = aws_lc_rs::digest::digest(super::algorithm::digest_of(algorithm), b"probe");
        let signature = key.sign(algorithm, digest.as_ref());
        signature.is_ok_and(|signature| public.verify(algorithm, b"probe", &signature).is_ok())
    })
}

type Parts = (Zeroizing<Vec<u8>>, Vec<Vec<u8>>, Form);

fn read_pem(content: &[u8]) -> Result<Parts, String> {
    let key = PrivateKeyDer::from_pem_slice(content)
        .map_err(|_| "holds no private key in PEM (`-----BEGIN PRIVATE KEY-----`, not encrypted)")?;
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(content).map(|der| der.map(|der| der.to_vec())).collect();
    let chain = chain.map_err(|_| "holds a certificate that is not PEM")?;
    Ok((Zeroizing::new(key.secret_der().to_vec()), chain, Form::Pem))
}

fn read_pkcs12(content: &[u8], password: &str) -> Result<Parts, String> {
    let archive = Pkcs12Archive::from_pkcs12(content, password)
        .map_err(|error| format!("cannot be read as PFX ({error}): is the password right?"))?;
    let key = archive.keys.first().ok_or("holds no private key")?;
    let key = Zeroizing::new(key.key.as_der().to_vec());
    let chain = archive.certs.iter().map(|bag| bag.cert.as_der().to_vec()).collect();
    Ok((key, chain, Form::Pkcs12))
}

fn write_pkcs12(material: &Material, exportable: bool) -> Result<Zeroizing<Vec<u8>>, String> {
    let text = |error: p12_keystore::error::Error| error.to_string();
    let chain: Result<Vec<_>, _> = material.chain.iter().map(|der| Certificate::from_der(der).map_err(text)).collect();
    let chain = chain?;
    let mut store = KeyStore::new();
    if exportable {
        let key = PrivateKey::from_der(material.key.pkcs8()).map_err(text)?;
        store.add_entry(ALIAS, KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new(LOCAL_KEY_ID, key, chain)));
    } else {
        for (i, certificate) in chain.into_iter().enumerate() {
            store.add_entry(&format!("{ALIAS}{i}"), KeyStoreEntry::Certificate(certificate));
        }
    }
    let writer = store.writer("").encryption_iterations(ITERATIONS).mac_iterations(ITERATIONS);
    writer.write().map(Zeroizing::new).map_err(text)
}

/// The key as PKCS#8, then the chain.
fn write_pem(material: &Material, exportable: bool) -> Secret {
    let mut text = Zeroizing::new(String::new());
    if exportable {
        push_pem(&mut text, "PRIVATE KEY", material.key.pkcs8());
    }
    for der in &material.chain {
        push_pem(&mut text, "CERTIFICATE", der);
    }
    Secret::new(text.as_str())
}

fn push_pem(text: &mut String, label: &str, der: &[u8]) {
    let _ = writeln!(text, "-----BEGIN {label}-----");
    let base64 = Zeroizing::new(STANDARD.encode(der));
    for line in base64.as_bytes().chunks(64) {
        text.extend(line.iter().copied().map(char::from));
        text.push('\n');
    }
    let _ = writeln!(text, "-----END {label}-----");
}

const ALIAS: &str = "sidekey";
const LOCAL_KEY_ID: &[u8] = &[1, 0, 0, 0];
/// There is no password to protect, so there is nothing to gain from many rounds.
const ITERATIONS: u32 = 2000;

#[cfg(test)]
mod tests {
    use sidekey_host::UnixTime;
    use sidekey_jose::Curve;

    use super::*;
    use crate::vault::{
        algorithm::{KeyKind, RsaSize},
        material::{CertificateRecipe, Pending, Recipe},
    };

    fn material(kind: KeyKind) -> std::sync::Arc<Material> {
        let certificate = CertificateRecipe {
            subject: "CN=a".to_owned(),
            dns_names: Vec::new(),
            from: UnixTime(0),
            until: UnixTime(86_400),
        };
        Pending::later(Recipe { kind, certificate: Some(certificate) }).get().unwrap()
    }

    #[test]
    fn what_is_written_is_read_back_in_both_forms() {
        for kind in [KeyKind::Rsa(RsaSize::Bits2048), KeyKind::Ec(Curve::P256)] {
            let material = material(kind);
            for form in [Form::Pkcs12, Form::Pem] {
                let text = form.write(&material, true).unwrap();
                let (again, read_form) = read_text(text.expose(), "").unwrap();
                assert_eq!((again.key.pkcs8(), read_form), (material.key.pkcs8(), form));
                assert_eq!(again.chain, material.chain);
            }
        }
    }

    #[test]
    fn a_key_that_may_not_leave_is_in_neither_form() {
        let material = material(KeyKind::Ec(Curve::P256));
        let pem = Form::Pem.write(&material, false).unwrap();
        assert!(pem.expose().starts_with("-----BEGIN CERTIFICATE-----") && !pem.expose().contains("PRIVATE"));
        let der = STANDARD.decode(Form::Pkcs12.write(&material, false).unwrap().expose()).unwrap();
        let archive = Pkcs12Archive::from_pkcs12(&der, "").unwrap();
        assert_eq!((archive.keys.len(), archive.certs.len()), (0, 1));
    }

    #[test]
    fn bundles_without_a_matching_pair_are_refused() {
        let (one, other) = (material(KeyKind::Ec(Curve::P256)), material(KeyKind::Ec(Curve::P256)));
        let key = Form::Pem.write(&Material { key: Key::from_der(one.key.pkcs8()).unwrap(), chain: vec![] }, true);
        let stranger = Form::Pem.write(&other, false).unwrap();
        let mixed = format!("{}{}", key.unwrap().expose(), stranger.expose());
        for bad in ["", "noise", stranger.expose(), &mixed, &STANDARD.encode("noise")] {
            assert!(read_text(bad, "").is_err(), "{bad}");
        }
    }
}
