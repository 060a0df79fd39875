//! The emulator's own certificate authority, and the https listener's certificate from it.
//!
//! Peers judge certificates by the machine's clock, so validity is counted from it and not from the emulator's clock.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_lc_rs::digest;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};
use sidekey_host::{Clock, SystemClock, UnixTime};
use sidekey_oauth::Cloud;

use super::store::Store;
use crate::EmulatorError;

/// A certificate authority on P-256.
#[derive(Debug)]
pub(crate) struct CertificateAuthority {
    pem: String,
    key: KeyPair,
    /// The listener's certificate, the same for all of its listeners: some clients know it by its thumbprint.
    leaf: OnceLock<(CertificateDer<'static>, KeyPair)>,
}

impl CertificateAuthority {
    /// The one in the state folder; a new one if there is none.
    pub(crate) fn open(store: Option<&Store>) -> Result<Self, EmulatorError> {
        let Some(store) = store else { return Self::generate().map_err(|error| failed(&error)) };
        if let (Some(pem), Some(key)) = (store.read(CERTIFICATE_FILE)?, store.read(KEY_FILE)?) {
            let key = KeyPair::from_pem(&key).map_err(|error| store.damaged(KEY_FILE, error))?;
            CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| store.damaged(CERTIFICATE_FILE, error))?;
            return Ok(Self { pem: pem.to_string(), key, leaf: OnceLock::new() });
        }
        let made = Self::generate().map_err(|error| failed(&error))?;
        store.write(KEY_FILE, &made.key.serialize_pem())?;
        store.write(CERTIFICATE_FILE, &made.pem)?;
        Ok(made)
    }

    /// The CA's certificate.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// The SHA-1 of the listener's certificate, in hex.
    pub(crate) fn thumbprint(&self) -> Result<String, EmulatorError> {
        let (leaf, _) = self.leaf().map_err(|error| failed(&error))?;
        Ok(crate::text::hex(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, leaf).as_ref()).to_uppercase())
    }

    /// TLS with a certificate for every name that the emulator answers to.
    pub(crate) fn tls(&self) -> Result<Arc<rustls::ServerConfig>, EmulatorError> {
        let (leaf, key) = self.leaf().map_err(|error| failed(&error))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
                builder.with_no_client_auth().with_single_cert(vec![leaf.clone()], key)
            })
            .map_err(|error| EmulatorError(format!("cannot set up TLS: {error}")))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn generate() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let pem = authority_params().self_signed(&key)?.pem();
        Ok(Self { pem, key, leaf: OnceLock::new() })
    }

    fn leaf(&self) -> Result<&(CertificateDer<'static>, KeyPair), rcgen::Error> {
        if let Some(made) = self.leaf.get() {
            return Ok(made);
        }
        let made = self.make_leaf()?;
        Ok(self.leaf.get_or_init(|| made))
    }

    fn make_leaf(&self) -> Result<(CertificateDer<'static>, KeyPair), rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name("sidekey emulator");
        params.subject_alt_names = names()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, LEAF_DAYS);
        let issuer = Issuer::new(authority_params(), &self.key);
        Ok((params.signed_by(&key, &issuer)?.der().clone(), key))
    }
}

fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name("sidekey emulator CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut params, AUTHORITY_DAYS);
    params
}

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// Loopback, Entra's hosts in all clouds and their regions, those of External ID and B2C, and the vaults'.
fn names() -> Result<Vec<SanType>, rcgen::Error> {
    let authorities = Cloud::all().iter().flat_map(|cloud| cloud.aliases).copied();
    let dns = LOCAL_NAMES.iter().copied().chain(authorities).chain(OTHER_NAMES.iter().copied());
    let addresses = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
    let dns: Result<Vec<_>, _> = dns.map(|name| Ok(SanType::DnsName(name.try_into()?))).collect();
    Ok(dns?.into_iter().chain(addresses.map(SanType::IpAddress)).collect())
}

/// From two days ago to as many days ahead, by the machine's clock.
fn set_validity(params: &mut CertificateParams, days: u64) {
    let (year, month, day) = date(SystemClock.now() - Duration::from_secs(2 * DAY));
    params.not_before = date_time_ymd(year, month, day);
    let (year, month, day) = date(SystemClock.now() + Duration::from_secs(days * DAY));
    params.not_after = date_time_ymd(year, month, day);
}

fn date(time: UnixTime) -> (i32, u8, u8) {
    let seconds = i64::try_from(time.0).unwrap_or(i64::MAX);
    let date = jiff::Timestamp::from_second(seconds).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).date();
    let small = |number: i8| u8::try_from(number).unwrap_or(1);
    (i32::from(date.year()), small(date.month()), small(date.day()))
}

fn failed(error: &rcgen::Error) -> EmulatorError {
    EmulatorError(format!("cannot make the emulator's certificates: {error}"))
}

const CERTIFICATE_FILE: &str = "ca.pem";
const KEY_FILE: &str = "ca.key.pem";
const DAY: u64 = 24 * 3600;
const AUTHORITY_DAYS: u64 = 3650;
/// Some platforms refuse certificates that live longer.
const LEAF_DAYS: u64 = 397;
/// Python refuses `*.localhost` for `x.localhost`, hence the vault names.
const LOCAL_NAMES: [&str; 4] = ["localhost", "*.localhost", "vault.localhost", "*.vault.localhost"];
const OTHER_NAMES: [&str; 9] = [
    // Regional endpoints.
    "*.login.microsoft.com",
    "*.login.microsoftonline.us",
    "*.login.partner.microsoftonline.cn",
    // External ID and B2C.
    "*.ciamlogin.com",
    "*.b2clogin.com",
    "vault.azure.net",
    "*.vault.azure.net",
    "*.vault.azure.cn",
    "*.vault.usgovcloudapi.net",
];
