//! Agents and their user accounts: the requests of each flow in their order, what is shared, and what another try cures.

use std::collections::HashSet;

use super::{server::Asked, *};
use crate::AgentUser;

fn agent(assertion: Option<&str>) -> TokenRequest {
    let assertion = assertion.map(|token| match user(token).flow {
        Flow::OnBehalfOf(assertion) => assertion,
        _ => unreachable!(),
    });
    TokenRequest::new(Flow::Agent { agent: AGENT.to_owned(), assertion }, scopes("api://orders/.default"))
}

fn account(account: AgentUser) -> TokenRequest {
    TokenRequest::new(Flow::AgentUser { agent: AGENT.to_owned(), user: account }, scopes("api://orders/read"))
}

fn bob() -> TokenRequest {
    account(AgentUser::Name("bob@contoso.com".to_owned()))
}

fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

/// The exchange token of the blueprint.
const LEG_1: [(&str, &str); 6] = [
    ("client_id", CLIENT),
    ("client_info", "2"),
    ("client_secret", "s3cret & more"),
    ("fmi_path", AGENT),
    ("grant_type", "client_credentials"),
    ("scope", "api://AzureADTokenExchange/.default"),
];

/// The exchange token of the agent, by the blueprint's `token-1`.
const LEG_2: [(&str, &str); 6] = [
    ("client_assertion", "token-1"),
    ("client_assertion_type", ASSERTION_TYPE),
    ("client_id", AGENT),
    ("client_info", "2"),
    ("grant_type", "client_credentials"),
    ("scope", "api://AzureADTokenExchange/.default"),
];

#[tokio::test]
async fn an_agents_own_token_takes_its_blueprints() {
    let bench = Bench::new().await;
    let id = Uuid::new_v4();
    let request = TokenRequest { correlation_id: Some(id), ..agent(None) };
    assert_eq!(bench.acquire(&request).await.unwrap(), first("token-2"));
    let asked = bench.server.tokens_asked();
    assert_eq!(asked[0].sorted(), LEG_1);
    let second = LEG_2.map(|(name, value)| (name, if name == "scope" { "api://orders/.default" } else { value }));
    assert_eq!(asked[1].sorted(), second);
    assert!(asked.iter().all(|asked| asked.tenant() == TENANT && asked.headers["client-request-id"] == id.to_string()));
    assert_eq!(bench.acquire(&request).await.unwrap(), cached("token-2"));
    // Another API costs one request, and so does another agent's blueprint token.
    let graph = TokenRequest { scopes: scopes("https://graph.microsoft.com/.default"), ..agent(None) };
    assert_eq!(bench.acquire(&graph).await.unwrap(), first("token-3"));
    let other = TokenRequest { flow: Flow::Agent { agent: "other".to_owned(), assertion: None }, ..agent(None) };
    assert_eq!(bench.acquire(&other).await.unwrap(), first("token-5"));
    assert_eq!(bench.server.tokens_asked()[4].field("client_assertion"), Some("token-4"));
}

#[tokio::test]
async fn an_agent_acts_for_the_user_whose_token_came_in() {
    let bench = Bench::new().await;
    assert_eq!(bench.acquire(&agent(Some("user-token"))).await.unwrap(), first("token-2"));
    let asked = bench.server.tokens_asked();
    assert_eq!(asked[0].sorted(), LEG_1);
    let expected = [
        ("assertion", "user-token"),
        ("client_assertion", "token-1"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_id", AGENT),
        ("client_info", "1"),
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("requested_token_use", "on_behalf_of"),
        ("scope", "api://orders/.default offline_access openid profile"),
    ];
    assert_eq!(asked[1].sorted(), expected);
    // Both in the user's directory.
    assert!(asked.iter().all(|asked| asked.tenant() == OTHER_TENANT));
    assert_eq!(asked[1].headers["x-anchormailbox"], format!("oid:alice@{OTHER_TENANT}"));
    assert_eq!(bench.acquire(&agent(Some("user-token"))).await.unwrap(), cached("token-2"));
    assert_eq!(bench.acquire(&agent(Some("another"))).await.unwrap(), first("token-3"));
}

#[tokio::test]
async fn an_agents_user_account_takes_three_requests() {
    let object_id = Uuid::from_u128(7);
    let hint = format!("oid:{object_id}@{TENANT}");
    for (user, field, value, hint) in [
        (AgentUser::Name("bob@contoso.com".into()), "username", "bob@contoso.com".to_owned(), "upn:bob@contoso.com"),
        (AgentUser::ObjectId(object_id), "user_id", object_id.to_string(), hint.as_str()),
    ] {
        let bench = Bench::new().await;
        let id = Uuid::new_v4();
        let request = TokenRequest { correlation_id: Some(id), ..account(user) };
        assert_eq!(bench.acquire(&request).await.unwrap(), first("token-3"));
        let asked = bench.server.tokens_asked();
        assert_eq!(asked[0].sorted(), LEG_1);
        assert_eq!(asked[1].sorted(), LEG_2);
        let mut expected = vec![
            ("client_assertion", "token-1"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_id", AGENT),
            ("client_info", "1"),
            ("grant_type", "user_fic"),
            ("scope", "api://orders/read offline_access openid profile"),
            ("user_federated_identity_credential", "token-2"),
            (field, &value),
        ];
        expected.sort_unstable();
        assert_eq!(asked[2].sorted(), expected);
        assert_eq!(asked[2].headers["x-anchormailbox"], hint);
        assert!(asked.iter().all(|asked| asked.headers["client-request-id"] == id.to_string()));
        assert_eq!(bench.acquire(&request).await.unwrap(), cached("token-3"));
    }
}

#[tokio::test]
async fn the_first_two_requests_are_never_repeated() {
    let bench = Arc::new(Bench::new().await);
    let accounts = (0..20).map(|index| account(AgentUser::Name(format!("user-{index}"))));
    let more = (0..20).map(|index| TokenRequest { scopes: scopes(&format!("scope-{index}")), ..bob() });
    let callers: Vec<_> = accounts
        .chain(more)
        .chain([agent(None), agent(None)])
        .map(|request| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move { bench.acquire(&request).await.unwrap() })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let asked = bench.server.tokens_asked();
    let of = |client: &str, scope: &str| {
        asked.iter().filter(|a| a.field("client_id") == Some(client) && a.field("scope") == Some(scope)).count()
    };
    assert_eq!(of(CLIENT, "api://AzureADTokenExchange/.default"), 1);
    assert_eq!(of(AGENT, "api://AzureADTokenExchange/.default"), 1);
    assert_eq!(asked.len(), 2 + 40 + 1);
}

#[tokio::test]
async fn claims_force_and_parameters_are_the_last_requests_and_capabilities_everyones() {
    let bench = Bench::with(&[("AzureAd:ClientCapabilities:0", "cp1"), ("AzureAd:ExtraQueryParameters:dc", "x")]).await;
    bench.acquire(&bob()).await.unwrap();
    let challenge = r#"{"access_token":{"nbf":{"value":"1"}}}"#;
    let challenged = TokenRequest {
        claims: Some(challenge.to_owned()),
        extra_parameters: vec![("slice".to_owned(), "y".to_owned())],
        ..bob()
    };
    assert_eq!(bench.acquire(&challenged).await.unwrap(), first("token-4"));
    assert_eq!(bench.acquire(&forced(bob())).await.unwrap(), first("token-5"));
    let asked = bench.server.tokens_asked();
    for asked in &asked {
        let claims = asked.field("claims").unwrap();
        assert_eq!((claims.contains("cp1"), claims.contains("nbf")), (true, asked.target.contains("slice=y")));
        assert!(asked.target.contains("dc=x"));
    }
    assert_eq!(asked.iter().filter(|asked| asked.target.contains("slice")).count(), 1);
}

#[tokio::test]
async fn an_answered_challenge_replaces_an_agents_token() {
    for request in [agent(None), agent(Some("user-token")), bob()] {
        let bench = Bench::new().await;
        bench.acquire(&request).await.unwrap();
        let challenge = Some(r#"{"access_token":{"nbf":{"value":"1"}}}"#.to_owned());
        let (answered, outcome) = bench.acquire(&TokenRequest { claims: challenge, ..request.clone() }).await.unwrap();
        assert_eq!(outcome, CacheOutcome::Authority);
        assert_eq!(bench.acquire(&request).await.unwrap(), (answered, CacheOutcome::Memory));
    }
}

#[tokio::test]
async fn revoked_tokens_of_the_way_are_fetched_anew_once() {
    let revoked = || Reply::error(401, "invalid_client", 700_024);
    for (request, way) in [(agent(None), 1), (agent(Some("u")), 1), (bob(), 2)] {
        let bench = Bench::new().await;
        bench.acquire(&request).await.unwrap();
        let before = bench.asked();
        bench.server.script([revoked()]);
        assert!(bench.acquire(&forced(request.clone())).await.is_ok());
        let asked = bench.server.tokens_asked().split_off(before);
        assert_eq!(asked.len(), 2 + way, "{request:?}");
        let (last, renewed) = (asked.last().unwrap(), &asked[1]);
        assert_eq!(renewed.field("client_id"), Some(CLIENT));
        assert_eq!(last.field("client_assertion"), Some(format!("token-{}", before + 2).as_str()));
        if way == 2 {
            let own = format!("token-{}", before + 3);
            assert_eq!(last.field("user_federated_identity_credential"), Some(own.as_str()));
        }
        // One who is refused all the same is told so.
        let before = bench.asked();
        bench.server.answer(move |asked| match asked.field("scope") {
            Some("api://AzureADTokenExchange/.default") => Reply::token("leg", 3600),
            _ => revoked(),
        });
        let error = bench.acquire(&forced(request)).await.unwrap_err();
        assert!(matches!(&error, AcquireError::Refused(refusal) if refusal.reply.error == "invalid_client"), "{error}");
        assert_eq!(bench.asked(), before + 2 + way);
    }
}

#[tokio::test]
async fn an_agent_that_is_refused_at_first_is_not_tried_again() {
    let bench = Bench::new().await;
    bench.server.script([Reply::token("t1", 3600), Reply::error(401, "invalid_client", 700_211)]);
    assert!(matches!(bench.acquire(&agent(None)).await.unwrap_err(), AcquireError::Refused(_)));
    assert_eq!(bench.asked(), 2);
}

#[tokio::test]
async fn what_fails_on_the_way_fails_the_whole() {
    let bench = Bench::new().await;
    bench.server.script([Reply::error(401, "invalid_client", 7_000_215)]);
    let error = bench.acquire(&bob()).await.unwrap_err();
    assert!(error.to_string().contains("AADSTS7000215"), "{error}");
    assert_eq!(bench.asked(), 1);
    let throttled = Reply::error(429, "temporarily_unavailable", 90055).with("Retry-After", "60");
    bench.server.script([throttled]);
    for request in [bob(), agent(None), agent(None)] {
        let error = bench.acquire(&request).await.unwrap_err();
        let AcquireError::Unavailable { throttled: true, retry_after: Some(wait), .. } = error else {
            panic!("{error:?}")
        };
        assert_eq!(wait.as_secs(), 60);
    }
    let blueprints_own = TokenRequest { tenant: Some(OTHER_TENANT.parse().unwrap()), ..agent(None) };
    assert!(bench.acquire(&blueprints_own).await.is_ok(), "the first request of another tenant is another");
    assert_eq!(bench.asked(), 4);
}

#[tokio::test]
async fn after_an_outage_the_way_is_open_again() {
    let bench = Bench::new().await;
    bench.server.script((0..12).map(|_| Reply::json(503, "")));
    for _ in 0..6 {
        assert!(matches!(bench.acquire(&bob()).await.unwrap_err(), AcquireError::Unavailable { .. }));
    }
    bench.server.script((0..0).map(|_| Reply::json(503, "")));
    bench.clock.advance(Duration::from_mins(5));
    let mut tries = 0;
    while bench.acquire(&bob()).await.is_err() {
        bench.clock.advance(Duration::from_mins(1));
        tries += 1;
        assert!(tries < 3, "the probe must reach Entra, whichever request of the way it is");
    }
}

#[tokio::test]
async fn an_accounts_refresh_token_renews_it() {
    let bench = Bench::new().await;
    let legs = || [Reply::token("t1", 86_400), Reply::token("t2", 86_400)];
    bench.server.script(legs().into_iter().chain([Reply::with_refresh("first", "r1")]));
    assert_eq!(bench.acquire(&bob()).await.unwrap(), first("first"));
    // Renewed behind the callers' back, with the new refresh token kept, and the old one where none comes.
    for (token, sent, reply) in [
        ("second", "r1", Reply::with_refresh("second", "r2")),
        ("third", "r2", Reply::token("third", 3600)),
        ("fourth", "r2", Reply::token("fourth", 3600)),
    ] {
        bench.clock.advance(Duration::from_secs(2200));
        bench.server.script([reply]);
        bench.acquire(&bob()).await.unwrap();
        bench.settled().await;
        assert_eq!(bench.acquire(&bob()).await.unwrap(), cached(token));
        let expected = [
            ("client_assertion", "t1"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_id", AGENT),
            ("client_info", "1"),
            ("grant_type", "refresh_token"),
            ("refresh_token", sent),
            ("scope", "api://orders/read offline_access openid profile"),
        ];
        assert_eq!(bench.server.tokens_asked().last().unwrap().sorted(), expected);
    }
    // Another scope of the same account needs no other grant; another account does, or the same name elsewhere.
    let other = TokenRequest { scopes: scopes("api://orders/write"), ..bob() };
    bench.acquire(&other).await.unwrap();
    assert_eq!(bench.server.tokens_asked().last().unwrap().field("refresh_token"), Some("r2"));
    let elsewhere = TokenRequest { tenant: OTHER_TENANT.parse().ok(), ..bob() };
    let by_other = Flow::AgentUser { agent: "other".to_owned(), user: AgentUser::Name("bob@contoso.com".into()) };
    let by_other = TokenRequest { flow: by_other, ..bob() };
    for request in [account(AgentUser::Name("carol".into())), elsewhere, by_other] {
        bench.acquire(&request).await.unwrap();
        assert_eq!(grant(bench.server.tokens_asked().last().unwrap()), "user_fic", "{request:?}");
    }
}

#[tokio::test]
async fn where_the_refresh_token_does_not_serve_the_whole_way_is_gone_again() {
    for error in ["invalid_grant", "interaction_required"] {
        let bench = Bench::new().await;
        bench.server.script([
            Reply::token("t1", 86_400),
            Reply::token("t2", 86_400),
            Reply::with_refresh("first", "r1"),
            Reply::error(400, error, 50173),
            Reply::with_refresh("second", "r2"),
        ]);
        bench.acquire(&bob()).await.unwrap();
        bench.clock.advance(Duration::from_secs(3500));
        assert_eq!(bench.acquire(&bob()).await.unwrap(), first("second"));
        let grants: Vec<_> = bench.server.tokens_asked()[3..].iter().map(grant).collect();
        assert_eq!(grants, ["refresh_token", "user_fic"]);
        bench.clock.advance(Duration::from_secs(3500));
        bench.acquire(&bob()).await.unwrap();
        assert_eq!(bench.server.tokens_asked().last().unwrap().field("refresh_token"), Some("r2"));
    }
    // Anything else is the answer.
    let bench = Bench::new().await;
    bench.server.script([
        Reply::token("t1", 86_400),
        Reply::token("t2", 86_400),
        Reply::with_refresh("first", "r1"),
        Reply::error(400, "invalid_scope", 70011),
    ]);
    bench.acquire(&bob()).await.unwrap();
    bench.clock.advance(Duration::from_secs(3500));
    assert!(matches!(bench.acquire(&bob()).await.unwrap_err(), AcquireError::Refused(_)));
    assert_eq!(bench.asked(), 4);
    // One who insists, or answers a challenge, is not served by the refresh token.
    bench.acquire(&forced(bob())).await.unwrap();
    assert_eq!(grant(bench.server.tokens_asked().last().unwrap()), "user_fic");
}

fn grant(asked: &Asked) -> String {
    asked.field("grant_type").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_one_ever_gets_a_token_of_another() {
    let bench = Arc::new(Bench::new().await);
    bench.server.answer(|asked| Reply::with_refresh(&mark(asked), &format!("refresh-of-{}", mark(asked))));
    let tenants = [TENANT, OTHER_TENANT, "fabrikam.com"];
    let mut callers = Vec::new();
    for round in 0..4 {
        for agent in 0..8 {
            for tenant in tenants {
                callers.extend(requests(agent, tenant).into_iter().map(|(request, expected)| {
                    let bench = Arc::clone(&bench);
                    let request = if round == 3 { forced(request) } else { request };
                    tokio::spawn(async move { (bench.acquire(&request).await.unwrap().0, expected) })
                }));
            }
        }
    }
    for caller in callers {
        let (token, expected) = caller.await.unwrap();
        assert_eq!(token, format!("Bearer {expected}"));
    }
    let asked = bench.server.tokens_asked();
    let legs = asked.iter().filter(|asked| asked.field("scope") == Some("api://AzureADTokenExchange/.default"));
    let marks: Vec<_> = legs.map(mark).collect();
    assert_eq!(marks.len(), 8 * 3 * 2, "a blueprint's and an agent's own for each agent and tenant");
    assert_eq!(marks.iter().collect::<HashSet<_>>().len(), marks.len());
    // Every proof was that of its own agent, in its own tenant.
    for asked in asked.iter().filter(|asked| asked.field("client_id") != Some(CLIENT)) {
        let proof = asked.field("client_assertion").unwrap();
        let agent = asked.field("client_id").unwrap();
        assert!(proof.starts_with(&format!("{}/{CLIENT}/", asked.tenant())) && proof.contains(&format!("/{agent}/")));
    }
}

/// All that one agent may be asked for in a tenant, and the token that is its.
fn requests(agent: usize, tenant: &str) -> Vec<(TokenRequest, String)> {
    let agent = format!("agent-{agent}");
    let in_tenant =
        |flow, text: &str| TokenRequest { tenant: tenant.parse().ok(), ..TokenRequest::new(flow, scopes(text)) };
    let own = in_tenant(Flow::Agent { agent: agent.clone(), assertion: None }, "r/.default");
    let mut all = vec![(own, format!("{tenant}/{agent}/client_credentials//////r_.default"))];
    for number in 0..4_u8 {
        let id = Uuid::from_u128(u128::from(number));
        let (name, token) = (format!("user-{number}"), format!("inbound-{number}"));
        let Flow::OnBehalfOf(assertion) = user(&token).flow else { unreachable!() };
        let delegated = Flow::Agent { agent: agent.clone(), assertion: Some(assertion) };
        let by = |user| Flow::AgentUser { agent: agent.clone(), user };
        for scope in ["a", "b"] {
            let full = format!("{scope}_offline_access_openid_profile");
            all.push((in_tenant(delegated.clone(), scope), format!("{tenant}/{agent}/jwt-bearer//{token}////{full}")));
            // One way for names, the other for ids: their first tokens have no refresh token to be renewed by.
            all.push((
                in_tenant(by(AgentUser::Name(name.clone())), scope),
                format!("{tenant}/{agent}/user//{name}////{full}"),
            ));
            all.push((in_tenant(by(AgentUser::ObjectId(id)), scope), format!("{tenant}/{agent}/user//{id}////{full}")));
        }
    }
    all
}

/// Everything that a token depends on. A refresh token stands for the user who got it.
fn mark(asked: &Asked) -> String {
    let field = |name: &str| asked.field(name).unwrap_or_default();
    let grant = match field("grant_type") {
        "user_fic" | "refresh_token" => "user",
        other => other.rsplit(':').next().unwrap(),
    };
    let refresh_token: Vec<_> = field("refresh_token").split('/').collect();
    let refreshed = match refresh_token[..] {
        [tenant, client, _, _, user, ..] if tenant.ends_with(asked.tenant()) && client == field("client_id") => user,
        [""] => "",
        _ => "of someone else",
    };
    let user: String = [field("assertion"), field("username"), field("user_id"), refreshed].concat();
    let scope = field("scope").replace([' ', '/'], "_");
    format!("{}/{}/{grant}/{}/{user}////{scope}", asked.tenant(), field("client_id"), field("fmi_path"))
}

const AGENT: &str = "11112222-bbbb-3333-cccc-4444dddd5555";
const ASSERTION_TYPE: &str = sidekey_oauth::grant::CLIENT_ASSERTION_TYPE;
