//! Conditional Access: rules under which a user has to prove more than a password, and the claims challenge that says so.
//!
//! See <https://learn.microsoft.com/entra/identity-platform/v2-conditional-access-dev-guide>.

use super::{Refusal, RequestedClaims};
use crate::directory::{App, Directory, Rule, User};

/// Applies the directory's rules to what a user is about to get. The first one that is not satisfied is the answer.
pub(crate) fn check(
    directory: &Directory,
    (user, resource): (&User, &App),
    scopes: &[String],
    claims: &RequestedClaims,
) -> Result<(), Refusal> {
    let applies = |rule: &&Rule| rule.applies(user, resource, scopes);
    let unsatisfied = |rule: &&Rule| rule.is_block() || !claims.contexts.contains(&rule.context);
    match directory.rules.iter().filter(applies).find(unsatisfied) {
        Some(rule) => Err(refusal(rule, resource)),
        None => Ok(()),
    }
}

fn refusal(rule: &Rule, resource: &App) -> Refusal {
    let refusal = match rule.code {
        50079 => Refusal::mfa_enrollment(&resource.name),
        50158 => Refusal::external_challenge(),
        53003 => return Refusal::blocked_by_policy(),
        _ => Refusal::mfa_required(&resource.name),
    };
    Refusal { claims: Some(context_challenge(&rule.context)), ..refusal }
}

/// The challenge that asks for an authentication context.
pub(crate) fn context_challenge(context: &str) -> String {
    serde_json::json!({ "access_token": { "acrs": { "essential": true, "value": context } } }).to_string()
}
