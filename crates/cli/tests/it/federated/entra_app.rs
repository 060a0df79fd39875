//! Another application of Entra ID, in another cloud, vouches for ours: two emulators.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{EXCHANGE, ask, assert_proven, directory, exchange};
use crate::{
    client::{get, request},
    stage::{Emulator, ORDERS_APIS, ORDERS_WEB, TENANT, claims_of},
};

const GOVERNMENT: &str = "api://AzureADTokenExchangeUSGov";

/// The application's own token in a cloud.
fn token(cloud: &Emulator, resource: &str) -> String {
    let form = format!(
        "grant_type=client_credentials&client_id={ORDERS_WEB}&client_secret=orders-web-development-secret&scope={resource}/.default"
    );
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let reply = request(cloud.address, "POST", &format!("/{TENANT}/oauth2/v2.0/token"), &headers, form.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["access_token"].as_str().unwrap().to_owned()
}

/// The other cloud, which is the government's, and one that trusts its `orders-web`; the folder has the former's CA.
fn clouds(subject: Option<&str>) -> (Emulator, Emulator, TempDir) {
    let other = Emulator::of(&format!("cloud: usGovernment\n{}", directory(&json!([]))));
    let folder = TempDir::new().unwrap();
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, get(other.address, "/sidekey/ca.pem").text()).unwrap();
    let principal = claims_of(&token(&other, GOVERNMENT))["oid"].as_str().unwrap().to_owned();
    let credentials = json!([{
        "name": "other-cloud", "issuer": format!("{}{TENANT}/v2.0", slashed(&other.secure)),
        "subject": subject.unwrap_or(&principal), "audience": GOVERNMENT,
    }]);
    let trust = [("SSL_CERT_FILE", ca.to_str().unwrap())];
    (other, Emulator::apart(&directory(&credentials), &trust), folder)
}

fn slashed(origin: &str) -> String {
    format!("{}/", origin.trim_end_matches('/'))
}

fn settings<'a>(other: &'a Emulator, audience: &'a str) -> [(&'a str, &'a str); 8] {
    [
        ("AzureAd__ClientCredentials__0__SourceType", "CustomSignedAssertion"),
        ("AzureAd__ClientCredentials__0__CustomSignedAssertionProviderName", "OidcIdpSignedAssertion"),
        ("AzureAd__ClientCredentials__0__CustomSignedAssertionProviderData__ConfigurationSection", "OtherCloud"),
        ("AzureAd__ClientCredentials__0__TokenExchangeUrl", audience),
        ("OtherCloud__Instance", &other.origin),
        ("OtherCloud__TenantId", TENANT),
        ("OtherCloud__ClientId", ORDERS_WEB),
        ("OtherCloud__ClientSecret", "orders-web-development-secret"),
    ]
}

#[test]
fn an_application_of_another_cloud_vouches_for_ours() {
    let (other, own, _folder) = clouds(None);
    let before = other.requests().len();
    let (serve, sidecar) = own.serve(ORDERS_WEB, &[ORDERS_APIS, &settings(&other, GOVERNMENT)].concat());
    assert_proven(&ask(sidecar));
    let tokens = |requests: Vec<Value>| -> Vec<Value> {
        let tokens = requests.into_iter().filter(|request| request["path"].as_str().unwrap().ends_with("/token"));
        tokens.map(|request| request["parameters"].clone()).collect()
    };
    let [asked] = tokens(other.requests().split_off(before)).try_into().unwrap();
    let expected = json!({
        "client_id": ORDERS_WEB, "client_info": "2", "client_secret": crate::stage::shown("orders-web-development-secret"),
        "grant_type": "client_credentials", "scope": format!("{GOVERNMENT}/.default"),
    });
    assert_eq!(asked, expected);
    let [mut asked] = tokens(own.requests()).try_into().unwrap();
    assert!(asked["client_assertion"].take().as_str().unwrap().starts_with("sha256:"));
    let mut expected = exchange("");
    expected["client_assertion"].take();
    assert_eq!(asked, expected);
    serve.stop();
}

#[test]
fn another_clouds_application_is_refused_by_name_and_by_the_name_of_the_exchange() {
    let (other, own, _folder) = clouds(Some("77776666-aaaa-bbbb-cccc-555544443333"));
    let refused = |audience: &str| {
        let (serve, sidecar) = own.serve(ORDERS_WEB, &[ORDERS_APIS, &settings(&other, audience)].concat());
        let reply = ask(sidecar);
        (reply, serve.stop())
    };
    let (reply, _) = refused(GOVERNMENT);
    assert!(reply.problem(401).starts_with("AADSTS700213: "), "{}", reply.text());
    // The public cloud's exchange is not there.
    let (reply, log) = refused(EXCHANGE);
    reply.problem(500);
    assert!(log.contains("AADSTS500011") && log.contains("OtherCloud"), "{log}");
}
