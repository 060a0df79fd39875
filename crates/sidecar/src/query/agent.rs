//! Agent identities: which one a caller asks for, and the rules that the three parameters obey.

use sidekey_entra::AgentUser;
use sidekey_oauth::ClientId;

use super::value;
use crate::config::Compatibility;

/// The agent parameters as sent; a repeated one has its values joined with `,`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AgentParameters {
    /// `AgentIdentity`: the agent's client id.
    pub(crate) identity: Option<String>,
    /// `AgentUsername`: the agent's user by name.
    pub(crate) username: Option<String>,
    /// `AgentUserId`: the agent's user by object id.
    pub(crate) user_id: Option<String>,
}

impl AgentParameters {
    /// Takes one query parameter, if it is one of ours.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        let slot = match () {
            () if name.eq_ignore_ascii_case("AgentIdentity") => &mut self.identity,
            () if name.eq_ignore_ascii_case("AgentUsername") => &mut self.username,
            () if name.eq_ignore_ascii_case("AgentUserId") => &mut self.user_id,
            () => return,
        };
        match slot {
            Some(values) => {
                values.push(',');
                values.push_str(value);
            }
            None => *slot = Some(value.to_owned()),
        }
    }

    /// Whether any of the three is there, be it empty.
    pub(crate) fn is_present(&self) -> bool {
        self.identity.is_some() || self.username.is_some() || self.user_id.is_some()
    }

    /// Whether any of the three says something.
    pub(crate) fn says_something(&self) -> bool {
        [&self.identity, &self.username, &self.user_id].into_iter().any(|value| said(value.as_ref()).is_some())
    }

    /// The identity that is asked for. `app_token` tells whether the merged options ask for an app token.
    pub(crate) fn resolve(&self, app_token: bool, mode: Compatibility) -> Result<Option<Agent>, AgentRule> {
        let (username, user_id) = (said(self.username.as_ref()), said(self.user_id.as_ref()));
        let Some(identity) = said(self.identity.as_ref()) else {
            let lost = username.is_some() || user_id.is_some();
            return if lost && mode == Compatibility::Strict { Err(AgentRule::UserWithoutAgent) } else { Ok(None) };
        };
        let client: ClientId = identity.parse().map_err(|_| AgentRule::NotAClientId)?;
        let user = match mode {
            Compatibility::Strict => strict_user(username, user_id)?,
            Compatibility::Upstream => upstream_user(username, user_id),
        };
        if user.is_some() && app_token && mode == Compatibility::Strict {
            return Err(AgentRule::UserWithAppToken);
        }
        Ok(Some(Agent { client, user }))
    }
}

/// An agent identity, with its own user account where one is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agent {
    /// Its client id.
    pub(crate) client: ClientId,
    /// Its user account.
    pub(crate) user: Option<AgentUser>,
}

/// The rule that the agent parameters break. `Display` is the problem's detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AgentRule {
    /// A user without an agent.
    #[error("AgentUsername or AgentUserId require AgentIdentity")]
    UserWithoutAgent,
    /// Both ways to name a user.
    #[error("AgentUsername and AgentUserId are mutually exclusive")]
    TwoUsers,
    /// An object id that is none.
    #[error("AgentUserId must be a valid GUID")]
    NotAGuid,
    /// A user and an app token.
    #[error("An agent user needs a user token: RequestAppToken must not be set")]
    UserWithAppToken,
    /// Something that can be no client id.
    #[error("AgentIdentity must be the client id of an agent identity")]
    NotAClientId,
}

fn strict_user(username: Option<&str>, user_id: Option<&str>) -> Result<Option<AgentUser>, AgentRule> {
    match (username, user_id) {
        (Some(_), Some(_)) => Err(AgentRule::TwoUsers),
        (Some(name), None) => Ok(Some(AgentUser::Name(name.to_owned()))),
        (None, Some(id)) => value::guid(id).map(AgentUser::ObjectId).map(Some).ok_or(AgentRule::NotAGuid),
        (None, None) => Ok(None),
    }
}

/// The original's rules: a name wins, and an id that is no GUID turns the agent's user into the agent itself.
fn upstream_user(username: Option<&str>, user_id: Option<&str>) -> Option<AgentUser> {
    match username {
        Some(name) => Some(AgentUser::Name(name.to_owned())),
        None => user_id.and_then(value::guid).map(AgentUser::ObjectId),
    }
}

/// A value that is not blank.
fn said(value: Option<&String>) -> Option<&str> {
    value.map(String::as_str).filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use Compatibility::{Strict, Upstream};

    const ID: &str = "11112222-bbbb-3333-cccc-4444dddd5555";

    fn parameters(identity: &str, username: &str, user_id: &str) -> AgentParameters {
        let some = |text: &str| (text != "-").then(|| text.to_owned());
        AgentParameters { identity: some(identity), username: some(username), user_id: some(user_id) }
    }

    #[test]
    fn agents_are_resolved_by_the_rules_of_each_mode() {
        let by_id = || Some(AgentUser::ObjectId(Uuid::try_parse(ID).unwrap()));
        let by_name = || Some(AgentUser::Name("a@b".into()));
        let agent = |user| Ok(Some(Agent { client: ID.parse().unwrap(), user }));
        let table = [
            (("-", "-", "-"), false, Ok(None), Ok(None)),
            ((" ", "", "-"), false, Ok(None), Ok(None)),
            (("-", "a@b", "-"), false, Err(AgentRule::UserWithoutAgent), Ok(None)),
            (("", "-", ID), true, Err(AgentRule::UserWithoutAgent), Ok(None)),
            ((ID, "-", "-"), false, agent(None), agent(None)),
            ((ID, "-", "-"), true, agent(None), agent(None)),
            ((ID, "a@b", "-"), false, agent(by_name()), agent(by_name())),
            ((ID, "a@b", ID), false, Err(AgentRule::TwoUsers), agent(by_name())),
            ((ID, "-", ID), false, agent(by_id()), agent(by_id())),
            ((ID, "-", "bob"), false, Err(AgentRule::NotAGuid), agent(None)),
            ((ID, "a@b", "-"), true, Err(AgentRule::UserWithAppToken), agent(by_name())),
            (("a b", "-", "-"), false, Err(AgentRule::NotAClientId), Err(AgentRule::NotAClientId)),
        ];
        for ((identity, username, user_id), app_token, strict, upstream) in table {
            let parameters = parameters(identity, username, user_id);
            assert_eq!(parameters.resolve(app_token, Strict), strict, "{parameters:?}");
            assert_eq!(parameters.resolve(app_token, Upstream), upstream, "{parameters:?}");
        }
    }

    #[test]
    fn repeated_parameters_are_joined() {
        let mut parameters = AgentParameters::default();
        parameters.set("agentidentity", "a");
        parameters.set("AgentIdentity", "b");
        parameters.set("Agent", "c");
        assert_eq!(parameters, AgentParameters { identity: Some("a,b".into()), ..AgentParameters::default() });
        assert!(parameters.is_present() && parameters.says_something());
    }
}
