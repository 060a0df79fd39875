//! Certificates in a vault that open encrypted tokens.

use rcgen::{CertificateParams, KeyPair};
use sidekey_jose::{
    SigningKey,
    jwe::{ContentEncryption, DecryptionKey, EncryptionKey, KeyManagement, UnverifiedJwe, encrypt_compact},
};

use super::{super::VaultDecryption, *};

/// A version of the certificate: what it encrypts can be opened with what is in the vault.
struct Version(EncryptionKey);

impl Version {
    /// Puts a new certificate into the vault, the newest from now on.
    fn put(vault: &Vault, version: &str) -> Self {
        let der = SigningKey::generate_rsa().unwrap().to_pkcs8_der().unwrap();
        let pair = KeyPair::try_from(&der[..]).unwrap();
        let certificate = CertificateParams::new(vec!["orders".to_owned()]).unwrap().self_signed(&pair).unwrap();
        let bundle = json!({
            "id": format!("{}/certificates/web/{version}", vault.url),
            "cer": STANDARD.encode(certificate.der()),
            "attributes": { "enabled": true },
        });
        for what in ["GET /certificates/web".to_owned(), format!("GET /certificates/web/{version}")] {
            vault.put(&what, 200, &bundle);
        }
        let pem = certificate.pem() + &pair.serialize_pem();
        let secret =
            json!({ "value": pem, "contentType": "application/x-pem-file", "attributes": { "enabled": true } });
        vault.put(&format!("GET /secrets/web/{version}"), 200, &secret);
        Self(EncryptionKey::from_certificate(certificate.der()).unwrap())
    }

    fn is_opened_by(&self, keys: &[Arc<DecryptionKey>]) -> bool {
        let (management, content) = (KeyManagement::RsaOaep256, ContentEncryption::A128Gcm);
        let token = encrypt_compact(&serde_json::Map::new(), b"token", &self.0, management, content).unwrap();
        let token = UnverifiedJwe::parse(&token).unwrap();
        keys.iter().any(|key| token.decrypt(key).is_ok())
    }
}

/// The keys of a certificate, and their clock.
struct Keys {
    source: VaultDecryption,
    clock: Arc<ManualClock>,
}

impl Keys {
    fn of(config: &VaultCertificateConfig) -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let shared = || Arc::clone(&clock) as Arc<dyn Clock>;
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let client = Client::new(http, shared(), config.vault.clone(), Arc::<Scripted>::default());
        Self { source: VaultDecryption::with(config, client, shared()), clock }
    }

    async fn look(&self) -> Result<Vec<Arc<DecryptionKey>>, CredentialError> {
        self.source.look(Instant::now() + Duration::from_secs(20)).await
    }
}

#[tokio::test]
async fn a_new_version_opens_tokens_and_so_does_the_one_before() {
    let vault = Vault::start().await;
    let first = Version::put(&vault, "v1");
    let keys = Keys::of(&config(&vault.url));
    assert!(keys.source.known().is_empty(), "nothing is asked before it is needed");
    assert!(first.is_opened_by(&keys.look().await.unwrap()));
    let second = Version::put(&vault, "v2");
    assert!(!second.is_opened_by(&keys.look().await.unwrap()), "the vault was asked a moment ago");
    keys.clock.advance(Duration::from_secs(30));
    let found = keys.look().await.unwrap();
    assert!(first.is_opened_by(&found) && second.is_opened_by(&found));
    assert!(second.is_opened_by(&keys.source.known()));
    let third = Version::put(&vault, "v3");
    keys.clock.advance(Duration::from_secs(30));
    let found = keys.look().await.unwrap();
    assert!(third.is_opened_by(&found) && second.is_opened_by(&found));
    assert!(!first.is_opened_by(&found), "two versions at most");
}

#[tokio::test]
async fn a_pinned_version_stays() {
    let vault = Vault::start().await;
    let first = Version::put(&vault, "v1");
    let second = Version::put(&vault, "v2");
    let keys = Keys::of(&VaultCertificateConfig { version: Some("v1".to_owned()), ..config(&vault.url) });
    for _ in 0..2 {
        let found = keys.look().await.unwrap();
        assert!(first.is_opened_by(&found) && !second.is_opened_by(&found));
        keys.clock.advance(HOUR);
    }
}

#[tokio::test]
async fn tokens_that_nothing_opens_ask_the_vault_now_and_then() {
    let vault = Vault::start().await;
    Version::put(&vault, "v1");
    let keys = Keys::of(&config(&vault.url));
    keys.look().await.unwrap();
    vault.asked();
    for _ in 0..50 {
        keys.look().await.unwrap();
    }
    assert!(vault.asked().is_empty());
    keys.clock.advance(Duration::from_secs(30));
    keys.look().await.unwrap();
    assert_eq!(vault.asked().len(), 1, "only whether there is a newer version");
}

#[tokio::test]
async fn a_vault_that_is_away_leaves_the_key_in_use() {
    let vault = Vault::start().await;
    let first = Version::put(&vault, "v1");
    let keys = Keys::of(&config(&vault.url));
    keys.look().await.unwrap();
    keys.clock.advance(Duration::from_secs(30));
    *vault.script.lock().unwrap() = vec![response(403, &[], "")];
    assert!(first.is_opened_by(&keys.look().await.unwrap()));
}

#[tokio::test]
async fn a_private_key_that_cannot_leave_is_said_to_be_that() {
    let vault = Vault::start().await;
    vault.add("v1", &json!({ "enabled": true }), Some(false), None);
    let error = Keys::of(&config(&vault.url)).look().await.unwrap_err();
    assert!(error.problem.contains("the private key of `web` cannot leave"), "{error}");
    assert!(error.hint.contains("exportable"), "{error}");
    assert_eq!(error.field, "KeyVaultCertificateName");
}
