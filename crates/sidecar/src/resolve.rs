//! From a route, a query and a caller to the engine's request: lookup, gate, merge, scopes, agent, flow, in this order.

use std::{borrow::Cow, sync::Arc};

use sidekey_entra::{PopKey, TokenRequest, UserAssertion};

use crate::{
    config::{Api, Compatibility, Config, Gate},
    error::Failure,
    events, flow,
    options::TokenOptions,
    query::{Overrides, Query, merge_token},
};

/// What a request comes down to.
#[derive(Debug)]
pub(crate) struct Resolved<'c> {
    /// The API's profile.
    pub(crate) api: Cow<'c, Api>,
    /// The engine's request.
    pub(crate) request: Cow<'c, TokenRequest>,
    /// The overrides that apply.
    pub(crate) overrides: Option<Overrides>,
    /// Our key to bind the token to.
    pub(crate) key: Option<Arc<PopKey>>,
}

/// Resolves a request. `name` is the API's name as sent.
pub(crate) fn resolve<'c>(
    config: &'c Config,
    gate: Gate,
    name: &str,
    query: Option<&str>,
    assertion: Option<&UserAssertion>,
) -> Result<Resolved<'c>, Failure> {
    let Query { agent, overrides } = match query {
        None | Some("") => Query::default(),
        query => pass(config, gate, Query::parse(query))?,
    };
    let overrides = Some(overrides).filter(|overrides| overrides.supplied);
    let known = config.apis.get(name);
    if let (Some(api), None, false) = (known, &overrides, agent.is_present())
        && let Some(request) = &api.app_request
    {
        let key = api.token.pop_private_key.clone();
        return Ok(Resolved { api: Cow::Borrowed(api), request: Cow::Borrowed(request), overrides, key });
    }
    let options = options(known, name, overrides.as_ref())?;
    let agent = agent.resolve(options.wants_app_token(), config.mode)?;
    let request = options.request(flow::choose(&options, agent, assertion)?);
    let api = known.map_or_else(|| Cow::Owned(Api::unknown(name)), Cow::Borrowed);
    Ok(Resolved { api, request: Cow::Owned(request), overrides, key: options.pop_private_key.clone() })
}

/// Lets through what the gate of the route lets through.
fn pass(config: &Config, gate: Gate, query: Query) -> Result<Query, Failure> {
    if query.overrides.base_url {
        events::base_url_ignored();
    }
    if config.gates.is_open(gate) {
        return Ok(query);
    }
    if query.overrides.supplied {
        events::overrides_ignored(gate);
    }
    if query.agent.is_present() {
        events::agent_ignored(gate, &query.agent);
    }
    if query.agent.says_something() && config.mode == Compatibility::Strict {
        return Err(Failure::AgentGated(gate.key()));
    }
    Ok(Query::default())
}

/// The merged options, which must have a scope.
fn options<'c>(
    known: Option<&'c Api>,
    name: &str,
    overrides: Option<&Overrides>,
) -> Result<Cow<'c, TokenOptions>, Failure> {
    let base = known.map_or_else(|| Cow::Owned(TokenOptions::default()), |api| Cow::Borrowed(&api.token));
    let options = match overrides {
        Some(overrides) => Cow::Owned(merge_token(&base, overrides)?),
        None => base,
    };
    match known {
        _ if !options.scopes.is_empty() => Ok(options),
        Some(_) => Err(Failure::NoScopes(name.to_owned())),
        None => Err(Failure::UnknownApi(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sidekey_config::Configuration;
    use sidekey_entra::{AcquireError, AgentUser, Flow};
    use sidekey_oauth::Secret;

    use super::*;
    use crate::error::Failure as F;

    const AGENT: &str = "11112222-bbbb-3333-cccc-4444dddd5555";

    fn config(mode: &str) -> Config {
        let pairs = [
            ("Sidecar:Compatibility", mode),
            ("DownstreamApis:App:Scopes", "api://app/.default"),
            ("DownstreamApis:App:RequestAppToken", "true"),
            ("DownstreamApis:User:Scopes", "User.Read"),
            ("DownstreamApis:User:AcquireTokenOptions:ForceRefresh", "true"),
            ("DownstreamApis:Empty:BaseUrl", "https://x.example"),
        ];
        Configuration::from_pairs(pairs).bind(|root| Config::read(root, "Production")).unwrap().0
    }

    fn assertion() -> UserAssertion {
        UserAssertion { token: Arc::new(sidekey_entra::UserToken::new(Secret::new("t"))), tenant: None, user: None }
    }

    fn strict(gate: Gate, name: &str, query: &str, assertion: Option<&UserAssertion>) -> Result<TokenRequest, Failure> {
        resolve(&config("Strict"), gate, name, Some(query), assertion).map(|resolved| resolved.request.into_owned())
    }

    fn upstream(
        gate: Gate,
        name: &str,
        query: &str,
        assertion: Option<&UserAssertion>,
    ) -> Result<TokenRequest, Failure> {
        resolve(&config("Upstream"), gate, name, Some(query), assertion).map(|resolved| resolved.request.into_owned())
    }

    #[test]
    fn a_call_without_overrides_takes_the_request_that_was_made_at_start() {
        let config = config("Strict");
        for query in [None, Some(""), Some("x=1"), Some("optionsOverride.BaseUrl=x")] {
            let resolved = resolve(&config, Gate::Header, "APP", query, Some(&assertion())).unwrap();
            assert!(
                matches!(resolved.request, Cow::Borrowed(_)) && matches!(resolved.api, Cow::Borrowed(_)),
                "{query:?}"
            );
        }
    }

    #[test]
    fn users_tokens_are_exchanged_with_the_profiles_options() {
        let user = assertion();
        let request = strict(Gate::Header, "user", "", Some(&user)).unwrap();
        assert!(request.force_refresh && request.scopes.to_string() == "User.Read");
        assert!(matches!(request.flow, Flow::OnBehalfOf(found) if Arc::ptr_eq(&found.token, &user.token)));
        let nobody = strict(Gate::Header, "User", "", None);
        assert!(matches!(nobody, Err(F::Acquire(AcquireError::NoUser))));
    }

    #[test]
    fn overrides_apply_behind_an_open_gate_only() {
        let query = "optionsOverride.Scopes=api://x/.default&optionsOverride.RequestAppToken=true";
        let open = strict(Gate::Header, "User", query, None).unwrap();
        assert!(matches!(open.flow, Flow::App) && open.force_refresh, "what was not named stays");
        assert_eq!(open.scopes.to_string(), "api://x/.default");
        let gated = strict(Gate::HeaderUnauthenticated, "User", query, Some(&assertion())).unwrap();
        assert!(matches!(gated.flow, Flow::OnBehalfOf(_)) && gated.scopes.to_string() == "User.Read");
    }

    #[test]
    fn unknown_names_are_served_where_the_caller_gives_scopes() {
        let scopes = "optionsOverride.Scopes=api://x/.default&optionsOverride.RequestAppToken=true";
        assert!(matches!(strict(Gate::Header, "Other", scopes, None).unwrap().flow, Flow::App));
        assert!(
            matches!(strict(Gate::HeaderUnauthenticated, "Other", scopes, None), Err(F::UnknownApi(name)) if name == "Other")
        );
        assert!(matches!(strict(Gate::Call, "Empty", "", None), Err(F::NoScopes(name)) if name == "Empty"));
        assert!(matches!(strict(Gate::Call, "Empty", "optionsOverride.Scopes=+", None), Err(F::NoScopes(_))));
    }

    #[test]
    fn gated_agent_parameters_are_refused_or_dropped() {
        let query = format!("AgentIdentity={AGENT}");
        let refused = strict(Gate::CallUnauthenticated, "App", &query, None);
        assert!(matches!(refused, Err(F::AgentGated("Sidecar:AllowOverrides:CallDownstreamApiUnauthenticated"))));
        assert!(matches!(strict(Gate::CallUnauthenticated, "App", "AgentIdentity=", None).unwrap().flow, Flow::App));
        assert!(matches!(upstream(Gate::CallUnauthenticated, "App", &query, None).unwrap().flow, Flow::App));
    }

    #[test]
    fn agents_are_passed_on_to_the_engine() {
        let agent = |query: &str| format!("AgentIdentity={AGENT}&{query}");
        let flow =
            |query: &str, name: &str| strict(Gate::Header, name, &agent(query), Some(&assertion())).map(|it| it.flow);
        assert!(matches!(flow("", "App"), Ok(Flow::Agent { assertion: None, agent }) if agent == AGENT));
        assert!(matches!(flow("", "User"), Ok(Flow::Agent { assertion: Some(_), .. })));
        assert!(matches!(flow("AgentUsername=bob", "User"), Ok(Flow::AgentUser { user: AgentUser::Name(_), .. })));
        let conflict = flow("AgentUsername=bob", "App");
        assert!(matches!(conflict, Err(F::BadRequest(text)) if text.starts_with("An agent user needs a user token")));
        let lenient = upstream(Gate::Header, "App", &agent("AgentUsername=bob"), None).map(|it| it.flow);
        assert!(matches!(lenient, Ok(Flow::AgentUser { .. })));
        let orphan = strict(Gate::Header, "App", "AgentUserId=x", None);
        assert!(
            matches!(orphan, Err(F::BadRequest(text)) if text == "AgentUsername or AgentUserId require AgentIdentity")
        );
        assert!(matches!(upstream(Gate::Header, "App", "AgentUserId=x", None).unwrap().flow, Flow::App));
    }

    #[test]
    fn overrides_that_could_do_harm_are_the_callers_fault() {
        let bad = strict(Gate::Header, "App", "optionsOverride.AcquireTokenOptions.Tenant=a/b", None);
        assert!(matches!(bad, Err(F::BadRequest(_))));
    }
}
