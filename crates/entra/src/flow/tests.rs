//! Which tenant and scopes a request comes to, and which requests are refused.

use sidekey_config::Configuration;
use sidekey_oauth::Scopes;

use super::*;
use crate::{Confirmation, request::AgentUser};

fn config(pairs: &[(&str, &str)]) -> Config {
    let base = [("AzureAd:TenantId", TENANT), ("AzureAd:ClientId", "c")];
    let pairs = base.iter().chain(pairs).copied();
    Configuration::from_pairs(pairs).bind(Config::read).unwrap().0
}

fn request(flow: Flow, scopes: &str) -> TokenRequest {
    TokenRequest::new(flow, Scopes::parse(scopes).unwrap())
}

fn of_user(tenant: Option<&str>) -> Flow {
    Flow::OnBehalfOf(crate::UserAssertion {
        token: std::sync::Arc::new(crate::UserToken::new(Secret::new("t"))),
        tenant: tenant.map(|tenant| tenant.parse().unwrap()),
        user: None,
    })
}

fn tenant_of(request: &TokenRequest, config: &Config) -> Option<String> {
    plan(request, None, config).unwrap().tenant.map(ToString::to_string)
}

#[test]
fn the_tenant_is_the_named_one_else_the_users_else_the_configured_one() {
    let config = config(&[]);
    let named = |mut request: TokenRequest| {
        request.tenant = "named.com".parse().ok();
        request
    };
    let app = || request(Flow::App, "r/.default");
    let user = |tenant| request(of_user(tenant), "s");
    assert_eq!(tenant_of(&app(), &config).as_deref(), Some(TENANT));
    assert_eq!(tenant_of(&named(app()), &config).as_deref(), Some("named.com"));
    assert_eq!(tenant_of(&user(Some("users.com")), &config).as_deref(), Some("users.com"));
    assert_eq!(tenant_of(&user(None), &config).as_deref(), Some(TENANT));
    assert_eq!(tenant_of(&named(user(Some("users.com"))), &config).as_deref(), Some("named.com"));
}

#[test]
fn an_external_tenant_is_never_left() {
    let config = config(&[("AzureAd:Instance", "https://contoso.ciamlogin.com/")]);
    let mut request = request(of_user(Some("users.com")), "s");
    request.tenant = "named.com".parse().ok();
    assert_eq!(tenant_of(&request, &config).as_deref(), Some(TENANT));
}

#[test]
fn app_tokens_need_a_directory_of_their_own() {
    for meta in ["common", "organizations"] {
        let pairs = [("AzureAd:TenantId", meta)];
        let error = plan(&request(Flow::App, "r/.default"), None, &config(&pairs)).unwrap_err();
        assert!(matches!(&error, AcquireError::Configuration(text) if text.contains("AppHomeTenantId")), "{error}");
        let home = config(&[("AzureAd:TenantId", meta), ("AzureAd:AppHomeTenantId", "home.com")]);
        assert_eq!(tenant_of(&request(Flow::App, "r/.default"), &home).as_deref(), Some("home.com"));
        assert_eq!(tenant_of(&request(of_user(None), "s"), &home).as_deref(), Some(meta));
    }
    let mut overridden = request(Flow::App, "r/.default");
    overridden.tenant = "common".parse().ok();
    assert!(plan(&overridden, None, &config(&[])).is_err());
}

#[test]
fn scopes_follow_the_flow() {
    let config = config(&[]);
    let scopes = |request: &TokenRequest| -> Result<Vec<String>, AcquireError> {
        Ok(plan(request, None, &config)?.scopes.iter().map(ToString::to_string).collect())
    };
    assert_eq!(scopes(&request(Flow::App, "r/.Default other")).unwrap(), ["r/.Default"]);
    assert_eq!(scopes(&request(of_user(None), "b a openid profile")).unwrap(), ["b", "a"]);
    for (flow, text) in [(Flow::App, "User.Read"), (Flow::App, ""), (of_user(None), ""), (of_user(None), "openid")] {
        assert!(matches!(scopes(&request(flow, text)), Err(AcquireError::Configuration(_))), "{text}");
    }
}

#[test]
fn only_the_application_s_own_requests_go_to_its_region() {
    let (app, user) = (request(Flow::App, "r/.default"), request(of_user(None), "s"));
    let config = config(&[]);
    let own = client_credentials::form(&app, &plan(&app, None, &config).unwrap());
    let Flow::OnBehalfOf(assertion) = &user.flow else { panic!() };
    let users = on_behalf_of::form(&user, assertion, &plan(&user, None, &config).unwrap());
    assert!(own.is_client_credentials() && !users.is_client_credentials());
}

#[test]
fn only_an_applications_own_token_is_bound_to_a_key() {
    let confirmation = Confirmation::of_public_key(r#"{"kid":"k"}"#).unwrap();
    let bound = |flow| TokenRequest { confirmation: Some(confirmation.clone().into()), ..request(flow, "r/.default") };
    let agent = |assertion| Flow::Agent { agent: "a".to_owned(), assertion };
    for flow in [Flow::App, agent(None)] {
        assert!(plan(&bound(flow), None, &config(&[])).is_ok());
    }
    let Flow::OnBehalfOf(assertion) = of_user(None) else { unreachable!() };
    let user = Flow::AgentUser { agent: "a".to_owned(), user: AgentUser::Name("u".to_owned()) };
    let machine = Flow::ManagedIdentity(crate::ManagedIdentityId::System);
    for flow in [of_user(None), agent(Some(assertion)), user, machine] {
        let error = plan(&bound(flow), None, &config(&[])).unwrap_err();
        assert!(matches!(&error, AcquireError::Invalid(text) if text.contains("can be bound to a key")), "{error}");
    }
}

#[test]
fn agents_ask_in_a_directory_of_their_own() {
    let flows = [
        || Flow::Agent { agent: "a".to_owned(), assertion: None },
        || Flow::AgentUser { agent: "a".to_owned(), user: AgentUser::Name("u".to_owned()) },
        || {
            let Flow::OnBehalfOf(assertion) = of_user(None) else { unreachable!() };
            Flow::Agent { agent: "a".to_owned(), assertion: Some(assertion) }
        },
    ];
    for flow in flows {
        let agents = request(flow(), "r/.default");
        let plan = plan(&agents, None, &config(&[])).unwrap().agent.map(str::to_owned);
        assert_eq!((plan.as_deref(), tenant_of(&agents, &config(&[])).as_deref()), (Some("a"), Some(TENANT)));
        let named = TokenRequest { tenant: "named.com".parse().ok(), ..agents.clone() };
        assert_eq!(tenant_of(&named, &config(&[])).as_deref(), Some("named.com"));
        let common = config(&[("AzureAd:TenantId", "common")]);
        assert!(matches!(super::plan(&agents, None, &common), Err(AcquireError::Configuration(_))));
        let home = config(&[("AzureAd:TenantId", "common"), ("AzureAd:AppHomeTenantId", "home.com")]);
        assert_eq!(tenant_of(&agents, &home).as_deref(), Some("home.com"));
    }
    // The user whose token came in says where.
    let Flow::OnBehalfOf(assertion) = of_user(Some("users.com")) else { unreachable!() };
    let delegated = request(Flow::Agent { agent: "a".to_owned(), assertion: Some(assertion) }, "s");
    assert_eq!(tenant_of(&delegated, &config(&[("AzureAd:TenantId", "common")])).as_deref(), Some("users.com"));
}

const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
