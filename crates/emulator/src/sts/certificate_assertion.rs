//! Client assertions signed with a certificate (`private_key_jwt`).
//!
//! See <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::{RootCertStore, server::WebPkiClientVerifier};
use rustls_pki_types::{CertificateDer, UnixTime as WebTime};
use sidekey_host::UnixTime;
use sidekey_jose::{Algorithm, Header, VerifyingKey, base64url, thumbprint_sha256};

use super::{Refusal, assertion::Assertion};
use crate::directory::{App, RegisteredCertificate, TrustedSubject, certificate_validity, thumbprint_base64url};

/// Checks an assertion in Entra's order: certificate, signature, audience, time, subject. `vaulted` are certificates that are registered
/// on the application beside its own list.
pub(crate) fn check(
    app: &App,
    vaulted: &[RegisteredCertificate],
    assertion: &Assertion<'_>,
    audiences: &[String],
    now: UnixTime,
) -> Result<(), Refusal> {
    let header = assertion.header();
    let algorithm = header.algorithm().map_err(Refusal::malformed_jwt)?;
    if !ALLOWED.contains(&algorithm) {
        return Err(Refusal::malformed_jwt(format!(
            "The algorithm '{algorithm}' is not supported: use PS256 or RS256."
        )));
    }
    let certificate = find_certificate(app, vaulted, header, now)?;
    let shown = thumbprint_text(header, &certificate);
    check_validity(&certificate, &shown, now)?;
    let key = VerifyingKey::from_certificate(&certificate).map_err(Refusal::malformed_jwt)?;
    assertion.verify(&key, &ALLOWED).map_err(|_| Refusal::assertion_signature(&shown))?;
    check_audience(assertion, audiences)?;
    assertion.claims().check_time(now, Refusal::assertion_time)?;
    check_subject(app, assertion)
}

/// The registered certificate that the header names, or the one that the header carries if its subject is trusted.
fn find_certificate(
    app: &App,
    vaulted: &[RegisteredCertificate],
    header: &Header,
    now: UnixTime,
) -> Result<Vec<u8>, Refusal> {
    let chain = sent_chain(header)?;
    let named = [&header.x5t_s256, &header.x5t].into_iter().flatten().map(String::as_str);
    let named: Vec<String> =
        named.map(str::to_owned).chain(chain.first().map(|leaf| thumbprint_sha256(leaf))).collect();
    let Some(first) = named.first() else {
        return Err(Refusal::malformed_jwt("No certificate thumbprint is specified in the token header."));
    };
    for registered in app.certificates.iter().chain(vaulted) {
        if named.iter().all(|thumbprint| registered_matches(registered, thumbprint, &chain)) {
            let der = registered.der().map(<[u8]>::to_vec).or_else(|| chain.first().map(|leaf| leaf.to_vec()));
            return der.ok_or_else(|| {
                Refusal::malformed_jwt("The certificate is known by its thumbprint only, so 'x5c' has to be sent.")
            });
        }
    }
    match chain.first() {
        Some(leaf) if !app.trusted_subjects.is_empty() => trusted(app, leaf, &chain, now),
        _ => Err(Refusal::certificate_not_found(hex(first), &app.client_id)),
    }
}

/// Every thumbprint that was shown has to be the registered certificate's. One that is registered as a digest of another length is
/// compared with the certificate that was sent.
fn registered_matches(registered: &RegisteredCertificate, thumbprint: &str, chain: &[CertificateDer<'_>]) -> bool {
    let sent = || chain.first().map(|leaf| RegisteredCertificate::Certificate(leaf.to_vec()));
    match registered {
        RegisteredCertificate::Certificate(_) => registered.has_thumbprint(thumbprint),
        RegisteredCertificate::Thumbprint(own) => match sent() {
            Some(sent) => sent.has_thumbprint(own) && sent.has_thumbprint(thumbprint),
            None => registered.has_thumbprint(thumbprint),
        },
    }
}

/// Subject name and issuer: the leaf bears a trusted subject and leads to that rule's issuer.
fn trusted(
    app: &App,
    leaf: &CertificateDer<'_>,
    chain: &[CertificateDer<'_>],
    now: UnixTime,
) -> Result<Vec<u8>, Refusal> {
    let applies = |rule: &&TrustedSubject| rule.names(leaf) && leads_to(&rule.issuer, leaf, chain, now);
    let rule = app.trusted_subjects.iter().find(applies);
    rule.map(|_| leaf.to_vec()).ok_or_else(|| Refusal::subject_not_authorized(&app.client_id))
}

/// Whether the chain leads from the leaf to the issuer.
fn leads_to(issuer: &[u8], leaf: &CertificateDer<'_>, chain: &[CertificateDer<'_>], now: UnixTime) -> bool {
    let mut roots = RootCertStore::empty();
    if roots.add(CertificateDer::from(issuer)).is_err() {
        return false;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let Ok(verifier) = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build() else {
        return false;
    };
    let now = WebTime::since_unix_epoch(std::time::Duration::from_secs(now.0));
    verifier.verify_client_cert(leaf, chain.get(1..).unwrap_or_default(), now).is_ok()
}

/// The certificates that came along. MSAL for Python leaves a PEM's line breaks in them, and Entra takes them so.
fn sent_chain(header: &Header) -> Result<Vec<CertificateDer<'static>>, Refusal> {
    let decode = |text: &String| STANDARD.decode(text.split_whitespace().collect::<String>()).map(CertificateDer::from);
    let chain: Result<Vec<_>, _> = header.x5c.iter().take(MAX_CHAIN).map(decode).collect();
    chain.map_err(|_| Refusal::malformed_jwt("The header 'x5c' is not a list of base64 certificates."))
}

fn check_validity(certificate: &[u8], shown: &str, now: UnixTime) -> Result<(), Refusal> {
    match certificate_validity(certificate) {
        Some((from, until)) if from <= now && now <= until => Ok(()),
        _ => Err(Refusal::certificate_expired(shown)),
    }
}

fn check_audience(assertion: &Assertion<'_>, audiences: &[String]) -> Result<(), Refusal> {
    let own = assertion.claims().audiences();
    let matches = |aud: &&str| audiences.iter().any(|known| known.eq_ignore_ascii_case(aud.trim_end_matches('/')));
    if own.iter().any(matches) { Ok(()) } else { Err(Refusal::assertion_audience(own.join(" "))) }
}

fn check_subject(app: &App, assertion: &Assertion<'_>) -> Result<(), Refusal> {
    let (issuer, subject) = (assertion.claims().require("iss")?, assertion.claims().require("sub")?);
    let is_client = |text: &str| text.eq_ignore_ascii_case(app.client_id.as_str());
    if is_client(issuer) && is_client(subject) { Ok(()) } else { Err(Refusal::assertion_subject(issuer, subject)) }
}

/// The thumbprint that error texts show: as sent, else of the certificate itself; hex.
fn thumbprint_text(header: &Header, certificate: &[u8]) -> String {
    let sent = header.x5t.clone().or_else(|| header.x5t_s256.clone());
    hex(&sent.unwrap_or_else(|| thumbprint_sha256(certificate)))
}

fn hex(thumbprint: &str) -> String {
    let bytes = base64url::decode(thumbprint_base64url(thumbprint));
    bytes.map_or_else(|_| thumbprint.to_owned(), |bytes| crate::text::hex(&bytes).to_uppercase())
}

const ALLOWED: [Algorithm; 2] = [Algorithm::PS256, Algorithm::RS256];
const MAX_CHAIN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sent_certificate_may_have_line_breaks_but_not_be_something_else() {
        let header = |text: &str| Header {
            alg: "RS256".to_owned(),
            kid: None,
            typ: None,
            x5t: None,
            x5t_s256: None,
            x5c: vec![text.to_owned()],
            has_nonce: false,
        };
        assert_eq!(sent_chain(&header("AQID\nBAUG\r\n")).unwrap()[0].as_ref(), [1, 2, 3, 4, 5, 6]);
        for bad in ["AQID?", "AQID====", "-----BEGIN CERTIFICATE-----"] {
            assert!(sent_chain(&header(bad)).is_err(), "{bad}");
        }
    }
}
