//! On whose behalf a token is asked for: the merged options, the agent and the caller's token decide.

use sidekey_entra::{AgentUser, Flow, UserAssertion};

use crate::{options::TokenOptions, query::Agent};

/// Chooses the flow.
///
/// | app token | agent | caller's token | flow |
/// | --- | --- | --- | --- |
/// | yes | none | any | the app, or a managed identity |
/// | yes | agent | any | the agent itself |
/// | any | agent's user | any | the agent's user |
/// | no | agent | yes | the agent on behalf of the user |
/// | no | agent | no | the agent's session, if one is named |
/// | no | none | yes | on behalf of the user |
/// | no | none | no | the session, if one is named |
pub(crate) fn choose(
    options: &TokenOptions,
    agent: Option<Agent>,
    assertion: Option<&UserAssertion>,
) -> Result<Flow, NoFlow> {
    match agent {
        Some(_) if options.managed_identity.is_some() => Err(NoFlow::AgentAndManagedIdentity),
        Some(Agent { client, user: Some(user) }) => Ok(agent_user(client.as_str(), user)),
        Some(Agent { client, user: None }) => for_agent(options, client.as_str(), assertion),
        None => without_agent(options, assertion),
    }
}

/// Why no flow fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoFlow {
    /// A user's token is needed, and there is none.
    #[error("there is no user to act for")]
    NoUser,
    /// Two identities at once.
    #[error("AgentIdentity and AcquireTokenOptions.ManagedIdentity are mutually exclusive")]
    AgentAndManagedIdentity,
}

fn agent_user(agent: &str, user: AgentUser) -> Flow {
    Flow::AgentUser { agent: agent.to_owned(), user }
}

fn for_agent(options: &TokenOptions, agent: &str, assertion: Option<&UserAssertion>) -> Result<Flow, NoFlow> {
    let agent = agent.to_owned();
    match assertion {
        _ if options.app_token => Ok(Flow::Agent { agent, assertion: None }),
        Some(assertion) => Ok(Flow::Agent { agent, assertion: Some(assertion.clone()) }),
        None if options.session_key.is_some() => Ok(Flow::Session { agent: Some(agent) }),
        None => Err(NoFlow::NoUser),
    }
}

fn without_agent(options: &TokenOptions, assertion: Option<&UserAssertion>) -> Result<Flow, NoFlow> {
    match (&options.managed_identity, assertion) {
        (Some(identity), _) => Ok(Flow::ManagedIdentity(identity.clone())),
        (None, _) if options.app_token => Ok(Flow::App),
        (None, Some(assertion)) => Ok(Flow::OnBehalfOf(assertion.clone())),
        (None, None) if options.session_key.is_some() => Ok(Flow::Session { agent: None }),
        (None, None) => Err(NoFlow::NoUser),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sidekey_entra::ManagedIdentityId;
    use sidekey_oauth::Secret;

    use super::*;

    const AGENT: &str = "11112222-bbbb-3333-cccc-4444dddd5555";

    fn name(flow: &Result<Flow, NoFlow>) -> String {
        match flow {
            Ok(Flow::App) => "app".into(),
            Ok(Flow::OnBehalfOf(_)) => "user".into(),
            Ok(Flow::Session { agent }) => format!("session {agent:?}"),
            Ok(Flow::ManagedIdentity(identity)) => format!("managed {identity:?}"),
            Ok(Flow::Agent { agent, assertion }) => format!("agent {} {}", agent == AGENT, assertion.is_some()),
            Ok(Flow::AgentUser { agent, user: AgentUser::Name(user) }) => format!("{user} of agent {}", agent == AGENT),
            Ok(Flow::AgentUser { .. }) => "agent's user by id".into(),
            Err(why) => format!("{why:?}"),
        }
    }

    #[test]
    fn the_table_of_flows_holds() {
        let assertion = UserAssertion {
            token: Arc::new(sidekey_entra::UserToken::new(Secret::new("t"))),
            tenant: None,
            user: None,
        };
        let client = || AGENT.parse().unwrap();
        let none = || None;
        let agent = || Some(Agent { client: client(), user: None });
        let user = || Some(Agent { client: client(), user: Some(AgentUser::Name("bob".into())) });
        let app = TokenOptions { app_token: true, ..TokenOptions::default() };
        let identity = |identity| TokenOptions { managed_identity: Some(identity), ..TokenOptions::default() };
        let (system, of_client) = (ManagedIdentityId::System, ManagedIdentityId::ClientId("m".into()));
        let session = TokenOptions { session_key: Some("s".into()), ..TokenOptions::default() };
        let plain = TokenOptions::default();
        let table: Vec<(&TokenOptions, Option<Agent>, bool, &str)> = vec![
            (&app, none(), false, "app"),
            (&app, none(), true, "app"),
            (&app, agent(), true, "agent true false"),
            (&app, user(), false, "bob of agent true"),
            (&plain, user(), true, "bob of agent true"),
            (&plain, user(), false, "bob of agent true"),
            (&plain, agent(), true, "agent true true"),
            (&plain, agent(), false, "NoUser"),
            (&session, agent(), false, "session Some(\"11112222-bbbb-3333-cccc-4444dddd5555\")"),
            (&plain, none(), true, "user"),
            (&session, none(), true, "user"),
            (&session, none(), false, "session None"),
            (&plain, none(), false, "NoUser"),
        ];
        for (options, agent, has_token, expected) in table {
            let flow = choose(options, agent.clone(), has_token.then_some(&assertion));
            assert_eq!(name(&flow), expected, "{options:?} {agent:?} {has_token}");
        }
        assert_eq!(name(&choose(&identity(of_client), None, Some(&assertion))), "managed ClientId(\"m\")");
        assert_eq!(name(&choose(&identity(system.clone()), None, None)), "managed System");
        assert_eq!(name(&choose(&identity(system), agent(), None)), "AgentAndManagedIdentity");
    }
}
