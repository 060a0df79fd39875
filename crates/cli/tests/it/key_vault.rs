//! Certificates in a vault, through the sidecar and against the emulator: as whom it is asked, what is asked, and what it says.

use std::net::SocketAddr;

use serde_json::Value;

use crate::{
    client::get,
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
