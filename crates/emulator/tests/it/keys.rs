//! Keys and certificates of clients and other issuers, and the assertions that they sign.

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Map, Value, json};
use sidekey_jose::{Algorithm, SigningKey, sign_compact, thumbprint_sha1, thumbprint_sha256};

/// An RSA key with a certificate.
pub(crate) struct Identity {
    pub(crate) key: SigningKey,
    pub(crate) der: Vec<u8>,
    pub(crate) pem: String,
}

impl Identity {
    /// Self-signed.
    pub(crate) fn new(common_name: &str) -> Self {
        Self::make(&params(common_name), None)
    }

    /// Self-signed, and over since 2021.
    pub(crate) fn expired(common_name: &str) -> Self {
        let mut params = params(common_name);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        Self::make(&params, None)
    }

    /// Signed by an authority.
    pub(crate) fn issued(common_name: &str, authority: &Authority) -> Self {
        Self::make(&params(common_name), Some(authority))
    }

    fn make(params: &CertificateParams, authority: Option<&Authority>) -> Self {
        let key = SigningKey::generate_rsa().unwrap();
        let pkcs8 = key.to_pkcs8_der().unwrap();
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8.as_slice()));
        let pair = KeyPair::from_der_and_sign_algo(&der, &PKCS_RSA_SHA256).unwrap();
        let certificate = match authority {
            Some(authority) => params.signed_by(&pair, &authority.issuer()).unwrap(),
            None => params.self_signed(&pair).unwrap(),
        };
        Self { key, der: certificate.der().to_vec(), pem: certificate.pem() }
    }

    pub(crate) fn sha1(&self) -> String {
        thumbprint_sha1(&self.der)
    }

    pub(crate) fn sha256(&self) -> String {
        thumbprint_sha256(&self.der)
    }

    pub(crate) fn base64(&self) -> String {
        STANDARD.encode(&self.der)
    }

    /// A compact JWS.
    pub(crate) fn sign(&self, algorithm: Algorithm, header: Value, claims: &Value) -> String {
        let Value::Object(header) = header else { return String::new() };
        let header: Map<String, Value> = header;
        sign_compact(&header, claims.to_string().as_bytes(), &self.key, algorithm).unwrap()
    }

    /// A key set with this key.
    pub(crate) fn jwks(&self, kid: &str) -> Value {
        let mut jwk = json!(self.key.public_jwk());
        jwk["kid"] = json!(kid);
        json!({ "keys": [jwk] })
    }
}

/// A certificate authority.
pub(crate) struct Authority {
    name: String,
    key: KeyPair,
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let pem = authority_params(name).self_signed(&key).unwrap().pem();
        Self { name: name.to_owned(), key, pem }
    }

    fn issuer(&self) -> Issuer<'static, &KeyPair> {
        Issuer::new(authority_params(&self.name), &self.key)
    }
}

fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// PEM as it stands in a YAML block, indented.
pub(crate) fn yaml_block(pem: &str) -> String {
    let lines: Vec<_> = pem.lines().map(|line| format!("\n            {line}")).collect();
    format!("|{}", lines.concat())
}
