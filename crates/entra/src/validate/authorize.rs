//! Whether a good token is enough for this API: `AzureAd:Scopes` for users, `AzureAd:Roles` for apps.

use super::{VerifiedToken, rules::Rules};

/// `Err` is the text of the 403; for scopes it is the original's.
pub(super) fn authorize(rules: &Rules, token: &VerifiedToken) -> Result<(), String> {
    if rules.scopes.is_empty() || holds_one(&token.scopes, &rules.scopes) && !token.is_app {
        return Ok(());
    }
    if token.is_app && !rules.roles.is_empty() {
        return if holds_one(&token.roles, &rules.roles) { Ok(()) } else { Err(missing_roles(rules)) };
    }
    Err(missing_scopes(rules))
}

/// The same for an app that proved possession of its key: it is held to the roles that its plain token would be held to, and
/// the scopes, which keep every app out where no roles are configured, do not apply.
pub(super) fn authorize_pop(rules: &Rules, token: &VerifiedToken) -> Result<(), String> {
    if rules.roles.is_empty() { Ok(()) } else { authorize(rules, token) }
}

fn holds_one(held: &[String], wanted: &[String]) -> bool {
    wanted.iter().any(|wanted| held.contains(wanted))
}

fn missing_scopes(rules: &Rules) -> String {
    let scopes = rules.scopes.join(",");
    format!("IDW10203: The 'scope' or 'scp' claim does not contain scopes '{scopes}' or was not found. ")
}

fn missing_roles(rules: &Rules) -> String {
    format!("The application's token has none of the roles '{}'.", rules.roles.join(","))
}
