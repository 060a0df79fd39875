//! Certificate checks against roots that are read at the first handshake.
//!
//! Reading the system's bundle takes longer than all the rest of a start, and a sidecar whose authority is plain HTTP on
//! loopback never needs it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::{
    DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// Rustls's own verifier, made when it is first needed.
#[derive(Debug)]
pub(super) struct LazyVerifier {
    provider: Arc<CryptoProvider>,
    additional: RootCertStore,
    verifier: OnceLock<Arc<WebPkiServerVerifier>>,
    /// Held while the roots are read, so that handshakes at the same time do not all read them.
    making: Mutex<()>,
}

impl LazyVerifier {
    pub(super) fn new(provider: Arc<CryptoProvider>, additional: RootCertStore) -> Self {
        Self { provider, additional, verifier: OnceLock::new(), making: Mutex::new(()) }
    }

    fn verifier(&self) -> Result<&Arc<WebPkiServerVerifier>, Error> {
        if let Some(verifier) = self.verifier.get() {
            return Ok(verifier);
        }
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verifier) = self.verifier.get() {
            return Ok(verifier);
        }
        // A failure is not kept: the file may be mounted a moment later.
        let made = self.make()?;
        Ok(self.verifier.get_or_init(|| made))
    }

    fn make(&self) -> Result<Arc<WebPkiServerVerifier>, Error> {
        let mut roots = self.additional.clone();
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "cannot read some of the system's root certificates");
        }
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            return Err(Error::General(NO_ROOTS.to_owned()));
        }
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map_err(|error| Error::General(error.to_string()))
    }
}

impl ServerCertVerifier for LazyVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verifier()?.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What a handshake fails with on a machine without certificates.
const NO_ROOTS: &str = "no trusted root certificates were found; install the system's CA certificates, \
    or name a bundle in the environment variable `SSL_CERT_FILE`";
