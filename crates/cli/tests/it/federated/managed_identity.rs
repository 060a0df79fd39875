//! A managed identity's token as assertion, from each host that has one.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{EXCHANGE, ask, assert_proven, directory, serve};
use crate::{client::request, stage::Emulator};

/// A host, how the identity is named there, and what the host is asked.
struct Case {
    host: &'static str,
    named: Option<(&'static str, &'static str)>,
    path: &'static str,
    parameters: fn() -> Value,
}

const IDENTITY: &str = "99990000-3333-bbbb-cccc-ddddeeeeffff";
const PRINCIPAL: &str = "eeeeeeee-4444-5555-6666-ffffffffffff";
const RESOURCE: &str = "/subscriptions/88889999-2222-aaaa-bbbb-ccccddddeeee/resourceGroups/orders/providers/Microsoft.ManagedIdentity/userAssignedIdentities/orders-identity";
const BY_CLIENT: Option<(&str, &str)> = Some(("ManagedIdentityClientId", IDENTITY));
const BY_OBJECT: Option<(&str, &str)> = Some(("ManagedIdentityObjectId", PRINCIPAL));
const BY_RESOURCE: Option<(&str, &str)> = Some(("ManagedIdentityResourceId", RESOURCE));

const CASES: &[Case] = &[
    Case {
        host: "imds",
        named: BY_CLIENT,
        path: "/metadata/identity/oauth2/token",
        parameters: || json!({ "api-version": "2018-02-01", "resource": EXCHANGE, "client_id": IDENTITY }),
    },
    Case {
        host: "imds",
        named: BY_OBJECT,
        path: "/metadata/identity/oauth2/token",
        parameters: || json!({ "api-version": "2018-02-01", "resource": EXCHANGE, "object_id": PRINCIPAL }),
    },
    Case {
        host: "imds",
        named: BY_RESOURCE,
        path: "/metadata/identity/oauth2/token",
        parameters: || json!({ "api-version": "2018-02-01", "resource": EXCHANGE, "msi_res_id": RESOURCE }),
    },
    Case {
        host: "appservice",
        named: BY_CLIENT,
        path: "/hosts/appservice/msi/token",
        parameters: || json!({ "api-version": "2019-08-01", "resource": EXCHANGE, "client_id": IDENTITY }),
    },
    Case {
        host: "appservice",
        named: BY_RESOURCE,
        path: "/hosts/appservice/msi/token",
        parameters: || json!({ "api-version": "2019-08-01", "resource": EXCHANGE, "mi_res_id": RESOURCE }),
    },
    Case {
        host: "azureml",
        named: BY_CLIENT,
        path: "/hosts/azureml/msi/token",
        parameters: || json!({ "api-version": "2017-09-01", "resource": EXCHANGE, "clientid": IDENTITY }),
    },
    // Its key files are where only root may write, so that elsewhere there is only the refusal below.
    Case {
        host: "arc",
        named: BY_CLIENT,
        path: "/hosts/arc/metadata/identity/oauth2/token",
        parameters: || json!({ "api-version": "2020-06-01", "resource": EXCHANGE, "client_id": IDENTITY }),
    },
    Case {
        host: "servicefabric",
        named: None,
        path: "/hosts/servicefabric/metadata/identity/oauth2/token",
        parameters: || json!({ "api-version": "2019-07-01-preview", "resource": EXCHANGE }),
    },
];

/// An emulator whose `orders-web` trusts a managed identity of it, the only one in Service Fabric.
fn emulator() -> Emulator {
    let credential = json!([{
        "name": "identity", "issuer": "{origin}/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0",
        "subject": PRINCIPAL, "audience": EXCHANGE,
    }]);
    let elsewhere = |kind: &str| format!("kind: {kind}\n    hosts: [imds, appService, arc, azureMl]\n");
    let directory =
        directory(&credential).replacen("kind: systemAssigned\n", &elsewhere("systemAssigned"), 1).replacen(
            "name: reports-identity\n    kind: userAssigned\n",
            &format!("name: reports-identity\n    {}", elsewhere("userAssigned")),
            1,
        );
    Emulator::of(&directory)
}

/// The settings of a sidecar on a host.
fn on(emulator: &Emulator, host: &str, named: Option<(&str, &str)>) -> Vec<(String, String)> {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mut settings = vec![owned(("SourceType", "SignedAssertionFromManagedIdentity"))];
    settings.extend(named.map(owned));
    settings.extend(emulator.variables_of(host).into_iter().map(|(name, value)| (format!("${name}"), value)));
    settings
}

#[test]
fn a_managed_identitys_token_is_a_credential_on_every_host() {
    let emulator = emulator();
    let has_arc = fs::create_dir_all("/var/opt/azcmagent/tokens").is_ok();
    for Case { host, named, path, parameters } in CASES.iter().filter(|case| has_arc || case.host != "arc") {
        let before = emulator.requests().len();
        let (serve, sidecar) = serve(&emulator, &on(&emulator, host, *named));
        assert_proven(&ask(sidecar));
        assert_proven(&ask(sidecar));
        let requests = emulator.requests().split_off(before);
        let of = |path: &str| requests.iter().filter(|request| request["path"] == *path).collect::<Vec<_>>();
        let asked = of(path);
        let statuses: Vec<_> = asked.iter().map(|request| request["status"].as_u64().unwrap()).collect();
        assert_eq!(statuses, if *host == "arc" { vec![401, 200] } else { vec![200] }, "{host}");
        assert!(asked.iter().all(|request| request["parameters"] == parameters()), "{host}: {asked:?}");
        assert_eq!(requests.len(), asked.len() + 2, "{host}: the token, instance discovery, the exchange");
        serve.stop();
    }
}

#[test]
fn identities_that_are_not_trusted_are_refused() {
    let emulator = emulator();
    let cases = [
        (Some(("ManagedIdentityClientId", "0000aaaa-4444-cccc-dddd-eeeeffff0000")), "AADSTS700213: "),
        // The machine's own may not vouch for applications.
        (None, "AADSTS700226: "),
    ];
    for (named, expected) in cases {
        let (serve, sidecar) = serve(&emulator, &on(&emulator, "imds", named));
        let detail = ask(sidecar).problem(401);
        assert!(detail.starts_with(expected), "{detail}");
        serve.stop();
    }
}

#[test]
fn a_host_that_gives_no_token_is_named_in_the_log() {
    let emulator = emulator();
    let nobody = Some(("ManagedIdentityClientId", "99999999-0000-8888-9999-aaaabbbbcccc"));
    let cases: [(_, _, Option<Value>, _, &[_]); 4] = [
        ("imds", nobody, None, 401, &["the instance metadata service", "Identity not found"]),
        ("appservice", nobody, None, 401, &["App Service"]),
        ("imds", BY_CLIENT, Some(json!({ "path": "/metadata/", "status": 410, "times": 50 })), 503, &["410"]),
        ("imds", BY_CLIENT, Some(json!({ "path": "/metadata/", "status": 403, "times": 50 })), 401, &["403"]),
    ];
    for (host, named, fault, status, logged) in cases {
        if let Some(fault) = &fault {
            let reply = request(emulator.address, "POST", "/sidekey/faults", &[], fault.to_string().as_bytes());
            assert_eq!(reply.status, 201, "{}", reply.text());
        }
        let mut settings = on(&emulator, host, named);
        settings.push(("$Sidecar__AcquireTimeout".to_owned(), "00:00:01".to_owned()));
        let (serve, sidecar) = serve(&emulator, &settings);
        ask(sidecar).problem(status);
        let log = serve.stop();
        for part in logged {
            assert!(log.contains(part), "`{part}` is missing in:\n{log}");
        }
        assert_eq!(request(emulator.address, "DELETE", "/sidekey/faults", &[], b"").status, 204);
    }
}

#[test]
fn azure_arcs_key_is_read_in_the_agents_folder_alone() {
    let keys = TempDir::new().unwrap();
    let emulator = Emulator::with_arc_keys(keys.path());
    let (serve, sidecar) = serve(&emulator, &on(&emulator, "arc", BY_CLIENT));
    ask(sidecar).problem(500);
    let log = serve.stop();
    assert!(log.contains("no `.key` file in `/var/opt/azcmagent/tokens`"), "{log}");
}
