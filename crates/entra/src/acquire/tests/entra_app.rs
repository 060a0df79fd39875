//! The token of another application as client assertion: what the other one is asked for, and when it is asked again.

use super::*;

/// The application whose tokens are assertions lives at another authority.
struct Federated {
    bench: Bench,
    other: Arc<Server>,
}

impl Federated {
    async fn new(more: &[(&str, &str)]) -> Self {
        let other = Server::start().await;
        other.answer(|asked| {
            let fmi_path = asked.field("fmi_path").unwrap_or("none");
            Reply::token(&format!("{}/{fmi_path}/{}", asked.tenant(), asked.field("scope").unwrap()), 86_400)
        });
        let url = other.url.clone();
        Self { bench: Bench::with(&[&credential(&url)[..], more].concat()).await, other }
    }

    fn assertion(&self) -> String {
        self.bench.server.tokens_asked().last().unwrap().field("client_assertion").unwrap().to_owned()
    }
}

fn credential(other: &str) -> [(&str, &str); 8] {
    [
        ("AzureAd:ClientCredentials:0:SourceType", "CustomSignedAssertion"),
        ("AzureAd:ClientCredentials:0:ClientSecret", ""),
        ("AzureAd:ClientCredentials:0:CustomSignedAssertionProviderName", "OidcIdpSignedAssertion"),
        ("AzureAd:ClientCredentials:0:CustomSignedAssertionProviderData:ConfigurationSection", "Other"),
        ("Other:Instance", other),
        ("Other:TenantId", OTHER_TENANT),
        ("Other:ClientId", "other-client"),
        ("Other:ClientSecret", "other secret"),
    ]
}

#[tokio::test]
async fn the_other_application_is_asked_once_and_its_token_is_the_assertion() {
    let federated = Federated::new(&[]).await;
    let id = Uuid::new_v4();
    let request = TokenRequest { correlation_id: Some(id), fmi_path: Some("path".to_owned()), ..app() };
    assert_eq!(federated.bench.acquire(&request).await.unwrap(), first("token-1"));
    let asked = federated.other.tokens_asked().pop().unwrap();
    let expected = [
        ("client_id", "other-client"),
        ("client_info", "2"),
        ("client_secret", "other secret"),
        ("grant_type", "client_credentials"),
        ("scope", "api://AzureADTokenExchange/.default"),
    ];
    assert_eq!((asked.sorted(), asked.tenant()), (expected.to_vec(), OTHER_TENANT));
    assert_eq!(asked.headers["client-request-id"], id.to_string());
    let asked = federated.bench.server.tokens_asked().pop().unwrap();
    let assertion = format!("{OTHER_TENANT}/none/api://AzureADTokenExchange/.default");
    let expected = [
        ("client_assertion", assertion.as_str()),
        ("client_assertion_type", sidekey_oauth::grant::CLIENT_ASSERTION_TYPE),
        ("client_id", CLIENT),
        ("client_info", "2"),
        ("fmi_path", "path"),
        ("grant_type", "client_credentials"),
        ("scope", "api://orders/.default"),
    ];
    assert_eq!(asked.sorted(), expected);
    federated.bench.acquire(&forced(request)).await.unwrap();
    federated.bench.acquire(&user("u")).await.unwrap();
    assert_eq!(federated.other.tokens_asked().len(), 1);
}

#[tokio::test]
async fn an_audience_of_its_own_is_asked_for() {
    for (audience, scope) in [("api://mine", "api://mine/.default"), ("api://mine/.Default", "api://mine/.Default")] {
        let federated = Federated::new(&[("AzureAd:ClientCredentials:0:TokenExchangeUrl", audience)]).await;
        federated.bench.acquire(&app()).await.unwrap();
        assert_eq!(federated.assertion(), format!("{OTHER_TENANT}/none/{scope}"));
    }
}

#[tokio::test]
async fn where_it_requires_the_fmi_path_that_is_passed_on() {
    let required =
        [("AzureAd:ClientCredentials:0:CustomSignedAssertionProviderData:RequiresSignedAssertionFmiPath", "true")];
    let federated = Federated::new(&required).await;
    let with = |path: &str, tenant: &str| TokenRequest {
        fmi_path: Some(path.to_owned()),
        tenant: tenant.parse().ok(),
        ..app()
    };
    // Both authorities are on the same host, so the tenant is passed on too.
    for (path, tenant) in [("a", TENANT), ("b", TENANT), ("a", "named.com")] {
        federated.bench.acquire(&with(path, tenant)).await.unwrap();
        assert_eq!(federated.assertion(), format!("{tenant}/{path}/api://AzureADTokenExchange/.default"));
    }
    let error = federated.bench.acquire(&app()).await.unwrap_err();
    assert!(matches!(&error, AcquireError::Configuration(text) if text.contains("no FMI path")), "{error}");
}

#[tokio::test]
async fn the_second_hop_of_a_federated_identity_has_two_paths() {
    let federated = Federated::new(&[
        ("AzureAd:ClientId", "urn:microsoft:identity:fmi"),
        ("AzureAd:ClientCredentials:0:TokenExchangeUrl", "api://AzureFMITokenExchange"),
        ("AzureAd:ClientCredentials:0:CustomSignedAssertionProviderData:RequiresSignedAssertionFmiPath", "true"),
    ])
    .await;
    let with = |own: &str, credential: &str| TokenRequest {
        fmi_path: Some(own.to_owned()),
        credential_fmi_path: Some(credential.to_owned()),
        ..TokenRequest::new(Flow::App, Scopes::parse("api://AzureFMITokenExchange/.default").unwrap())
    };
    let requests = [with("team/child", "team"), with("team/other", "team"), with("team/child", "crew")];
    for request in &requests {
        federated.bench.acquire(request).await.unwrap();
        let (own, credential) = (request.fmi_path.as_deref(), request.credential_fmi_path.as_deref().unwrap());
        assert_eq!(federated.assertion(), format!("{TENANT}/{credential}/api://AzureFMITokenExchange/.default"));
        let asked = federated.bench.server.tokens_asked().pop().unwrap();
        let sent = (asked.field("client_id"), asked.field("fmi_path"));
        assert_eq!(sent, (Some("urn:microsoft:identity:fmi"), own));
    }
    assert_eq!((federated.bench.asked(), federated.other.tokens_asked().len()), (3, 2), "one credential per path");
    for (index, request) in requests.iter().enumerate() {
        assert_eq!(federated.bench.acquire(request).await.unwrap(), cached(&format!("token-{}", index + 1)));
    }
    // All nodes have the same client id: whose they are is told by who vouches for them.
    let pairs = [("Other:ClientId", "another-client"), ("Other:Instance", &federated.other.url)];
    let other = node_config(&federated, &pairs);
    assert!(federated.bench.engine.reconfigured(other).try_cached(&requests[0]).is_none());
    let same = node_config(&federated, &[]);
    assert!(federated.bench.engine.reconfigured(same).try_cached(&requests[0]).is_some());
}

/// The configuration of a node, read anew.
fn node_config(federated: &Federated, more: &[(&str, &str)]) -> Config {
    let base = [
        ("AzureAd:Instance", federated.bench.server.url.as_str()),
        ("AzureAd:TenantId", TENANT),
        ("AzureAd:ClientId", "urn:microsoft:identity:fmi"),
    ];
    let credential = credential(&federated.other.url);
    let pairs = base.iter().chain(&credential).chain(more).copied();
    Configuration::from_pairs(pairs).bind(Config::read).unwrap().0
}

#[tokio::test]
async fn a_refused_assertion_is_made_anew_once() {
    let federated = Federated::new(&[]).await;
    federated.bench.acquire(&app()).await.unwrap();
    federated.other.script([Reply::token("anew", 86_400)]);
    federated.bench.server.script([Reply::error(401, "invalid_client", 700_024)]);
    federated.bench.acquire(&forced(app())).await.unwrap();
    assert_eq!((federated.assertion().as_str(), federated.other.tokens_asked().len()), ("anew", 2));
}

#[tokio::test]
async fn it_is_one_of_the_list_and_says_why_it_fails() {
    let second = [
        ("AzureAd:ClientCredentials:1:SourceType", "ClientSecret"),
        ("AzureAd:ClientCredentials:1:ClientSecret", "second"),
    ];
    let refused = || Reply::error(401, "invalid_client", 7_000_215);
    let federated = Federated::new(&second).await;
    federated.other.script([refused()]);
    federated.bench.acquire(&app()).await.unwrap();
    assert_eq!(federated.bench.server.tokens_asked()[0].field("client_secret"), Some("second"));
    let federated = Federated::new(&[]).await;
    federated.other.script([refused()]);
    let error = federated.bench.acquire(&app()).await.unwrap_err().to_string();
    assert!(error.contains("the application of `Other` got no token: AADSTS7000215"), "{error}");
    assert_eq!(federated.bench.asked(), 0);
}

#[tokio::test]
async fn a_blueprint_may_be_vouched_for_too() {
    let federated = Federated::new(&[]).await;
    let request = TokenRequest { flow: Flow::Agent { agent: "agent".to_owned(), assertion: None }, ..app() };
    assert_eq!(federated.bench.acquire(&request).await.unwrap(), first("token-2"));
    let asked = federated.bench.server.tokens_asked();
    let leg_1 = asked[0].field("client_assertion").unwrap();
    assert_eq!(leg_1, format!("{OTHER_TENANT}/none/api://AzureADTokenExchange/.default"));
    assert_eq!((asked[0].field("fmi_path"), asked[1].field("client_assertion")), (Some("agent"), Some("token-1")));
}

#[tokio::test]
async fn a_blueprint_may_be_vouched_for_under_a_path() {
    let required =
        [("AzureAd:ClientCredentials:0:CustomSignedAssertionProviderData:RequiresSignedAssertionFmiPath", "true")];
    let federated = Federated::new(&required).await;
    let request = TokenRequest {
        flow: Flow::Agent { agent: "agent".to_owned(), assertion: None },
        credential_fmi_path: Some("team".to_owned()),
        ..app()
    };
    federated.bench.acquire(&request).await.unwrap();
    let asked = federated.bench.server.tokens_asked();
    let assertion = format!("{TENANT}/team/api://AzureADTokenExchange/.default");
    assert_eq!(asked[0].field("client_assertion"), Some(assertion.as_str()));
    assert_eq!((asked[0].field("fmi_path"), asked[1].field("fmi_path")), (Some("agent"), None));
}

#[tokio::test]
async fn while_the_other_application_gets_no_answer_a_valid_token_serves() {
    let federated = Federated::new(&[]).await;
    federated.other.script([Reply::token("short", 600)]);
    federated.bench.acquire(&app()).await.unwrap();
    federated.bench.clock.advance(Duration::from_mins(57));
    federated.other.answer(|_| Reply::json(503, "").with("Retry-After", "1"));
    assert_eq!(federated.bench.acquire(&app()).await.unwrap(), stale("token-1"));
    let error = federated.bench.acquire(&forced(app())).await.unwrap_err();
    let AcquireError::Unavailable { message, .. } = &error else { panic!("{error:?}") };
    assert!(message.contains("the application of `Other`"), "{message}");
    assert_eq!(federated.bench.asked(), 1);
}
