//! Azure AD B2C: a tenant's domain and a user flow make the authority. A proxy leads its host to the emulator.

use std::fs;

use serde_json::{Value, json};
use sidekey_emulator::Emulator as Directory;
use tempfile::TempDir;

use crate::{
    agent_credentials::certificate,
    clouds::{Settings, anonymous, as_user, of_secret, serve, token_requests},
    stage::{ALICE, Emulator, ORDERS, ORDERS_WEB, TENANT, assert_claims, claims, claims_of},
    tunnel::Tunnel,
};

const FLOW: &str = "B2C_1_susi";

/// The built-in directory, whose first tenant has a user flow, and whose `orders-web` this certificate.
fn emulator(certificate: &str) -> Emulator {
    let certificates = json!([{ "pem": certificate }]);
    let directory = Directory::DEFAULT_DIRECTORY
        .replacen("displayName: Contoso\n", &format!("displayName: Contoso\n    userFlows: [{FLOW}]\n"), 1)
        .replacen("name: orders-web\n", &format!("name: orders-web\n    certificates: {certificates}\n"), 1);
    Emulator::of(&directory)
}

fn by_keys(instance: &str, flow: &str) -> Settings {
    vec![
        ("AzureAd__Instance", instance.to_owned()),
        ("AzureAd__Domain", "contoso.onmicrosoft.com".to_owned()),
        ("AzureAd__SignUpSignInPolicyId", flow.to_owned()),
    ]
}

#[test]
fn a_user_flows_tokens_are_judged_and_the_application_gets_its_own() {
    let emulator = emulator(&certificate().0);
    let tunnel = Tunnel::to(&emulator);
    let alice = emulator.token(&format!("user=alice&flow={FLOW}"));
    let issuer = format!("{}/{TENANT}/v2.0/", emulator.secure.trim_end_matches('/'));
    let of_user = [
        ("iss", issuer.as_str().into()),
        ("tfp", FLOW.into()),
        ("sub", ALICE.into()),
        ("ver", "1.0".into()),
        ("aud", ORDERS_WEB.into()),
        ("tid", Value::Null),
    ];
    assert_claims(&claims_of(&alice), &of_user);
    let authority = format!("https://contoso.b2clogin.com/tfp/contoso.onmicrosoft.com/{FLOW}");
    let cases = [
        by_keys("https://contoso.b2clogin.com/", FLOW),
        by_keys("https://contoso.b2clogin.com/tfp/", FLOW),
        vec![("AzureAd__Authority", authority)],
    ];
    for settings in cases {
        let before = emulator.requests().len();
        let (serve, sidecar) = serve(&tunnel, settings.into_iter().chain(of_secret(ORDERS_WEB)).collect());
        let judged = as_user(sidecar, &alice, "/Validate");
        assert_eq!(judged.status, 200, "{} {}", judged.text(), judged.header("x-sidekey-reason"));
        assert_claims(&judged.json()["claims"], &of_user);
        let own = claims(&anonymous(sidecar, "all-orders"));
        assert_claims(&own, &[("azp", ORDERS_WEB.into()), ("aud", ORDERS.into()), ("iss", issuer.as_str().into())]);
        let requests = emulator.requests().split_off(before);
        let paths: Vec<_> = requests.iter().map(|request| request["path"].as_str().unwrap()).collect();
        let expected = [
            "/contoso.onmicrosoft.com/b2c_1_susi/v2.0/.well-known/openid-configuration".to_owned(),
            format!("/{TENANT}/b2c_1_susi/discovery/v2.0/keys"),
            "/tfp/contoso.onmicrosoft.com/b2c_1_susi/oauth2/v2.0/token".to_owned(),
        ];
        assert_eq!(paths, expected);
        assert_eq!(tunnel.take_hosts(), ["contoso.b2clogin.com:443"]);
        serve.stop();
    }
}

#[test]
fn what_a_user_flow_does_not_do_is_refused() {
    let emulator = emulator(&certificate().0);
    let tunnel = Tunnel::to(&emulator);
    let start = |flow: &str| {
        serve(
            &tunnel,
            by_keys("https://contoso.b2clogin.com/", flow).into_iter().chain(of_secret(ORDERS_WEB)).collect(),
        )
    };
    let (serve, sidecar) = start(FLOW);
    let alice = emulator.token(&format!("user=alice&flow={FLOW}"));
    let detail = as_user(sidecar, &alice, "/AuthorizationHeader/orders").problem(401);
    assert!(detail.starts_with("AADSTS70003: "), "there is no on-behalf-of: {detail}");
    let entras = as_user(sidecar, &emulator.token("user=alice"), "/Validate");
    assert_eq!(entras.status, 401, "the tenant's other tokens have another issuer");
    assert!(entras.header("x-sidekey-reason").contains("issuer"), "{}", entras.header("x-sidekey-reason"));
    serve.stop();
    let (serve, sidecar) = start("B2C_1_other");
    assert_eq!(as_user(sidecar, &alice, "/Validate").status, 401);
    let detail = anonymous(sidecar, "all-orders").problem(401);
    assert!(detail.starts_with("AADSTS90002: "), "{detail}");
    serve.stop();
}

#[test]
fn a_certificate_is_shown_to_the_user_flows_own_endpoint() {
    let (certificate, key) = certificate();
    let (emulator, folder) = (emulator(&certificate), TempDir::new().unwrap());
    let tunnel = Tunnel::to(&emulator);
    let path = folder.path().join("orders-web.pem");
    fs::write(&path, [certificate, key].concat()).unwrap();
    let mut settings = by_keys("https://contoso.b2clogin.com/", FLOW);
    settings.extend([
        ("AzureAd__ClientId", ORDERS_WEB.to_owned()),
        ("AzureAd__ClientCredentials__0__SourceType", "Path".to_owned()),
        ("AzureAd__ClientCredentials__0__CertificateDiskPath", path.to_str().unwrap().to_owned()),
    ]);
    let (serve, sidecar) = serve(&tunnel, settings);
    assert_claims(&claims(&anonymous(sidecar, "all-orders")), &[("azp", ORDERS_WEB.into()), ("azpacr", "2".into())]);
    let [asked] = token_requests(&emulator).try_into().unwrap();
    assert!(asked["client_assertion"].is_string(), "{asked}");
    serve.stop();
}
