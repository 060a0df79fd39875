//! Every way of an agent to a token, with every kind of credential that its blueprint may have.

use std::fs;

use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use sidekey_emulator::Emulator as Directory;
use sidekey_jose::SigningKey;
use tempfile::TempDir;

use crate::{
    client::{Reply, get, request},
    provider::Provider,
    stage::{
        ALICE, BLUEPRINT, COURIER, Emulator, ORDERS, ORDERS_APIS, ORDERS_WEB, TENANT, assert_claims, claims, secret_of,
    },
};

const ACCOUNT: &str = "cccccccc-2222-3333-4444-dddddddddddd";
const EXCHANGE: &str = "api://AzureADTokenExchange";
const SUBJECT: &str = "system:serviceaccount:agents:orders";
/// An agent of another blueprint.
const NOT_ITS_OWN: &str = "66667777-0000-8888-9999-aaaabbbbcccc";

type Settings = Vec<(String, String)>;

/// An emulator whose blueprint has credentials of every kind, and what a sidecar needs for each.
struct World {
    emulator: Emulator,
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        let (provider, folder) = (Provider::start(|_, _| (404, String::new())), TempDir::new().unwrap());
        let (certificate, key) = certificate();
        fs::write(folder.path().join("blueprint.pem"), [certificate.as_str(), &key].concat()).unwrap();
        fs::write(folder.path().join("token"), provider.signer.token(SUBJECT, EXCHANGE)).unwrap();
        let credentials = json!([
            { "name": "pod", "issuer": provider.signer.issuer, "subject": SUBJECT, "audience": EXCHANGE },
            { "name": "identity", "issuer": format!("{{origin}}/{TENANT}/v2.0"),
              "subject": "eeeeeeee-4444-5555-6666-ffffffffffff", "audience": EXCHANGE },
        ]);
        let certificates = json!([{ "pem": certificate }]);
        let blueprint = "kind: blueprint\n";
        let directory = Directory::DEFAULT_DIRECTORY
            .replacen(
                blueprint,
                &format!("{blueprint}    certificates: {certificates}\n    federatedCredentials: {credentials}\n"),
                1,
            )
            .replacen("registeredOn: [orders-web]", "registeredOn: [orders-agents]", 1);
        Self { emulator: Emulator::of(&directory), folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Each kind of credential.
    fn kinds(&self) -> Vec<Settings> {
        let vault = format!("http://contoso-vault.vault.localhost:{}/", self.emulator.address.port());
        let secret = secret_of(BLUEPRINT).map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let of = |kind: &str, fields: &[(&str, &str)]| -> Settings {
            let all = [("SourceType", kind)].into_iter().chain(fields.iter().copied());
            all.map(|(name, value)| (format!("AzureAd__ClientCredentials__0__{name}"), value.to_owned())).collect()
        };
        let certificate = of("Path", &[("CertificateDiskPath", &self.path("blueprint.pem"))]);
        let mut vaulted = of("KeyVault", &[("KeyVaultUrl", &vault), ("KeyVaultCertificateName", "orders-web")]);
        let reader = [
            ("AZURE_AUTHORITY_HOST", self.emulator.origin.as_str()),
            ("AZURE_CLIENT_ID", ORDERS_WEB),
            ("AZURE_TENANT_ID", TENANT),
            ("AZURE_CLIENT_SECRET", "orders-web-development-secret"),
        ];
        vaulted.extend(reader.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let own = [("ManagedIdentityClientId", "99990000-3333-bbbb-cccc-ddddeeeeffff")];
        let mut identity = of("SignedAssertionFromManagedIdentity", &own);
        identity.extend(self.emulator.variables_of("imds"));
        let file = of("SignedAssertionFilePath", &[("SignedAssertionFileDiskPath", &self.path("token"))]);
        vec![secret, certificate, vaulted, identity, file]
    }

    /// The token requests of agents and their blueprint since so many requests.
    fn seen(&self, since: usize) -> Vec<Value> {
        let requests = self.emulator.requests().split_off(since).into_iter();
        let tokens = requests.filter(|request| request["path"].as_str().unwrap().ends_with("/oauth2/v2.0/token"));
        let parameters = tokens.map(|request| request["parameters"].clone());
        parameters
            .filter(|parameters| [BLUEPRINT, COURIER].map(Value::from).contains(&parameters["client_id"]))
            .collect()
    }
}

/// A self-signed certificate and its key, both as PEM.
pub(crate) fn certificate() -> (String, String) {
    let pkcs8 = SigningKey::generate_rsa().unwrap().to_pkcs8_der().unwrap();
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8.as_slice()));
    let pair = KeyPair::from_der_and_sign_algo(&der, &PKCS_RSA_SHA256).unwrap();
    let made = CertificateParams::new(vec!["orders-agents".to_owned()]).unwrap().self_signed(&pair).unwrap();
    (made.pem(), pair.serialize_pem())
}

/// Grant and client.
fn step(parameters: &Value) -> (&str, &str) {
    let grant = parameters["grant_type"].as_str().unwrap();
    (grant.rsplit(':').next().unwrap(), parameters["client_id"].as_str().unwrap())
}

#[test]
fn every_way_of_an_agent_goes_with_every_credential_of_its_blueprint() {
    let world = World::new();
    let alice = world.emulator.token(&format!("user=alice&scope=api://{BLUEPRINT}/access_agent"));
    for settings in world.kinds() {
        let kind = settings[0].1.clone();
        let borrowed: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let since = world.emulator.requests().len();
        let (serve, sidecar) = world.emulator.serve(BLUEPRINT, &[ORDERS_APIS, &borrowed].concat());
        let anonymous = |target: &str| get(sidecar, &format!("/AuthorizationHeaderUnauthenticated/{target}"));
        let check = |reply: &Reply, expected: &[(&str, Value)]| {
            let common =
                [("azp", COURIER.into()), ("azpacr", "2".into()), ("aud", ORDERS.into()), ("tid", TENANT.into())];
            assert_claims(&claims(reply), &[&common, expected].concat());
        };
        let own = anonymous(&format!("all-orders?AgentIdentity={COURIER}"));
        check(&own, &[("oid", COURIER.into()), ("roles", json!(["Orders.Read.All"])), ("scp", Value::Null)]);
        let target = format!("/AuthorizationHeader/orders?AgentIdentity={COURIER}");
        let delegated = request(sidecar, "GET", &target, &[("Authorization", &format!("Bearer {alice}"))], b"");
        check(&delegated, &[("oid", ALICE.into()), ("scp", "Orders.Read".into())]);
        for user in ["AgentUsername=courier%40contoso.onmicrosoft.com".to_owned(), format!("AgentUserId={ACCOUNT}")] {
            let reply = anonymous(&format!("orders?AgentIdentity={COURIER}&{user}"));
            check(&reply, &[("oid", ACCOUNT.into()), ("scp", "Orders.Read".into())]);
        }
        let seen = world.seen(since);
        let steps: Vec<_> = seen.iter().map(step).collect();
        let app = "client_credentials";
        let way = [
            (app, BLUEPRINT),
            (app, COURIER),
            ("jwt-bearer", COURIER),
            (app, COURIER),
            ("user_fic", COURIER),
            ("user_fic", COURIER),
        ];
        assert_eq!(steps, way, "{kind}: the blueprint's credential is shown once");
        let exchange = json!(format!("{EXCHANGE}/.default"));
        assert_eq!((&seen[0]["fmi_path"], &seen[0]["scope"]), (&json!(COURIER), &exchange), "{kind}");
        assert_eq!(seen[0]["client_secret"].is_string(), kind == "ClientSecret", "{kind}");
        assert_eq!(seen[0]["client_assertion"].is_string(), kind != "ClientSecret", "{kind}");
        for leg in &seen[1..] {
            assert_eq!(leg["client_assertion"], seen[1]["client_assertion"], "{kind}: the exchange token vouches");
        }
        let detail = anonymous(&format!("all-orders?AgentIdentity={NOT_ITS_OWN}")).problem(401);
        assert!(detail.starts_with("AADSTS700213: "), "{kind}: {detail}");
        serve.stop();
    }
}
