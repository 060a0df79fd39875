//! Microsoft's own host names: sovereign clouds, regions, External ID. A proxy leads them all to the emulator.

use std::net::SocketAddr;

use serde_json::{Value, json};
use sidekey_emulator::Emulator as Directory;

use crate::{
    client::{Reply, get, request},
    process::Process,
    stage::{
        ALICE, BLUEPRINT, COURIER, Emulator, ORDERS, ORDERS_APIS, ORDERS_WEB, TENANT, assert_claims, claims, secret_of,
        shown,
    },
    tunnel::Tunnel,
};

pub(crate) type Settings = Vec<(&'static str, String)>;

/// A sidecar that reaches the emulator by whatever name.
pub(crate) fn serve(tunnel: &Tunnel, more: Settings) -> (Process, SocketAddr) {
    let all: Settings = tunnel.settings().into_iter().chain(more).collect();
    let borrowed: Vec<_> = all.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Process::serve(&[ORDERS_APIS, &borrowed].concat())
}

pub(crate) fn anonymous(sidecar: SocketAddr, target: &str) -> Reply {
    get(sidecar, &format!("/AuthorizationHeaderUnauthenticated/{target}"))
}

pub(crate) fn as_user(sidecar: SocketAddr, user: &str, path: &str) -> Reply {
    request(sidecar, "GET", path, &[("Authorization", &format!("Bearer {user}"))], b"")
}

/// Parameters of the token requests, oldest first.
pub(crate) fn token_requests(emulator: &Emulator) -> Vec<Value> {
    let requests = emulator.requests().into_iter();
    let tokens = requests.filter(|request| request["path"].as_str().unwrap().ends_with("/oauth2/v2.0/token"));
    tokens
        .map(|request| request["parameters"].clone())
        .filter(|parameters| parameters["grant_type"] != "password")
        .collect()
}

pub(crate) fn of_secret(client: &'static str) -> Settings {
    let secret = secret_of(client).map(|(name, value)| (name, value.to_owned()));
    [("AzureAd__ClientId", client.to_owned())].into_iter().chain(secret).collect()
}

#[test]
fn each_cloud_has_its_hosts_and_its_token_exchange() {
    let cases = [
        ("public", "login.microsoftonline.com", "login.microsoftonline.com", "api://AzureADTokenExchange"),
        ("public", "login.windows.net", "login.microsoftonline.com", "api://AzureADTokenExchange"),
        ("usGovernment", "login.microsoftonline.us", "login.microsoftonline.us", "api://AzureADTokenExchangeUSGov"),
        ("usGovernment", "login.usgovcloudapi.net", "login.microsoftonline.us", "api://AzureADTokenExchangeUSGov"),
        (
            "china",
            "login.partner.microsoftonline.cn",
            "login.partner.microsoftonline.cn",
            "api://AzureADTokenExchangeChina",
        ),
    ];
    for (cloud, instance, network, exchange) in cases {
        let credential = json!([{
            "name": "identity", "issuer": format!("{{origin}}/{TENANT}/v2.0"),
            "subject": "eeeeeeee-4444-5555-6666-ffffffffffff", "audience": exchange,
        }]);
        let kind = "kind: blueprint\n";
        let trusting = format!("{kind}    federatedCredentials: {credential}\n");
        let directory = format!("cloud: {cloud}\n{}", Directory::DEFAULT_DIRECTORY.replacen(kind, &trusting, 1));
        let emulator = Emulator::of(&directory);
        let tunnel = Tunnel::to(&emulator);
        let settings = vec![
            ("AzureAd__Instance", format!("https://{instance}/")),
            ("AzureAd__TenantId", TENANT.to_owned()),
            ("AzureAd__ClientId", BLUEPRINT.to_owned()),
            ("AzureAd__ClientCredentials__0__SourceType", "SignedAssertionFromManagedIdentity".to_owned()),
            (
                "AzureAd__ClientCredentials__0__ManagedIdentityClientId",
                "99990000-3333-bbbb-cccc-ddddeeeeffff".to_owned(),
            ),
            ("AZURE_POD_IDENTITY_AUTHORITY_HOST", emulator.origin.clone()),
        ];
        let (serve, sidecar) = serve(&tunnel, settings);
        let own = claims(&anonymous(sidecar, &format!("all-orders?AgentIdentity={COURIER}")));
        assert_claims(&own, &[("azp", COURIER.into()), ("aud", ORDERS.into())]);
        assert_eq!(tunnel.take_hosts(), [format!("{network}:443")], "{instance}");
        let alice = emulator.token(&format!("user=alice&scope=api://{BLUEPRINT}/access_agent"));
        assert_eq!(
            as_user(sidecar, &alice, "/Validate").status,
            200,
            "{instance}: a token of this cloud is judged good"
        );
        let requests = emulator.requests();
        let identity = requests.iter().find(|request| request["path"] == "/metadata/identity/oauth2/token").unwrap();
        assert_eq!(identity["parameters"]["resource"], exchange, "{instance}: the managed identity's token");
        let scope = format!("{exchange}/.default");
        assert_eq!(token_requests(&emulator)[0]["scope"], scope, "{instance}: the blueprint's exchange token");
        serve.stop();
    }
}

#[test]
fn the_wrong_clouds_token_exchange_is_refused() {
    let emulator = Emulator::of(&format!("cloud: usGovernment\n{}", Directory::DEFAULT_DIRECTORY));
    let tunnel = Tunnel::to(&emulator);
    let settings = [
        ("AzureAd__Instance", "https://login.microsoftonline.com/".to_owned()),
        ("AzureAd__TenantId", TENANT.to_owned()),
    ];
    let (serve, sidecar) = serve(&tunnel, settings.into_iter().chain(of_secret(BLUEPRINT)).collect());
    let detail = anonymous(sidecar, &format!("all-orders?AgentIdentity={COURIER}")).problem(401);
    assert!(detail.starts_with("AADSTS500011: ") && detail.contains("api://AzureADTokenExchange"), "{detail}");
    serve.stop();
}

#[test]
fn app_tokens_come_from_the_region_and_users_from_the_global_endpoint() {
    let emulator = Emulator::start();
    let tunnel = Tunnel::to(&emulator);
    let global = "login.microsoftonline.com:443".to_owned();
    let cases = [
        ("https://login.microsoftonline.com/", "westus2", "westus2.login.microsoft.com:443"),
        ("https://login.microsoftonline.us/", "usgovvirginia", "usgovvirginia.login.microsoftonline.us:443"),
        // As the metadata service has it.
        ("https://login.microsoftonline.com/", "TryAutoDetect", "westeurope.login.microsoft.com:443"),
        ("https://login.microsoftonline.com/", "no.region", &global),
    ];
    for (instance, region, host) in cases {
        let settings = vec![
            ("AzureAd__Instance", instance.to_owned()),
            ("AzureAd__TenantId", TENANT.to_owned()),
            ("AzureAd__AzureRegion", region.to_owned()),
            ("AZURE_POD_IDENTITY_AUTHORITY_HOST", emulator.origin.clone()),
        ];
        let (serve, sidecar) = serve(&tunnel, settings.into_iter().chain(of_secret(ORDERS_WEB)).collect());
        assert_claims(&claims(&anonymous(sidecar, "all-orders")), &[("aud", ORDERS.into())]);
        assert_eq!(tunnel.take_hosts(), [host], "{instance} {region}");
        if instance.ends_with(".com/") {
            let alice = emulator.token("user=alice");
            assert_claims(&claims(&as_user(sidecar, &alice, "/AuthorizationHeader/orders")), &[("oid", ALICE.into())]);
            assert!(
                tunnel.take_hosts().iter().all(|asked| *asked == global),
                "{region}: a user's token is no region's"
            );
        }
        serve.stop();
    }
}

#[test]
fn external_id_is_named_by_its_subdomain_its_path_or_its_tenant() {
    let emulator = Emulator::start();
    let tunnel = Tunnel::to(&emulator);
    let by_url = |url: &str| vec![("AzureAd__Authority", url.to_owned())];
    let cases = [
        (by_url("https://contoso.ciamlogin.com"), "contoso.onmicrosoft.com"),
        (by_url("https://contoso.ciamlogin.com/"), "contoso.onmicrosoft.com"),
        (by_url("https://shop.ciamlogin.com/contoso.onmicrosoft.com"), "contoso.onmicrosoft.com"),
        (by_url(&format!("https://shop.ciamlogin.com/{TENANT}/v2.0")), TENANT),
        (
            vec![
                ("AzureAd__Instance", "https://shop.ciamlogin.com/".to_owned()),
                ("AzureAd__TenantId", TENANT.to_owned()),
            ],
            TENANT,
        ),
    ];
    for (authority, segment) in cases {
        let name = authority[0].1.clone();
        let before = emulator.requests().len();
        let (serve, sidecar) = serve(&tunnel, authority.into_iter().chain(of_secret(ORDERS_WEB)).collect());
        let alice = emulator.token("user=alice");
        assert_eq!(as_user(sidecar, &alice, "/Validate").status, 200, "{name}");
        let delegated = claims(&as_user(sidecar, &alice, "/AuthorizationHeader/orders"));
        assert_claims(&delegated, &[("oid", ALICE.into()), ("scp", "Orders.Read".into()), ("aud", ORDERS.into())]);
        // Another tenant cannot be chosen here.
        let elsewhere = "all-orders?optionsOverride.AcquireTokenOptions.Tenant=fabrikam.onmicrosoft.com";
        assert_claims(&claims(&anonymous(sidecar, elsewhere)), &[("azp", ORDERS_WEB.into()), ("tid", TENANT.into())]);
        let requests = emulator.requests().split_off(before);
        let paths: Vec<_> = requests.iter().map(|request| request["path"].as_str().unwrap()).collect();
        let own = format!("/{segment}/");
        let tokens = paths.iter().filter(|path| path.starts_with(&own) && path.ends_with("/oauth2/v2.0/token"));
        assert_eq!(tokens.count(), 2, "{name}: {paths:?}");
        assert!(!paths.iter().any(|path| path.contains("discovery/instance")), "{name}: {paths:?}");
        let host = name.trim_start_matches("https://").split('/').next().unwrap();
        assert_eq!(tunnel.take_hosts(), [format!("{host}:443")]);
        serve.stop();
    }
}

#[test]
fn extra_parameters_go_into_the_query_of_token_requests() {
    let emulator = Emulator::start();
    let tunnel = Tunnel::to(&emulator);
    let settings = vec![
        ("AzureAd__Authority", format!("https://login.microsoftonline.com/{TENANT}?dc=of-the-authority")),
        ("AzureAd__ExtraQueryParameters__slice", "of-the-application".to_owned()),
        ("AzureAd__ExtraQueryParameters__both", "of-the-application".to_owned()),
        ("DownstreamApis__all-orders__AcquireTokenOptions__ExtraQueryParameters__both", "of-the-api".to_owned()),
        ("DownstreamApis__all-orders__AcquireTokenOptions__ExtraParameters__more", "of-the-api-too".to_owned()),
    ];
    let (serve, sidecar) = serve(&tunnel, settings.into_iter().chain(of_secret(ORDERS_WEB)).collect());
    assert_claims(&claims(&anonymous(sidecar, "all-orders")), &[("aud", ORDERS.into())]);
    let [asked] = token_requests(&emulator).try_into().unwrap();
    let expected = json!({
        "client_id": ORDERS_WEB, "client_info": "2", "client_secret": shown("orders-web-development-secret"),
        "grant_type": "client_credentials", "scope": format!("api://{ORDERS}/.default"),
        "dc": shown("of-the-authority"), "slice": shown("of-the-application"),
        "both": shown("of-the-api"), "more": shown("of-the-api-too"),
    });
    assert_eq!(asked, expected);
    serve.stop();
}
