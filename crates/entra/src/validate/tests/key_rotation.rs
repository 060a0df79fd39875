//! Keys that open tokens are replaced while the sidecar runs.

use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, KeyPair};
use serde_json::{Map, Value, json};
use sidekey_jose::{
    SigningKey,
    jwe::{ContentEncryption, EncryptionKey, KeyManagement, encrypt_compact},
};

use super::Setting;
use crate::{
    Rejection,
    config::{CertificateLocation, CredentialConfig, CredentialSource, VaultCertificateConfig},
    validate::fixtures::TENANT,
};

/// A certificate with its key as PEM, and the public key in it.
struct Certificate {
    pem: String,
    key: EncryptionKey,
}

impl Certificate {
    fn new() -> Self {
        let der = SigningKey::generate_rsa().unwrap().to_pkcs8_der().unwrap();
        let pair = KeyPair::try_from(&der[..]).unwrap();
        let certificate = CertificateParams::new(vec!["orders".to_owned()]).unwrap().self_signed(&pair).unwrap();
        let key = EncryptionKey::from_certificate(certificate.der()).unwrap();
        Self { pem: certificate.pem() + &pair.serialize_pem(), key }
    }

    /// A new token, encrypted to it. `kid` is what its header says.
    fn encrypt(&self, setting: &Setting, kid: &str) -> String {
        let token = setting.key.sign(&setting.claims(&json!({ "uti": uuid::Uuid::new_v4() })));
        let header = Map::from_iter([("kid".to_owned(), Value::from(kid))]);
        let (management, content) = (KeyManagement::RsaOaep, ContentEncryption::A256CbcHs512);
        encrypt_compact(&header, token.as_bytes(), &self.key, management, content).unwrap()
    }

    fn write(&self, path: &Path) {
        // As tools write it: aside, and then in one step.
        let aside = path.with_extension("new");
        std::fs::write(&aside, &self.pem).unwrap();
        std::fs::rename(aside, path).unwrap();
    }
}

fn file(path: PathBuf) -> CredentialConfig {
    let location = CertificateLocation::Path(path);
    let source = CredentialSource::Certificate { location, key_path: None, password: None };
    CredentialConfig { key: "AzureAd:TokenDecryptionCredentials:0".to_owned(), source }
}

fn vault(url: &str) -> CredentialConfig {
    let source = CredentialSource::KeyVault(VaultCertificateConfig {
        vault: url.parse().unwrap(),
        name: "web".to_owned(),
        version: None,
        managed_identity: None,
        signs_in_vault: false,
    });
    CredentialConfig { key: "AzureAd:TokenDecryptionCredentials:1".to_owned(), source }
}

#[tokio::test]
async fn a_replaced_file_counts_at_once_and_the_old_key_as_long_as_it_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["present.pem", "former.pem"].map(|name| folder.path().join(name));
    let (old, new) = (Certificate::new(), Certificate::new());
    old.write(&paths[0]);
    old.write(&paths[1]);
    let list = paths.clone().map(file).to_vec();
    let setting = Setting::with(TENANT, |config| config.validation.decryption = list).await;
    assert!(setting.validate(&old.encrypt(&setting, "k")).await.is_ok());
    let early = setting.refusal(&new.encrypt(&setting, "k")).await;
    assert!(matches!(early, Rejection::Decryption(_)), "{early:?}");
    new.write(&paths[0]);
    assert!(setting.validate(&new.encrypt(&setting, "k")).await.is_ok());
    assert!(setting.validate(&old.encrypt(&setting, "k")).await.is_ok(), "the old one is still listed");
    new.write(&paths[1]);
    let late = setting.refusal(&old.encrypt(&setting, "k")).await;
    assert!(matches!(late, Rejection::Decryption(_)), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_hangs_keeps_nobody_waiting_whose_key_is_here() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    let (here, elsewhere) = (Certificate::new(), Certificate::new());
    here.write(&path);
    let list = vec![vault(&url), file(path)];
    let setting = Setting::with(TENANT, |config| config.validation.decryption = list).await;
    let began = tokio::time::Instant::now();
    assert!(setting.validate(&here.encrypt(&setting, "k")).await.is_ok());
    assert!(began.elapsed() < super::super::decrypt::PATIENCE, "the vault was not asked");
    let began = tokio::time::Instant::now();
    let found = setting.refusal(&elsewhere.encrypt(&setting, "k")).await;
    assert!(
        matches!(&found, Rejection::Decryption(text) if text.contains("none of the 1 decryption keys")),
        "{found:?}"
    );
    assert!(began.elapsed() <= super::super::decrypt::PATIENCE);
}
