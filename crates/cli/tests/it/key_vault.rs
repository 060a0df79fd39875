//! Certificates in a vault, through the sidecar and against the emulator: as whom it is asked, what is asked, and what it says.

use std::net::SocketAddr;

use serde_json::Value;
use sidekey_jose::base64url;

use crate::{
    client::get,
    process::{Process, Settings},
};

/// An emulator with its vault, and the settings of a sidecar that has its certificate there.
struct Stage {
    _emulator: Process,
    origin: String,
    authority: SocketAddr,
    vault: String,
}

impl Stage {
    fn new() -> Self {
        let (emulator, origin) = Process::emulator();
        let authority: SocketAddr = origin.trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
        let vault = format!("http://contoso-vault.vault.localhost:{}/", authority.port());
        Self { _emulator: emulator, origin, authority, vault }
    }

    fn serve(&self, kind: &str, certificate: &str, more: Settings<'_>) -> (Process, SocketAddr) {
        let base = [
            ("AzureAd__Instance", self.origin.as_str()),
            ("AzureAd__TenantId", TENANT),
            ("AzureAd__ClientId", ORDERS_WEB),
            ("AzureAd__ClientCredentials__0__SourceType", kind),
            ("AzureAd__ClientCredentials__0__KeyVaultUrl", self.vault.as_str()),
            ("AzureAd__ClientCredentials__0__KeyVaultCertificateName", certificate),
            ("DownstreamApis__orders__Scopes__0", "api://11112222-bbbb-3333-cccc-4444dddd5555/.default"),
            ("DownstreamApis__orders__RequestAppToken", "true"),
        ];
        Process::serve(&base.iter().chain(more).copied().collect::<Vec<_>>())
    }

    /// The application's own secret, by which it may read its certificate.
    fn application(&self) -> [(&str, &str); 4] {
        [
            ("AZURE_AUTHORITY_HOST", &self.origin),
            ("AZURE_CLIENT_ID", ORDERS_WEB),
            ("AZURE_TENANT_ID", TENANT),
            ("AZURE_CLIENT_SECRET", "orders-web-development-secret"),
        ]
    }

    /// Method and path of what the vault and the authority were asked.
    fn asked(&self) -> Vec<String> {
        let log = get(self.authority, "/sidekey/requests").json();
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let entries = log.as_array().unwrap().iter();
        entries.map(|entry| format!("{} {}", text(entry, "method"), text(entry, "path"))).collect()
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
        let reply = get(sidecar, "/AuthorizationHeaderUnauthenticated/orders");
        assert_eq!(reply.status, 200, "{}: {:?}", reply.text(), stage.asked());
        let header = reply.json()["authorizationHeader"].as_str().unwrap().to_owned();
        let claims: Value =
            serde_json::from_slice(&base64url::decode(header.split('.').nth(1).unwrap()).unwrap()).unwrap();
        assert_eq!((&claims["azp"], &claims["azpacr"]), (&ORDERS_WEB.into(), &"2".into()), "by a certificate");
        let asked = stage.asked().split_off(before);
        assert!(asked.iter().any(|what| what.contains(used)), "{asked:?}");
        assert!(!asked.iter().any(|what| what.contains(unused)), "{asked:?}");
    }
}

#[test]
fn who_may_not_read_the_certificate_hears_which_role_is_missing() {
    let stage = Stage::new();
    let environment = get(stage.authority, "/sidekey/env?host=appservice&format=json").json();
    let header = environment["IDENTITY_HEADER"].as_str().unwrap_or_default().to_owned();
    let endpoint = format!("{}/hosts/appservice/msi/token", stage.origin.trim_end_matches('/'));
    let settings = [("IDENTITY_ENDPOINT", endpoint.as_str()), ("IDENTITY_HEADER", header.as_str())];
    let identity = ("AzureAd__ClientCredentials__0__ManagedIdentityClientId", ORDERS_IDENTITY);
    let (serve, sidecar) = stage.serve("KeyVault", "orders-web", &[settings[0], settings[1], identity]);
    let status = get(sidecar, "/AuthorizationHeaderUnauthenticated/orders").status;
    let log = serve.stop();
    assert_eq!(status, 500, "{log}");
    for part in ["ForbiddenByRbac", "Key Vault Certificate User", "AzureAd:ClientCredentials:0"] {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert!(!header.is_empty() && !log.contains(&header), "the header is a secret");
}

const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const ORDERS_WEB: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
const ORDERS_IDENTITY: &str = "99990000-3333-bbbb-cccc-ddddeeeeffff";
