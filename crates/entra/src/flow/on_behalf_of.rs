//! A token for the user whose token came in: on-behalf-of
//! (<https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow>). It is renewed by another exchange: a
//! refresh token would outlive the user's own.

use sidekey_oauth::{TenantId, grant};

use super::{Form, Plan, named_tenant, user_scope, user_scopes};
use crate::{AcquireError, CompositeAssertion, Config, TokenRequest, UserAssertion, cache::key::Identity};

pub(super) fn plan<'a>(
    request: &'a TokenRequest,
    assertion: &'a UserAssertion,
    config: &'a Config,
) -> Result<Plan<'a>, AcquireError> {
    let tenant = tenant(request, assertion.tenant.as_ref(), config);
    Ok(Plan { tenant, agent: None, identity: Identity::User(assertion.token.hash()), scopes: user_scopes(request)? })
}

/// The user's own tenant, unless the request names one: the user is known there, whatever tenant is configured.
pub(super) fn tenant<'a>(
    request: &'a TokenRequest,
    users: Option<&'a TenantId>,
    config: &'a Config,
) -> Option<&'a TenantId> {
    let users = || users.filter(|_| config.authority.allows_other_tenants());
    named_tenant(request, config).or_else(users).or_else(|| config.authority.tenant())
}

pub(super) fn form(request: &TokenRequest, assertion: &UserAssertion, plan: &Plan<'_>) -> Form {
    let mut form = Form::default();
    form.push("scope", user_scope(plan));
    form.push("grant_type", grant::JWT_BEARER);
    match request.composite.as_deref().map(CompositeAssertion::parts) {
        None => form.push_secret("assertion", assertion.token.secret().clone()),
        Some((assertion, sub_assertion)) => {
            form.push_secret("assertion", assertion.clone());
            form.push_secret("sub_assertion", sub_assertion.clone());
        }
    }
    form.push("requested_token_use", "on_behalf_of");
    form.push("client_info", "1");
    form
}
