//! A vault over real TLS, by its own name, and a client that trusts the emulator's CA.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use serde_json::Value;
use sidekey_emulator::Scheme;
use sidekey_host::{
    Shutdown,
    listen::{self, Address, Endpoint, Limits, Listener, Protocols},
};

use crate::support::{ALICE, CONTOSO, Fixture, ORIGIN, Reply, secret_form};

pub(crate) const VAULT: &str = "contoso-vault";
pub(crate) const API_VERSION: &str = "api-version=2025-07-01";

/// An emulator with its https listener.
pub(crate) struct VaultFixture {
    pub(crate) fixture: Fixture,
    pub(crate) port: u16,
    client: reqwest::Client,
    shutdown: Shutdown,
}

impl VaultFixture {
    pub(crate) async fn start() -> Self {
        Self::with(sidekey_emulator::Emulator::DEFAULT_DIRECTORY).await
    }

    pub(crate) async fn with(directory: &str) -> Self {
        let fixture = Fixture::with(directory).await;
        let tls = Some(Arc::new(ArcSwap::new(fixture.emulator.tls().unwrap())));
        let address = Address::Ip(SocketAddr::from(([127, 0, 0, 1], 0)));
        let listener = Listener::bind(&Endpoint { address, tls, protocols: Protocols::default() }).await.unwrap();
        let port = listener.port().unwrap();
        let router = fixture.emulator.router_for(ORIGIN, Scheme::Https);
        let shutdown = Shutdown::new();
        let serve = listen::serve(
            vec![listener],
            Arc::new(router),
            Limits::default(),
            shutdown.clone(),
            Duration::from_millis(10),
        );
        tokio::spawn(serve);
        let client = client(&fixture.emulator.ca_pem().unwrap(), port);
        Self { fixture, port, client, shutdown }
    }

    /// The vault's address.
    pub(crate) fn base(&self) -> String {
        format!("https://{VAULT}.vault.localhost:{}", self.port)
    }

    /// What the vault's challenge asks tokens for.
    pub(crate) fn resource(&self) -> String {
        format!("https://vault.localhost:{}", self.port)
    }

    /// A token of orders-web for a resource.
    pub(crate) async fn token_for(&self, resource: &str) -> String {
        let scope = format!("{resource}/.default");
        let secret = crate::support::WEB_SECRET;
        self.fixture.token(CONTOSO, &secret_form(secret, &scope)).await.text("access_token")
    }

    /// The default directory with Alice as administrator of its vault, whom the shell signs in there.
    pub(crate) async fn with_administrator() -> Self {
        let shell = "      - resource: orders-web\n        scopes: [access_as_user]\n";
        let consent = "      - {resource: Azure Key Vault, scopes: [user_impersonation]}\n";
        let role = format!("      - {{principal: {ALICE}, roles: [Key Vault Administrator]}}\n");
        let directory =
            sidekey_emulator::Emulator::DEFAULT_DIRECTORY.replacen(shell, &format!("{shell}{consent}"), 1).replacen(
                "    roleAssignments:\n      - principal:",
                &format!("    roleAssignments:\n{role}      - principal:"),
                1,
            );
        Self::with(&directory).await
    }

    /// A token of Alice, who administers the vault.
    pub(crate) async fn admin_token(&self) -> String {
        let scope = format!("{}/user_impersonation", self.resource());
        let form = crate::support::password_form(ALICE, crate::support::PASSWORD, &scope);
        self.fixture.token(CONTOSO, &form).await.text("access_token")
    }

    /// A request with a full URL.
    pub(crate) async fn send(&self, method: &str, url: &str, token: Option<&str>, body: Option<&Value>) -> Reply {
        let mut request = self.client.request(method.parse().unwrap(), url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        Reply::read(request.send().await.unwrap()).await
    }

    /// A request to the vault by its name; the version of the interface is added.
    pub(crate) async fn ask(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Reply {
        let join = if path.contains('?') { '&' } else { '?' };
        let url = format!("{}{path}{join}{API_VERSION}", self.base());
        self.send(method, &url, Some(token), body.as_ref()).await
    }
}

impl Drop for VaultFixture {
    fn drop(&mut self) {
        self.shutdown.trigger();
    }
}

/// Trusts nothing but the emulator's CA, and finds the vaults' names on loopback.
fn client(ca: &str, port: u16) -> reqwest::Client {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let names = [VAULT, "other-vault", "nowhere"];
    let builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([reqwest::Certificate::from_pem(ca.as_bytes()).unwrap()]);
    let hosts = names.iter().flat_map(|name| [format!("{name}.vault.localhost"), format!("{name}.vault.azure.net")]);
    hosts.fold(builder, |builder, host| builder.resolve(&host, address)).build().unwrap()
}

/// Status, code and inner code of a vault's refusal.
pub(crate) fn refusal(reply: &Reply) -> (u16, String, Option<String>) {
    let error = &reply.body["error"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    (reply.status, text(&error["code"]).unwrap_or_default(), text(&error["innererror"]["code"]))
}
