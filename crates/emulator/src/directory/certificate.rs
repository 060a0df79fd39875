//! Certificates that applications are known by.

use std::path::Path;

use rustls_pki_types::{CertificateDer, pem::PemObject};
use sidekey_host::UnixTime;
use sidekey_jose::{base64url, thumbprint_sha1, thumbprint_sha256};
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

use super::file::CertificateFile;

/// A certificate of an application: the certificate itself, or its thumbprint alone.
#[derive(Debug, Clone)]
pub(crate) enum RegisteredCertificate {
    /// The whole certificate, DER.
    Certificate(Vec<u8>),
    /// SHA-1 or SHA-256 in base64url, the form of `x5t` and `x5t#S256`.
    Thumbprint(String),
}

impl RegisteredCertificate {
    /// Whether a thumbprint, in base64url, base64 or hex, is this certificate's.
    pub(crate) fn has_thumbprint(&self, thumbprint: &str) -> bool {
        let own = match self {
            Self::Certificate(der) => vec![thumbprint_sha1(der), thumbprint_sha256(der)],
            Self::Thumbprint(own) => vec![own.clone()],
        };
        let given = base64url_of(thumbprint);
        own.contains(&hex_to_base64url(&given).unwrap_or(given))
    }

    /// The certificate, where it is known.
    pub(crate) fn der(&self) -> Option<&[u8]> {
        match self {
            Self::Certificate(der) => Some(der),
            Self::Thumbprint(_) => None,
        }
    }
}

/// Subject name and issuer trust.
#[derive(Debug)]
pub(crate) struct TrustedSubject {
    /// A distinguished name, or a common name alone.
    pub(crate) subject: String,
    /// The issuing authority's certificate, DER.
    pub(crate) issuer: Vec<u8>,
}

impl TrustedSubject {
    /// Whether a certificate bears the trusted subject. Says nothing about who signed it.
    pub(crate) fn names(&self, der: &[u8]) -> bool {
        let Ok((_, certificate)) = X509Certificate::from_der(der) else { return false };
        same_name(certificate.subject(), &self.subject)
    }
}

/// A thumbprint's own form. Some of Entra's clients send base64 with the standard alphabet or with padding.
pub(crate) fn base64url_of(thumbprint: &str) -> String {
    thumbprint.trim_end_matches('=').replace('+', "-").replace('/', "_")
}

/// From when to when a certificate is valid. `None` if it cannot be read.
pub(crate) fn validity(der: &[u8]) -> Option<(UnixTime, UnixTime)> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let time = |time: x509_parser::time::ASN1Time| UnixTime(u64::try_from(time.timestamp()).unwrap_or(0));
    Some((time(certificate.validity().not_before), time(certificate.validity().not_after)))
}

/// Reads what the file says about one certificate; the error says what to write instead.
pub(super) fn read(file: &CertificateFile, folder: &Path) -> Result<RegisteredCertificate, String> {
    match (&file.pem, &file.path, &file.thumbprint) {
        (Some(pem), None, None) => from_pem(pem).map(RegisteredCertificate::Certificate),
        (None, Some(path), None) => {
            let path = folder.join(path);
            let pem = std::fs::read_to_string(&path).map_err(|e| format!("cannot read `{}`: {e}", path.display()))?;
            from_pem(&pem).map(RegisteredCertificate::Certificate).map_err(|e| format!("`{}`: {e}", path.display()))
        }
        (None, None, Some(thumbprint)) => hex_to_base64url(&thumbprint.replace([':', ' '], ""))
            .map(RegisteredCertificate::Thumbprint)
            .ok_or_else(|| format!("`{thumbprint}` is no thumbprint: write SHA-1 (40) or SHA-256 (64) hex digits")),
        _ => Err("write exactly one of `pem`, `path` and `thumbprint`".to_owned()),
    }
}

fn from_pem(pem: &str) -> Result<Vec<u8>, String> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| "holds no PEM certificate (`-----BEGIN CERTIFICATE-----`)".to_owned())?;
    validity(&der).ok_or("the certificate in it cannot be read as X.509")?;
    Ok(der.to_vec())
}

/// 40 or 64 hex digits as base64url of the bytes.
fn hex_to_base64url(text: &str) -> Option<String> {
    if !matches!(text.len(), 40 | 64) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).filter_map(|d| u8::try_from(d).ok()).collect();
    let bytes: Vec<u8> =
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    Some(base64url::encode(bytes))
}

/// Distinguished names are the same if they have the same parts, whatever their order and case; a text without `=` is a common name.
fn same_name(name: &X509Name<'_>, text: &str) -> bool {
    if !text.contains('=') {
        return name.iter_common_name().any(|cn| cn.as_str().is_ok_and(|cn| cn.eq_ignore_ascii_case(text.trim())));
    }
    parts(&name.to_string()) == parts(text)
}

fn parts(name: &str) -> Vec<String> {
    let mut parts: Vec<_> = name.split(',').map(|part| part.replace(' ', "").to_lowercase()).collect();
    parts.sort();
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbprints_match_in_either_alphabet_of_base64_padded_or_not() {
        let der = |thumbprint: &str| RegisteredCertificate::Thumbprint(thumbprint.to_owned());
        let (url, standard) = ("fL-6CrBatG2oRntrPk_bsgm3r3c", "fL+6CrBatG2oRntrPk/bsgm3r3c=");
        assert!(der(url).has_thumbprint(url) && der(url).has_thumbprint(standard));
        assert!(!der(url).has_thumbprint("fL+6CrBatG2oRntrPk/bsgm3r3d="));
    }

    #[test]
    fn thumbprints_match_in_hex_and_base64url_padded_or_not() {
        let registered = RegisteredCertificate::Certificate(b"certificate".to_vec());
        let sha1 = thumbprint_sha1(b"certificate");
        assert!(registered.has_thumbprint(&sha1));
        assert!(registered.has_thumbprint(&format!("{sha1}=")));
        let bytes = base64url::decode(&sha1).unwrap();
        let hex = crate::text::hex(&bytes).to_uppercase();
        assert!(registered.has_thumbprint(&hex));
        assert!(registered.has_thumbprint(&thumbprint_sha256(b"certificate")));
        assert!(!registered.has_thumbprint(&thumbprint_sha1(b"another")));
    }

    #[test]
    fn certificates_are_given_in_exactly_one_way() {
        let file = |pem: Option<&str>, thumbprint: Option<&str>| CertificateFile {
            pem: pem.map(Into::into),
            path: None,
            thumbprint: thumbprint.map(Into::into),
        };
        for bad in [file(None, None), file(Some("x"), Some("y")), file(Some("x"), None), file(None, Some("abc"))] {
            assert!(read(&bad, Path::new(".")).is_err());
        }
    }
}
