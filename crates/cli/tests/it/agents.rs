//! Agents and long-running sessions, through the sidecar and against the emulator: what is asked for, and whose token comes out.

use std::net::SocketAddr;

use serde_json::Value;
use sidekey_jose::base64url;

use crate::{
    client::{Reply, get, request},
    process::{Process, Settings},
};

/// An emulator and a sidecar that is an agents' blueprint.
struct Stage {
    _emulator: Process,
    _serve: Process,
    authority: SocketAddr,
    sidecar: SocketAddr,
}

impl Stage {
    fn new(more: Settings<'_>) -> Self {
        let (emulator, origin) = Process::emulator();
        let base = [
            ("AzureAd__Instance", origin.as_str()),
            ("AzureAd__TenantId", "aaaabbbb-0000-cccc-1111-dddd2222eeee"),
            ("AzureAd__ClientId", BLUEPRINT),
            ("AzureAd__ClientCredentials__0__SourceType", "ClientSecret"),
            ("AzureAd__ClientCredentials__0__ClientSecret", "orders-agents-development-secret"),
            ("DownstreamApis__orders__Scopes__0", "api://11112222-bbbb-3333-cccc-4444dddd5555/Orders.Read"),
            ("DownstreamApis__all-orders__Scopes__0", "api://11112222-bbbb-3333-cccc-4444dddd5555/.default"),
            ("DownstreamApis__all-orders__RequestAppToken", "true"),
            ("Sidecar__AllowOverrides__GetAuthorizationHeaderUnauthenticated", "true"),
        ];
        let settings: Vec<_> = base.iter().chain(more).copied().collect();
        let (serve, sidecar) = Process::serve(&settings);
        let authority = origin.trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
        Self { _emulator: emulator, _serve: serve, authority, sidecar }
    }

    /// A user's token for the sidecar.
    fn user(&self, name: &str) -> String {
        let scope = "api://33334444-dddd-5555-eeee-6666ffff7777/access_agent";
        let token = get(self.authority, &format!("/sidekey/token?user={name}&scope={scope}")).text();
        assert_eq!(token.trim().split('.').count(), 3, "{token}");
        token.trim().to_owned()
    }

    fn anonymous(&self, target: &str) -> Reply {
        get(self.sidecar, &format!("/AuthorizationHeaderUnauthenticated/{target}"))
    }

    fn as_user(&self, user: &str, target: &str) -> Reply {
        let bearer = format!("Bearer {user}");
        let target = format!("/AuthorizationHeader/{target}");
        request(self.sidecar, "GET", &target, &[("Authorization", &bearer)], b"")
    }

    /// Grant and client of each token request so far but the test users' own, in order.
    fn asked(&self) -> Vec<(String, String)> {
        let log = get(self.authority, "/sidekey/requests").json();
        let entries = log.as_array().unwrap();
        let of = |entry: &Value, name: &str| entry["parameters"][name].as_str().unwrap_or_default().to_owned();
        let tokens = entries.iter().filter(|entry| entry["path"].as_str().unwrap().ends_with("/oauth2/v2.0/token"));
        let grants = tokens.map(|entry| {
            let grant = of(entry, "grant_type").rsplit(':').next().unwrap_or_default().to_owned();
            (grant, of(entry, "client_id"))
        });
        grants.filter(|(grant, _)| grant != "password").collect()
    }
}

/// The claims of the token in a good reply.
#[track_caller]
fn claims(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let json = reply.json();
    let header = json["authorizationHeader"].as_str().unwrap();
    let part = header.strip_prefix("Bearer ").unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&base64url::decode(part).unwrap()).unwrap()
}

#[track_caller]
fn assert_claims(claims: &Value, expected: &[(&str, Value)]) {
    for (name, value) in expected {
        assert_eq!(&claims[*name], value, "{name} in {claims}");
    }
}

fn asked(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(grant, client)| ((*grant).to_owned(), (*client).to_owned())).collect()
}

#[test]
fn an_agent_gets_a_token_of_its_own() {
    let stage = Stage::new(&[]);
    let target = format!("all-orders?AgentIdentity={COURIER}");
    let claims = claims(&stage.anonymous(&target));
    let expected = [("azp", COURIER.into()), ("aud", ORDERS.into()), ("roles", serde_json::json!(["Orders.Read.All"]))];
    assert_claims(&claims, &expected);
    let way = [("client_credentials", BLUEPRINT), ("client_credentials", COURIER)];
    assert_eq!(stage.asked(), asked(&way));
    assert_eq!(stage.anonymous(&target).status, 200);
    assert_eq!(stage.asked(), asked(&way), "the second one comes from the cache");
}

#[test]
fn an_agent_acts_for_a_user() {
    let stage = Stage::new(&[]);
    let claims = claims(&stage.as_user(&stage.user("alice"), &format!("orders?AgentIdentity={COURIER}")));
    let expected =
        [("azp", COURIER.into()), ("oid", ALICE.into()), ("scp", "Orders.Read".into()), ("aud", ORDERS.into())];
    assert_claims(&claims, &expected);
    assert_eq!(stage.asked(), asked(&[("client_credentials", BLUEPRINT), ("jwt-bearer", COURIER)]));
}

#[test]
fn an_agents_user_account_is_known_by_name_and_by_id() {
    let stage = Stage::new(&[]);
    let way = [("client_credentials", BLUEPRINT), ("client_credentials", COURIER), ("user_fic", COURIER)];
    let expected = [("azp", COURIER.into()), ("oid", ACCOUNT.into()), ("scp", "Orders.Read".into())];
    let name = format!("orders?AgentIdentity={COURIER}&AgentUsername=courier%40contoso.onmicrosoft.com");
    assert_claims(&claims(&stage.anonymous(&name)), &expected);
    assert_eq!(stage.asked(), asked(&way));
    let id = format!("orders?AgentIdentity={COURIER}&AgentUserId={ACCOUNT}");
    assert_claims(&claims(&stage.anonymous(&id)), &expected);
    assert_eq!(stage.asked(), asked(&[&way[..], &way[2..]].concat()), "only the last request is made again");
}

#[test]
fn an_agent_that_is_not_the_blueprints_is_refused() {
    let stage = Stage::new(&[]);
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
fn a_session_goes_on_without_the_users_token() {
    for (agent, client) in [(String::new(), BLUEPRINT), (format!("AgentIdentity={COURIER}&"), COURIER)] {
        let stage = Stage::new(&[]);
        let key = "optionsOverride.AcquireTokenOptions.LongRunningWebApiSessionKey=workflow-42";
        let target = format!("orders?{agent}{key}");
        let unknown = stage.anonymous(&target).problem(401);
        assert!(unknown.starts_with("obo_cache_key_not_in_cache_error"), "{unknown}");
        let expected = [("azp", client.into()), ("oid", ALICE.into()), ("scp", "Orders.Read".into())];
        assert_claims(&claims(&stage.as_user(&stage.user("alice"), &target)), &expected);
        assert_claims(&claims(&stage.anonymous(&target)), &expected);
        let before = stage.asked().len();
        let anew = format!("{target}&optionsOverride.AcquireTokenOptions.ForceRefresh=true");
        assert_claims(&claims(&stage.anonymous(&anew)), &expected);
        assert_eq!(stage.asked().split_off(before), asked(&[("refresh_token", client)]));
        let others = stage.as_user(&stage.user("bob"), &target).problem(400);
        assert!(others.contains("another user"), "{others}");
    }
}

const BLUEPRINT: &str = "33334444-dddd-5555-eeee-6666ffff7777";
const COURIER: &str = "44445555-eeee-6666-ffff-777788889999";
const ORDERS: &str = "11112222-bbbb-3333-cccc-4444dddd5555";
const ALICE: &str = "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb";
const ACCOUNT: &str = "cccccccc-2222-3333-4444-dddddddddddd";
