//! Agents and long-running sessions, through the sidecar and against the emulator: what is asked for, and whose token comes out.

use serde_json::Value;

use crate::{
    client::get,
    process::Settings,
    stage::{ALICE, BLUEPRINT, COURIER, Emulator, ORDERS, ORDERS_APIS, Stage, TENANT, assert_claims, claims},
};

/// A sidecar that is an agents' blueprint.
fn stage(more: Settings<'_>) -> Stage {
    Stage::new(BLUEPRINT, &[ORDERS_APIS, more].concat())
}

/// A user's token for the blueprint.
fn user(stage: &Stage, name: &str) -> String {
    stage.emulator.token(&format!("user={name}&scope=api://{BLUEPRINT}/access_agent"))
}

/// Grant and client of each token request so far but the test users' own, in order.
fn seen(stage: &Stage) -> Vec<(String, String)> {
    let requests = stage.emulator.requests();
    let of = |entry: &Value, name: &str| entry["parameters"][name].as_str().unwrap_or_default().to_owned();
    let tokens = requests.iter().filter(|entry| entry["path"].as_str().unwrap().ends_with("/oauth2/v2.0/token"));
    let grants = tokens.map(|entry| {
        let grant = of(entry, "grant_type").rsplit(':').next().unwrap_or_default().to_owned();
        (grant, of(entry, "client_id"))
    });
    grants.filter(|(grant, _)| grant != "password").collect()
}

fn asked(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(grant, client)| ((*grant).to_owned(), (*client).to_owned())).collect()
}

#[test]
fn an_agent_gets_a_token_of_its_own() {
    let stage = stage(&[]);
    let target = format!("all-orders?AgentIdentity={COURIER}");
    let claims = claims(&stage.anonymous(&target));
    let expected = [("azp", COURIER.into()), ("aud", ORDERS.into()), ("roles", serde_json::json!(["Orders.Read.All"]))];
    assert_claims(&claims, &expected);
    let way = [("client_credentials", BLUEPRINT), ("client_credentials", COURIER)];
    assert_eq!(seen(&stage), asked(&way));
    assert_eq!(stage.anonymous(&target).status, 200);
    assert_eq!(seen(&stage), asked(&way), "the second one comes from the cache");
}

#[test]
fn an_agent_acts_for_a_user() {
    let stage = stage(&[]);
    let claims = claims(&stage.as_user(&user(&stage, "alice"), &format!("orders?AgentIdentity={COURIER}")));
    let expected =
        [("azp", COURIER.into()), ("oid", ALICE.into()), ("scp", "Orders.Read".into()), ("aud", ORDERS.into())];
    assert_claims(&claims, &expected);
    assert_eq!(seen(&stage), asked(&[("client_credentials", BLUEPRINT), ("jwt-bearer", COURIER)]));
}

#[test]
fn an_agents_user_account_is_known_by_name_and_by_id() {
    let stage = stage(&[]);
    let way = [("client_credentials", BLUEPRINT), ("client_credentials", COURIER), ("user_fic", COURIER)];
    let expected = [("azp", COURIER.into()), ("oid", ACCOUNT.into()), ("scp", "Orders.Read".into())];
    let name = format!("orders?AgentIdentity={COURIER}&AgentUsername=courier%40contoso.onmicrosoft.com");
    assert_claims(&claims(&stage.anonymous(&name)), &expected);
    assert_eq!(seen(&stage), asked(&way));
    let id = format!("orders?AgentIdentity={COURIER}&AgentUserId={ACCOUNT}");
    assert_claims(&claims(&stage.anonymous(&id)), &expected);
    assert_eq!(seen(&stage), asked(&[&way[..], &way[2..]].concat()), "only the last request is made again");
}

#[test]
fn an_agent_that_is_not_the_blueprints_is_refused() {
    let stage = stage(&[]);
    let not_its_own = "66667777-0000-8888-9999-aaaabbbbcccc";
    for target in [
        format!("all-orders?AgentIdentity={not_its_own}"),
        "all-orders?AgentIdentity=99999999-0000-8888-9999-aaaabbbbcccc".to_owned(),
        format!("orders?AgentIdentity={COURIER}&AgentUsername=alice%40contoso.onmicrosoft.com"),
        format!("orders?AgentIdentity={COURIER}&AgentUserId=99999999-0000-8888-9999-aaaabbbbcccc"),
    ] {
        let detail = stage.anonymous(&target).problem(401);
        assert!(detail.starts_with("AADSTS"), "{target}: {detail}");
    }
}

#[test]
fn a_part_of_an_application_gets_a_credential_for_its_own_part() {
    let node = [
        ("AzureAd__ClientCredentials__0__SourceType", "CustomSignedAssertion"),
        ("AzureAd__ClientCredentials__0__TokenExchangeUrl", "api://AzureFMITokenExchange"),
        ("AzureAd__ClientCredentials__0__CustomSignedAssertionProviderName", "OidcIdpSignedAssertion"),
        ("AzureAd__ClientCredentials__0__CustomSignedAssertionProviderData__ConfigurationSection", "Root"),
        ("AzureAd__ClientCredentials__0__CustomSignedAssertionProviderData__RequiresSignedAssertionFmiPath", "true"),
        ("Root__TenantId", TENANT),
        ("Root__ClientId", BLUEPRINT),
        ("Root__ClientSecret", "orders-agents-development-secret"),
        ("DownstreamApis__part__Scopes__0", "api://AzureFMITokenExchange/.default"),
        ("DownstreamApis__part__RequestAppToken", "true"),
        ("DownstreamApis__part__AcquireTokenOptions__FmiPath", "team/child"),
        ("DownstreamApis__part__AcquireTokenOptions__ExtraParameters__fmiPathForClientAssertion", "team"),
    ];
    let emulator = Emulator::start();
    let root = [("Root__Instance", emulator.origin.as_str())];
    let (_serve, sidecar) = emulator.serve("urn:microsoft:identity:fmi", &[&node[..], &root].concat());
    let claims = claims(&get(sidecar, "/AuthorizationHeaderUnauthenticated/part"));
    let subject = claims["sub"].as_str().unwrap();
    assert!(subject.starts_with("/eid1/c/pub/t/") && subject.ends_with("/team/child"), "{subject}");
    let paths: Vec<_> = emulator.requests().iter().map(|asked| asked["parameters"]["fmi_path"].clone()).collect();
    assert!(paths.ends_with(&["team".into(), "team/child".into()]), "{paths:?}");
}

#[test]
fn a_session_goes_on_without_the_users_token() {
    for (agent, client) in [(String::new(), BLUEPRINT), (format!("AgentIdentity={COURIER}&"), COURIER)] {
        let stage = stage(&[]);
        let key = "optionsOverride.AcquireTokenOptions.LongRunningWebApiSessionKey=workflow-42";
        let target = format!("orders?{agent}{key}");
        let unknown = stage.anonymous(&target).problem(401);
        assert!(unknown.starts_with("obo_cache_key_not_in_cache_error"), "{unknown}");
        let expected = [("azp", client.into()), ("oid", ALICE.into()), ("scp", "Orders.Read".into())];
        assert_claims(&claims(&stage.as_user(&user(&stage, "alice"), &target)), &expected);
        assert_claims(&claims(&stage.anonymous(&target)), &expected);
        let before = seen(&stage).len();
        let anew = format!("{target}&optionsOverride.AcquireTokenOptions.ForceRefresh=true");
        assert_claims(&claims(&stage.anonymous(&anew)), &expected);
        assert_eq!(seen(&stage).split_off(before), asked(&[("refresh_token", client)]));
        let others = stage.as_user(&user(&stage, "bob"), &target).problem(400);
        assert!(others.contains("another user"), "{others}");
    }
}

const ACCOUNT: &str = "cccccccc-2222-3333-4444-dddddddddddd";
