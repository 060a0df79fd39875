//! A token for the user whose token came in: on-behalf-of
//! (<https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow>). It is renewed by another exchange: a
//! refresh token would outlive the user's own.

use sidekey_oauth::{TenantId, grant};

use super::{Form, Plan, named_tenant};
use crate::{
    AcquireError, Config, TokenRequest, UserAssertion,
    cache::key::{Identity, ScopeSet},
};

pub(super) fn plan<'a>(
    request: &'a TokenRequest,
    assertion: &'a UserAssertion,
    config: &'a Config,
) -> Result<Plan<'a>, AcquireError> {
    let scopes = ScopeSet::Of(&request.scopes);
    if scopes.iter().next().is_none() {
        let problem = "a user token needs a scope besides `openid`, `profile` and `offline_access`";
        return Err(AcquireError::Configuration(problem.to_owned()));
    }
    let tenant = tenant(request, assertion, config);
    Ok(Plan { tenant, identity: Identity::User(assertion.hash), scopes })
}

pub(super) fn fill(form: &mut Form, assertion: &UserAssertion, plan: &Plan<'_>) {
    form.push("scope", scope(plan));
    form.push("grant_type", grant::JWT_BEARER);
    form.push_secret("assertion", assertion.token.as_ref().clone());
    form.push("requested_token_use", "on_behalf_of");
    form.push("client_info", "1");
}

/// The user's own tenant, unless the request names one: the user is known there, whatever tenant is configured.
fn tenant<'a>(request: &'a TokenRequest, assertion: &'a UserAssertion, config: &'a Config) -> Option<&'a TenantId> {
    let users = || assertion.tenant.as_ref().filter(|_| config.authority.allows_other_tenants());
    named_tenant(request, config).or_else(users).or_else(|| config.authority.tenant())
}

/// What was asked for and what every user flow asks for, sorted.
fn scope(plan: &Plan<'_>) -> String {
    let mut scopes: Vec<&str> = plan.scopes.iter().map(sidekey_oauth::Scope::as_str).collect();
    scopes.extend(["offline_access", "openid", "profile"]);
    scopes.sort_unstable();
    scopes.join(" ")
}
