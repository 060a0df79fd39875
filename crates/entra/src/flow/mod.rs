//! Flows: what each asks of the token endpoint, and which tenant and scopes make its cache key. A flow is one file here and a
//! line in [`plan`] and [`form`].

mod client_credentials;
mod on_behalf_of;

use sidekey_oauth::{Secret, TenantId};

use crate::{
    AcquireError, Config, Flow, TokenRequest,
    cache::key::{Identity, ScopeSet},
};

/// What distinguishes the token that a request asks for. Borrowed from the request: it is made for every call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan<'a> {
    /// The tenant to ask; `None` where the authority has none.
    pub(crate) tenant: Option<&'a TenantId>,
    pub(crate) identity: Identity,
    pub(crate) scopes: ScopeSet<'a>,
}

/// The fields of a token request, in order. Empty ones are not sent.
#[derive(Debug, Default)]
pub(crate) struct Form(Vec<(&'static str, Secret)>);

impl Form {
    pub(crate) fn push(&mut self, name: &'static str, value: impl Into<String>) {
        self.push_secret(name, Secret::new(value));
    }

    pub(crate) fn push_secret(&mut self, name: &'static str, value: Secret) {
        if !value.is_empty() {
            self.0.push((name, value));
        }
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.expose()))
    }
}

/// Checks a request against its flow's rules.
pub(crate) fn plan<'a>(request: &'a TokenRequest, config: &'a Config) -> Result<Plan<'a>, AcquireError> {
    unavailable_options(request)?;
    match &request.flow {
        Flow::App => client_credentials::plan(request, config),
        Flow::OnBehalfOf(assertion) => on_behalf_of::plan(request, assertion, config),
        Flow::Session => Err(not_available("a long-running session (`LongRunningWebApiSessionKey`)")),
        Flow::ManagedIdentity { .. } => {
            Err(not_available("a managed identity's token (`AcquireTokenOptions:ManagedIdentity`)"))
        }
        Flow::Agent { .. } | Flow::AgentUser { .. } => {
            Err(not_available("an agent identity's token (`AgentIdentity`)"))
        }
    }
}

/// The flow's own fields, put between those of the client and those of every request.
pub(crate) fn form(request: &TokenRequest, plan: &Plan<'_>) -> Form {
    let mut form = Form::default();
    match &request.flow {
        Flow::App => client_credentials::fill(&mut form, request, plan),
        Flow::OnBehalfOf(assertion) => on_behalf_of::fill(&mut form, assertion, plan),
        // A plan for these is never made.
        Flow::Session | Flow::ManagedIdentity { .. } | Flow::Agent { .. } | Flow::AgentUser { .. } => {}
    }
    form
}

fn unavailable_options(request: &TokenRequest) -> Result<(), AcquireError> {
    if request.session_key.is_some() {
        return Err(not_available("a long-running session (`LongRunningWebApiSessionKey`)"));
    }
    if request.pop_public_key.is_some() {
        return Err(not_available("proof of possession (`PopPublicKey`)"));
    }
    Ok(())
}

fn not_available(what: &str) -> AcquireError {
    AcquireError::Invalid(format!("{what} is not available in this version"))
}

/// The tenant that a request names, where the authority lets it choose.
fn named_tenant<'a>(request: &'a TokenRequest, config: &Config) -> Option<&'a TenantId> {
    request.tenant.as_ref().filter(|_| config.authority.allows_other_tenants())
}

#[cfg(test)]
mod tests;
