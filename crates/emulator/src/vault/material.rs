//! Key pairs with their certificates, made when they are first needed: RSA takes too long for start-up.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType,
    date_time_ymd,
};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sidekey_host::UnixTime;

use super::{algorithm::KeyKind, key::Key};

/// A key and the certificates that speak for it.
#[derive(Debug)]
pub(crate) struct Material {
    pub(crate) key: Key,
    /// DER, the key's own certificate first; empty for a key without certificate.
    pub(crate) chain: Vec<Vec<u8>>,
}

impl Material {
    /// The key's own certificate.
    pub(crate) fn certificate(&self) -> Option<&[u8]> {
        self.chain.first().map(Vec::as_slice)
    }
}

/// Material that is there, or how to make it.
#[derive(Debug)]
pub(crate) struct Pending {
    recipe: Option<Recipe>,
    made: OnceLock<Result<Arc<Material>, String>>,
}

/// A key to be made, with a self-signed certificate if one is described.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) kind: KeyKind,
    pub(crate) certificate: Option<CertificateRecipe>,
}

/// A self-signed certificate to be made.
#[derive(Clone, Debug)]
pub(crate) struct CertificateRecipe {
    /// `CN=orders-web, O=Contoso`.
    pub(crate) subject: String,
    pub(crate) dns_names: Vec<String>,
    pub(crate) from: UnixTime,
    pub(crate) until: UnixTime,
}

impl Pending {
    /// To be made on first need.
    pub(crate) fn later(recipe: Recipe) -> Self {
        Self { recipe: Some(recipe), made: OnceLock::new() }
    }

    /// There already.
    pub(crate) fn ready(material: Material) -> Self {
        Self { recipe: None, made: OnceLock::from(Ok(Arc::new(material))) }
    }

    /// The material; blocks while it is made.
    pub(crate) fn get(&self) -> Result<Arc<Material>, String> {
        let make = || match &self.recipe {
            Some(recipe) => recipe.make().map(Arc::new),
            None => Err("there is nothing to make".to_owned()),
        };
        self.made.get_or_init(make).clone()
    }

    /// The material, if it is there already. Nobody can hold a key that is not.
    pub(crate) fn if_made(&self) -> Option<Arc<Material>> {
        self.made.get()?.as_ref().ok().cloned()
    }
}

impl Recipe {
    fn make(&self) -> Result<Material, String> {
        let key = Key::generate(self.kind)?;
        let chain = match &self.certificate {
            Some(recipe) => vec![recipe.sign(&key)?],
            None => Vec::new(),
        };
        Ok(Material { key, chain })
    }
}

impl CertificateRecipe {
    fn sign(&self, key: &Key) -> Result<Vec<u8>, String> {
        let params = self.params()?;
        let signed = || {
            let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.pkcs8()));
            let pair = KeyPair::from_der_and_sign_algo(&der, key.kind.certificate_algorithm())?;
            params.self_signed(&pair).map(|certificate| certificate.der().to_vec())
        };
        signed().map_err(|error: rcgen::Error| error.to_string())
    }

    fn params(&self) -> Result<CertificateParams, String> {
        let names = self.dns_names.iter().map(|name| name.as_str().try_into().map(SanType::DnsName));
        let epoch = date_time_ymd(1970, 1, 1);
        let mut params = CertificateParams::default();
        params.distinguished_name = distinguished_name(&self.subject)?;
        params.subject_alt_names = names.collect::<Result<_, rcgen::Error>>().map_err(|error| error.to_string())?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = epoch + Duration::from_secs(self.from.0);
        params.not_after = epoch + Duration::from_secs(self.until.0);
        Ok(params)
    }
}

/// Reads `CN=orders-web, O=Contoso`; the error says what to write instead.
pub(crate) fn distinguished_name(text: &str) -> Result<DistinguishedName, String> {
    let mut name = DistinguishedName::new();
    for part in text.split(',') {
        let kind = part.split_once('=').and_then(|(kind, value)| Some((name_part(kind.trim())?, value.trim())));
        let Some((kind, value)) = kind.filter(|(_, value)| !value.is_empty()) else {
            return Err(format!("`{text}` is no subject such as `CN=orders-web, O=Contoso`"));
        };
        name.push(kind, value);
    }
    Ok(name)
}

fn name_part(kind: &str) -> Option<DnType> {
    Some(match kind.to_ascii_uppercase().as_str() {
        "CN" => DnType::CommonName,
        "O" => DnType::OrganizationName,
        "OU" => DnType::OrganizationalUnitName,
        "C" => DnType::CountryName,
        "L" => DnType::LocalityName,
        "S" | "ST" => DnType::StateOrProvinceName,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use sidekey_jose::{Curve, VerifyingKey};

    use super::*;
    use crate::directory::certificate_validity;

    #[test]
    fn a_certificate_is_made_once_with_the_subject_and_the_times_of_its_recipe() {
        let certificate = CertificateRecipe {
            subject: "CN=orders-web, O=Contoso".to_owned(),
            dns_names: vec!["orders.example".to_owned()],
            from: UnixTime(1_767_924_132),
            until: UnixTime(1_767_924_132 + 86_400),
        };
        let pending = Pending::later(Recipe { kind: KeyKind::Ec(Curve::P256), certificate: Some(certificate) });
        assert!(pending.if_made().is_none());
        let material = pending.get().unwrap();
        assert!(Arc::ptr_eq(&material, &pending.get().unwrap()));
        let der = material.certificate().unwrap();
        assert_eq!(certificate_validity(der), Some((UnixTime(1_767_924_132), UnixTime(1_768_010_532))));
        let public = VerifyingKey::from_certificate(der).unwrap();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"m");
        let signature = material.key.sign(sidekey_jose::Algorithm::ES256, digest.as_ref()).unwrap();
        assert_eq!(public.verify(sidekey_jose::Algorithm::ES256, b"m", &signature), Ok(()));
    }

    #[test]
    fn subjects_that_cannot_be_read_are_refused() {
        assert!(distinguished_name("CN=a, O=b, OU=c, C=NL, L=d, ST=e").is_ok());
        for bad in ["", "orders", "CN=", "X=y", "CN=a,"] {
            assert!(distinguished_name(bad).is_err(), "{bad}");
        }
    }
}
