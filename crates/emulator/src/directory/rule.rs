//! Conditional Access rules.

use sidekey_oauth::ClientId;

use super::{App, User};

/// When more than a password is needed, and what for.
#[derive(Debug)]
pub(crate) struct Rule {
    /// The users' names; `None` is everybody who signs in.
    pub(crate) users: Option<Vec<String>>,
    /// `None` is every resource.
    pub(crate) resources: Option<Vec<ClientId>>,
    /// Any of these is enough for the rule to apply; `None` is every scope.
    pub(crate) scopes: Option<Vec<String>>,
    /// The AADSTS code of the refusal.
    pub(crate) code: u64,
    /// The authentication context that satisfies the rule.
    pub(crate) context: String,
}

impl Rule {
    /// Whether the rule is about this user, resource and any of these scopes. Agents' users never sign in, so that rules for everybody
    /// leave them out.
    pub(crate) fn applies(&self, user: &User, resource: &App, scopes: &[String]) -> bool {
        let user_fits = match &self.users {
            Some(users) => users.iter().any(|name| name.eq_ignore_ascii_case(&user.upn)),
            None => user.agent.is_none(),
        };
        user_fits
            && self.resources.as_ref().is_none_or(|resources| resources.contains(&resource.client_id))
            && self.scopes.as_ref().is_none_or(|own| own.iter().any(|scope| scopes.contains(scope)))
    }

    /// Whether nothing satisfies the rule.
    pub(crate) fn is_block(&self) -> bool {
        self.code == BLOCK
    }

    /// The codes that a rule can have.
    pub(super) const CODES: [u64; 4] = [50_076, 50_079, 50_158, BLOCK];
}

const BLOCK: u64 = 53_003;
