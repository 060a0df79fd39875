//! TLS for listeners, with the one crypto provider of this program.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::listen::Protocols;

/// Makes aws-lc-rs the process's crypto provider. Call once at start; later calls do nothing.
pub fn install_crypto_provider() {
    let _ = aws_lc_rs::default_provider().install_default();
}

/// TLS 1.2 and 1.3 with a certificate chain, leaf first, and its key; without client certificates. The HTTP versions are
/// offered by ALPN.
pub fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    protocols: Protocols,
) -> Result<Arc<ServerConfig>, TlsError> {
    let refused = |error: rustls::Error| TlsError::Refused(error.to_string());
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(refused)?;
    config.alpn_protocols = alpn(protocols);
    Ok(Arc::new(config))
}

/// The same from PEM files: the chain and, if not in the same file, the key (PKCS#8, PKCS#1 or SEC1, not encrypted).
pub fn server_config_from_files(
    chain: &Path,
    key: Option<&Path>,
    protocols: Protocols,
) -> Result<Arc<ServerConfig>, TlsError> {
    let certificates = certificates(&read(chain)?);
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate { path: chain.to_owned() });
    }
    let key_path = key.unwrap_or(chain);
    let pem = read(key_path)?;
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        let path = key_path.to_owned();
        if contains(&pem, ENCRYPTED_KEY) { TlsError::EncryptedKey { path } } else { TlsError::NoKey { path } }
    })?;
    server_config(certificates, key, protocols).map_err(|error| match error {
        TlsError::Refused(reason) => TlsError::Unusable { path: chain.to_owned(), reason },
        error => error,
    })
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds no certificate.
    #[error("`{}` holds no PEM certificate (`-----BEGIN CERTIFICATE-----`)", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The file holds no private key.
    #[error("`{}` holds no PEM private key (`-----BEGIN PRIVATE KEY-----`)", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key needs a password.
    #[error("the private key in `{}` is encrypted; store it decrypted, readable by this program alone", path.display())]
    EncryptedKey {
        /// The file.
        path: PathBuf,
    },
    /// Certificate and key from files do not go together or are not understood.
    #[error("the certificate in `{}` cannot be used: {reason}", path.display())]
    Unusable {
        /// The file of the chain.
        path: PathBuf,
        /// What the TLS library said.
        reason: String,
    },
    /// The TLS library refused certificate and key.
    #[error("the certificate cannot be used: {0}")]
    Refused(String),
}

/// The crypto provider, whether or not it was installed for the process.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    CryptoProvider::get_default().map_or_else(|| Arc::new(aws_lc_rs::default_provider()), Arc::clone)
}

/// The certificates of a PEM text; what is none is passed over.
pub(crate) fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

fn alpn(protocols: Protocols) -> Vec<Vec<u8>> {
    let names: &[&[u8]] = match protocols {
        Protocols::Http1 => &[b"http/1.1"],
        Protocols::Http2 => &[b"h2"],
        Protocols::Http1AndHttp2 => &[b"h2", b"http/1.1"],
    };
    names.iter().map(|name| name.to_vec()).collect()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// How PEM names an encrypted PKCS#8 key, and how its older form marks one.
const ENCRYPTED_KEY: &[u8] = b"ENCRYPTED";

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tls.pem");
        fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn pair() -> (String, String) {
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (signed.cert.pem(), signed.signing_key.serialize_pem())
    }

    #[test]
    fn chain_and_key_may_share_a_file() {
        let (certificate, key) = pair();
        let (_folder, path) = file(&format!("{key}{certificate}"));
        let config = server_config_from_files(&path, None, Protocols::Http2).unwrap();
        assert_eq!(config.alpn_protocols, [b"h2".to_vec()]);
    }

    #[test]
    fn chain_and_key_may_lie_apart() {
        let (certificate, key) = pair();
        let ((_first, chain), (_second, key)) = (file(&certificate), file(&key));
        assert!(server_config_from_files(&chain, Some(&key), Protocols::Http1).is_ok());
    }

    #[test]
    fn faults_name_the_file() {
        let (certificate, key) = pair();
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let other_key = pair().1;
        let table = [
            ("nothing", "holds no PEM certificate"),
            (key.as_str(), "holds no PEM certificate"),
            (certificate.as_str(), "holds no PEM private key"),
            (&format!("{certificate}{encrypted}"), "is encrypted"),
            (&format!("{certificate}{other_key}"), "cannot be used"),
        ];
        for (text, expected) in table {
            let (_folder, path) = file(text);
            let message = server_config_from_files(&path, None, Protocols::Http1).unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains(path.to_str().unwrap()), "{message}");
        }
        let missing = server_config_from_files(Path::new("/none/tls.pem"), None, Protocols::Http1).unwrap_err();
        assert!(missing.to_string().starts_with("cannot read `/none/tls.pem`: "), "{missing}");
    }
}
