//! The application's own token: the client credentials grant (RFC 6749 §4.4).

use sidekey_oauth::grant;

use super::{Form, Plan, directory, named_tenant};
use crate::{
    AcquireError, Config, TokenRequest,
    cache::key::{Identity, ScopeSet},
};

pub(super) fn plan<'a>(request: &'a TokenRequest, config: &'a Config) -> Result<Plan<'a>, AcquireError> {
    let scope = request.scopes.first().ok_or_else(|| {
        AcquireError::Configuration("an app token needs a scope such as `api://…/.default`, none is given".to_owned())
    })?;
    if scope.default_resource().is_none() {
        let hint = "write the API's App ID URI with `/.default` behind it";
        return Err(AcquireError::Configuration(format!("`{scope}` is not the scope of an app token: {hint}")));
    }
    // An application lives in one directory at a time.
    let tenant = directory(named_tenant(request, config).or_else(|| config.authority.tenant()), config)?;
    Ok(Plan { tenant, agent: None, identity: Identity::App, scopes: ScopeSet::One(scope) })
}

pub(super) fn form(request: &TokenRequest, plan: &Plan<'_>) -> Form {
    let mut form = Form::default();
    // There is one.
    plan.scopes.iter().for_each(|scope| form.push("scope", scope.as_str()));
    form.push("grant_type", grant::CLIENT_CREDENTIALS);
    form.push("client_info", "2");
    form.push("fmi_path", request.fmi_path.as_deref().unwrap_or_default());
    if let Some(confirmation) = &request.confirmation {
        form.push("token_type", "pop");
        form.push("req_cnf", confirmation.req_cnf());
    }
    form
}
