//! Certificates in a vault, through the sidecar and against the emulator: as whom it is asked, what is asked, and what it says.

use std::net::SocketAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use sidekey_jose::jwe::{ContentEncryption, EncryptionKey, KeyManagement, encrypt_compact};

use crate::{
    client::{get, request},
    process::{Process, Settings},
    stage::{Emulator, ORDERS_APIS, ORDERS_WEB, TENANT, claims},
};

/// An emulator with its vault, and the settings of a sidecar that has its certificate there.
struct Stage {
    emulator: Emulator,
    vault: String,
}

impl Stage {
    fn new() -> Self {
        let emulator = Emulator::start();
        let vault = format!("http://contoso-vault.vault.localhost:{}/", emulator.address.port());
        Self { emulator, vault }
    }

    fn serve(&self, kind: &str, certificate: &str, more: Settings<'_>) -> (Process, SocketAddr) {
        let credential = [
            ("AzureAd__ClientCredentials__0__SourceType", kind),
            ("AzureAd__ClientCredentials__0__KeyVaultUrl", self.vault.as_str()),
            ("AzureAd__ClientCredentials__0__KeyVaultCertificateName", certificate),
        ];
        self.emulator.serve(ORDERS_WEB, &[ORDERS_APIS, &credential, more].concat())
    }

    /// The application's own secret, by which it may read its certificate.
    fn application(&self) -> [(&str, &str); 4] {
        [
            ("AZURE_AUTHORITY_HOST", &self.emulator.origin),
            ("AZURE_CLIENT_ID", ORDERS_WEB),
            ("AZURE_TENANT_ID", TENANT),
            ("AZURE_CLIENT_SECRET", "orders-web-development-secret"),
        ]
    }

    /// Method and path of what the vault and the authority were asked.
    fn asked(&self) -> Vec<String> {
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let requests = self.emulator.requests();
        requests.iter().map(|entry| format!("{} {}", text(entry, "method"), text(entry, "path"))).collect()
    }
}

#[test]
fn a_certificate_in_the_vault_opens_encrypted_tokens() {
    let stage = Stage::new();
    let form = "grant_type=client_credentials&scope=https%3A%2F%2Fvault.azure.net%2F.default&client_secret=orders-web-development-secret";
    let form = format!("{form}&client_id={ORDERS_WEB}");
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let token =
        request(stage.emulator.address, "POST", &format!("/{TENANT}/oauth2/v2.0/token"), &headers, form.as_bytes());
    let bearer = format!("Bearer {}", token.json()["access_token"].as_str().unwrap());
    let path = "/sidekey/vault/contoso-vault/certificates/orders-web?api-version=7.4";
    let certificate = request(stage.emulator.address, "GET", path, &[("Authorization", &bearer)], b"").json();
    let der = STANDARD.decode(certificate["cer"].as_str().unwrap()).unwrap();
    let key = EncryptionKey::from_certificate(&der).unwrap();
    let user = stage.emulator.token("user=alice");
    let (management, content) = (KeyManagement::RsaOaep256, ContentEncryption::A256Gcm);
    let encrypted = encrypt_compact(&serde_json::Map::new(), user.as_bytes(), &key, management, content).unwrap();
    let settings = [
        ("AzureAd__TokenDecryptionCredentials__0__SourceType", "KeyVault"),
        ("AzureAd__TokenDecryptionCredentials__0__KeyVaultUrl", stage.vault.as_str()),
        ("AzureAd__TokenDecryptionCredentials__0__KeyVaultCertificateName", "orders-web"),
    ];
    let (_serve, sidecar) = stage.emulator.serve(ORDERS_WEB, &[&settings[..], &stage.application()].concat());
    let reply = request(sidecar, "GET", "/Validate", &[("Authorization", &format!("Bearer {encrypted}"))], b"");
    assert_eq!(reply.status, 200, "{} {}", reply.text(), reply.header("www-authenticate"));
    assert_eq!(reply.json()["claims"]["oid"], "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb");
}

#[test]
fn a_certificate_proves_the_application_wherever_its_key_is() {
    let stage = Stage::new();
    let cases = [
        ("KeyVault", "orders-web", "/secrets/orders-web/", "/sign"),
        ("KeyVault", "orders-web-signing", "/sign", "/secrets/"),
        ("SignedAssertionFromVault", "orders-web", "/sign", "/secrets/"),
    ];
    for (kind, certificate, used, unused) in cases {
        let before = stage.asked().len();
        let (_serve, sidecar) = stage.serve(kind, certificate, &stage.application());
        let reply = get(sidecar, "/AuthorizationHeaderUnauthenticated/all-orders");
        let claims = claims(&reply);
        assert_eq!((&claims["azp"], &claims["azpacr"]), (&ORDERS_WEB.into(), &"2".into()), "by a certificate");
        let asked = stage.asked().split_off(before);
        assert!(asked.iter().any(|what| what.contains(used)), "{asked:?}");
        assert!(!asked.iter().any(|what| what.contains(unused)), "{asked:?}");
    }
}

#[test]
fn who_may_not_read_the_certificate_hears_which_role_is_missing() {
    let stage = Stage::new();
    let environment = get(stage.emulator.address, "/sidekey/env?host=appservice&format=json").json();
    let header = environment["IDENTITY_HEADER"].as_str().unwrap_or_default().to_owned();
    let endpoint = format!("{}/hosts/appservice/msi/token", stage.emulator.origin.trim_end_matches('/'));
    let settings = [("IDENTITY_ENDPOINT", endpoint.as_str()), ("IDENTITY_HEADER", header.as_str())];
    let identity = ("AzureAd__ClientCredentials__0__ManagedIdentityClientId", ORDERS_IDENTITY);
    let (serve, sidecar) = stage.serve("KeyVault", "orders-web", &[settings[0], settings[1], identity]);
    let status = get(sidecar, "/AuthorizationHeaderUnauthenticated/all-orders").status;
    let log = serve.stop();
    assert_eq!(status, 500, "{log}");
    for part in ["ForbiddenByRbac", "Key Vault Certificate User", "AzureAd:ClientCredentials:0"] {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert!(!header.is_empty() && !log.contains(&header), "the header is a secret");
}

#[test]
fn a_certificate_or_a_vault_that_is_not_there_is_named_in_the_log() {
    let mut stage = Stage::new();
    let right = stage.vault.clone();
    for (vault, certificate, logged) in [
        (right.clone(), "orders-wev", &["orders-wev", "CertificateNotFound"][..]),
        (right.replace("contoso-vault", "fabrikam-vault"), "orders-web", &["fabrikam-vault"]),
    ] {
        stage.vault = vault;
        let (serve, sidecar) = stage.serve("KeyVault", certificate, &stage.application());
        let detail = get(sidecar, "/AuthorizationHeaderUnauthenticated/all-orders").problem(500);
        assert!(!detail.contains("vault"), "where the certificate is, is none of the caller's business: {detail}");
        let log = serve.stop();
        for part in logged.iter().chain(&["AzureAd:ClientCredentials:0"]) {
            assert!(log.contains(part), "`{part}` is missing in:\n{log}");
        }
    }
}

const ORDERS_IDENTITY: &str = "99990000-3333-bbbb-cccc-ddddeeeeffff";
