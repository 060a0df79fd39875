//! A server known by its certificate's thumbprint alone, as Service Fabric's identity endpoint is.

use std::{io, sync::Arc};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// Accepts one certificate. That the server has its key is still proved by the handshake.
#[derive(Debug)]
pub(super) struct PinnedVerifier {
    provider: Arc<CryptoProvider>,
    sha1: [u8; 20],
}

/// Another certificate than the pinned one, by its thumbprint.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is not the one that is expected")]
struct Unpinned([u8; 20]);

/// The SHA-1 thumbprint of the certificate that a server showed, where a request failed because that is not the pinned one.
pub(super) fn unpinned(error: &(dyn std::error::Error + 'static)) -> Option<[u8; 20]> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(Error::InvalidCertificate(CertificateError::Other(OtherError(other)))) = error.downcast_ref() {
            return other.downcast_ref::<Unpinned>().map(|Unpinned(found)| *found);
        }
        // The source of an I/O error that wraps another is that one's source.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = wrapped.map(|wrapped| wrapped as &(dyn std::error::Error + 'static)).or_else(|| error.source());
    }
    None
}

impl PinnedVerifier {
    pub(super) fn new(provider: Arc<CryptoProvider>, sha1: [u8; 20]) -> Self {
        Self { provider, sha1 }
    }
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found: [u8; 20] = digest(&SHA1_FOR_LEGACY_USE_ONLY, end_entity).as_ref().try_into().unwrap_or_default();
        if found == self.sha1 {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Unpinned(found))))))
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_certificate_with_the_thumbprint_is_accepted() {
        let own = rcgen::generate_simple_self_signed(["any".to_owned()]).unwrap().cert;
        let other = rcgen::generate_simple_self_signed(["any".to_owned()]).unwrap().cert;
        let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, own.der()).as_ref().try_into().unwrap();
        let verifier = PinnedVerifier::new(crate::tls::provider(), sha1);
        let judge = |certificate: &CertificateDer<'_>| {
            let name = ServerName::try_from("10.0.0.4").unwrap();
            verifier.verify_server_cert(
                certificate,
                &[],
                &name,
                &[],
                UnixTime::since_unix_epoch(std::time::Duration::ZERO),
            )
        };
        assert!(judge(own.der()).is_ok());
        assert!(judge(other.der()).is_err());
    }
}
