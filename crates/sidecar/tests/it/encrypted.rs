//! Encrypted tokens on the routes.

use serde_json::{Map, json};
use sidekey_jose::{
    SigningKey,
    jwe::{ContentEncryption, EncryptionKey, KeyManagement, encrypt_compact},
};

use crate::setup::Setup;

/// A certificate in a PEM file, and the public key in it.
pub(crate) fn certificate(folder: &std::path::Path) -> (String, EncryptionKey) {
    let der = SigningKey::generate_rsa().unwrap().to_pkcs8_der().unwrap();
    let pair = rcgen::KeyPair::try_from(&der[..]).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["orders".to_owned()]).unwrap().self_signed(&pair).unwrap();
    let path = folder.join("decryption.pem");
    std::fs::write(&path, certificate.pem() + &pair.serialize_pem()).unwrap();
    (path.into_os_string().into_string().unwrap(), EncryptionKey::from_certificate(certificate.der()).unwrap())
}

fn encrypt(token: &str, key: &EncryptionKey) -> String {
    let (algorithm, encryption) = (KeyManagement::RsaOaep, ContentEncryption::A256CbcHs512);
    encrypt_compact(&Map::new(), token.as_bytes(), key, algorithm, encryption).unwrap()
}

#[tokio::test]
async fn an_encrypted_token_is_shown_as_it_came_with_the_claims_within_and_traded_by_what_is_within() {
    let folder = tempfile::tempdir().unwrap();
    let (path, key) = certificate(folder.path());
    let section = "AzureAd:TokenDecryptionCertificates:0";
    let setup =
        Setup::new(&[(&format!("{section}:SourceType"), "Path"), (&format!("{section}:CertificateDiskPath"), &path)])
            .await;
    let plain = setup.authority.user_token(json!({}));
    let token = encrypt(&plain, &key);
    for _ in 0..2 {
        let reply = setup.get_with("/Validate", &token).await;
        assert_eq!(reply.status, 200);
        let body = reply.json();
        assert_eq!((&body["protocol"], &body["token"]), (&json!("Bearer"), &json!(token)));
        assert_eq!(body["claims"], setup.get_with("/Validate", &plain).await.json()["claims"]);
    }
    assert_eq!(setup.get_with("/AuthorizationHeader/User", &token).await.status, 200);
    assert_eq!(setup.get_with("/AuthorizationHeader/User", &encrypt(&plain, &key)).await.status, 200);
    let requests = setup.authority.requests();
    assert_eq!((requests.len(), &*requests[0]["assertion"]), (1, plain.as_str()), "one user, one exchange");
}

#[tokio::test]
async fn whatever_is_wrong_with_a_ciphertext_the_reply_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (path, key) = certificate(folder.path());
    let section = "AzureAd:TokenDecryptionCredentials:0";
    let setup =
        Setup::new(&[(&format!("{section}:SourceType"), "Path"), (&format!("{section}:CertificateDiskPath"), &path)])
            .await;
    let good = encrypt(&setup.authority.user_token(json!({})), &key);
    let (head, tag) = good.rsplit_once('.').unwrap();
    let other = SigningKey::generate_rsa().unwrap().to_pkcs8_der().unwrap();
    let other = sidekey_jose::jwe::DecryptionKey::from_der(&other).unwrap().encryption_key().unwrap();
    let reply = Setup::new(&[]).await.get_with("/Validate", &good).await;
    assert!(reply.header("x-sidekey-reason").unwrap().contains("`AzureAd:TokenDecryptionCredentials`"));
    for token in [
        format!("{head}.{}{}", if tag.starts_with('A') { 'B' } else { 'A' }, tag.split_at(1).1),
        format!("{head}."),
        encrypt("a.b.c", &other),
        encrypt(&good, &key),
        "a.b.c.d.e".to_owned(),
        "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAA.AAAA.AAAA".to_owned(),
    ] {
        let reply = setup.get_with("/Validate", &token).await;
        assert_eq!(reply.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
        assert_eq!(reply.header("x-sidekey-reason"), Some("the token cannot be decrypted"), "{token}");
    }
}
