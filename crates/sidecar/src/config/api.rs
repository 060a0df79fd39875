//! `DownstreamApis:<name>`: one profile per API.

use std::{collections::HashMap, sync::Arc};

use http::HeaderValue;
use sidekey_config::Section;
use sidekey_entra::{ManagedIdentityId, TokenRequest};
use sidekey_oauth::Scopes;
use url::Url;

use super::{
    pop,
    token_parameters::{self, TokenParameters},
};
use crate::{
    downstream::{Base, HeaderFault, extra_header},
    flow,
    options::{CallOptions, TokenOptions, verb},
};

/// All configured APIs by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Apis {
    by_name: HashMap<Box<str>, Arc<Api>>,
    by_lower_case: HashMap<Box<str>, Arc<Api>>,
}

/// One API's profile, with everything ready that a call without overrides needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Api {
    /// Its name as configured; as sent, where it is not configured.
    pub(crate) name: Box<str>,
    /// How its token is got.
    pub(crate) token: TokenOptions,
    /// How it is called.
    pub(crate) call: CallOptions,
    /// `BaseUrl`
    pub(crate) base: Option<Base>,
    /// The URL of a call without overrides.
    pub(crate) url: Option<Url>,
    /// The engine's request for a call without overrides, where that depends on no caller.
    pub(crate) app_request: Option<TokenRequest>,
}

impl Apis {
    /// Reads every API of the section.
    pub(super) fn read(section: &Section<'_>) -> Self {
        section.own();
        let mut apis = Self::default();
        for name in section.children() {
            let api = Arc::new(Api::read(name, &section.section(name)));
            apis.by_lower_case.insert(name.to_lowercase().into(), Arc::clone(&api));
            apis.by_name.insert(name.into(), api);
        }
        apis
    }

    /// The API of a name: exactly first, then without case.
    pub(crate) fn get(&self, name: &str) -> Option<&Api> {
        self.by_name.get(name).or_else(|| self.by_lower_case.get(name.to_lowercase().as_str())).map(|api| &**api)
    }
}

impl Api {
    /// The profile of a name that is not configured: nothing but defaults.
    pub(crate) fn unknown(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    fn read(name: &str, section: &Section<'_>) -> Self {
        section.reserve(&["ContentType"]);
        refuse_protocol_schemes(section);
        let token = token(section);
        let call = call(section);
        pop::check(section, &token);
        let base: Option<Base> = section.parse("BaseUrl", "write a URL such as `https://graph.microsoft.com/v1.0`");
        let url = base.as_ref().and_then(|base| url(section, base, &call));
        let app_request = if token.wants_app_token() && !token.scopes.is_empty() {
            flow::choose(&token, None, None).ok().map(|flow| token.request(flow))
        } else {
            None
        };
        Self { name: name.into(), token, call, base, url, app_request }
    }
}

fn token(section: &Section<'_>) -> TokenOptions {
    let acquire = section.section("AcquireTokenOptions");
    refuse_unavailable(&acquire);
    let parameters = TokenParameters::read(&acquire);
    let text = |name: &str| acquire.text(name).map(str::to_owned);
    let options = TokenOptions {
        scopes: scopes(section),
        app_token: section.bool("RequestAppToken", false),
        managed_identity: managed_identity(&acquire.section("ManagedIdentity")),
        tenant: acquire.parse("Tenant", "write the tenant's GUID or domain"),
        claims: claims(&acquire),
        force_refresh: acquire.bool("ForceRefresh", false),
        correlation_id: acquire.guid("CorrelationId").filter(|id| !id.is_nil()),
        fmi_path: text("FmiPath"),
        credential_fmi_path: parameters.credential_fmi_path,
        composite: parameters.composite,
        session_key: session_key(&acquire),
        pop_public_key: pop::public_key(&acquire),
        pop_claim: text("PopClaim"),
        pop_private_key: pop::private_key(&acquire),
        extra_parameters: parameters.query,
        extra_headers: token_parameters::headers(&acquire),
    };
    warn_of_app_scopes(section, &options);
    if options.wants_app_token() && options.composite.is_some() {
        acquire.warn("ExtraQueryParameters:sub_assertion", "has no effect: an app token is nobody's");
    }
    options
}

fn scopes(section: &Section<'_>) -> Scopes {
    Scopes::parse(&section.list("Scopes").join(" ")).unwrap_or_else(|cause| {
        section.fault("Scopes", cause.to_string(), "write scopes such as `api://<app id>/.default` or `User.Read`");
        Scopes::default()
    })
}

/// An app's token is for one resource, whose `/.default` scope must be the first.
fn warn_of_app_scopes(section: &Section<'_>, options: &TokenOptions) {
    let first = options.scopes.first();
    if let (true, Some(first)) = (options.wants_app_token(), first.filter(|scope| scope.default_resource().is_none())) {
        let message = format!("an app token needs a scope that ends in `/.default`, the first one is `{first}`");
        section.warn("Scopes", message);
    }
}

fn managed_identity(section: &Section<'_>) -> Option<ManagedIdentityId> {
    let names = ["UserAssignedClientId", "UserAssignedObjectId", "UserAssignedResourceId"];
    let [client_id, object_id, resource_id] = names.map(|name| section.text(name));
    let identity = ManagedIdentityId::of_one(client_id, object_id, resource_id);
    if identity.is_none() {
        section.fault("UserAssignedClientId", "is not the only name of the identity", "keep one of its three ids");
    }
    identity.filter(|_| section.exists())
}

fn claims(acquire: &Section<'_>) -> Option<String> {
    let claims = acquire.text("Claims")?;
    if !serde_json::from_str::<serde_json::Value>(claims).is_ok_and(|json| json.is_object()) {
        acquire.fault("Claims", "is not a JSON object", "write a claims request such as `{\"access_token\":{…}}`");
    }
    Some(claims.to_owned())
}

/// A key that is allocated could not be told to the caller, who could never use it.
fn session_key(acquire: &Section<'_>) -> Option<String> {
    let key = acquire.text("LongRunningWebApiSessionKey")?;
    if key.eq_ignore_ascii_case("AllocateForMe") {
        let hint =
            "let callers send a key of their own as `optionsOverride.AcquireTokenOptions.LongRunningWebApiSessionKey`";
        acquire.fault("LongRunningWebApiSessionKey", "cannot be `AllocateForMe`", hint);
    }
    Some(key.to_owned())
}

fn call(section: &Section<'_>) -> CallOptions {
    let mut options = CallOptions {
        relative_path: section.text("RelativePath").unwrap_or_default().to_owned(),
        query: owned(section.map("ExtraQueryParameters")),
        ..CallOptions::default()
    };
    if let Some(method) = section.text("HttpMethod") {
        match verb(method) {
            Ok(method) => options.method = Some(method),
            Err(cause) => section.fault("HttpMethod", format!("`{method}` {cause}"), "write a method such as `GET`"),
        }
    }
    if let Some(accept) = section.setting("AcceptHeader") {
        let value = HeaderValue::from_str(accept.value.trim());
        if value.is_err() {
            section.fault(
                "AcceptHeader",
                "is not a valid header value",
                "write media types such as `application/json`",
            );
        }
        options.accept = value.ok().filter(|value| !value.is_empty());
    }
    for (name, value) in section.map("ExtraHeaderParameters") {
        extra(section, &mut options, name, value);
    }
    options
}

fn extra(section: &Section<'_>, options: &mut CallOptions, name: &str, value: &str) {
    let key = format!("ExtraHeaderParameters:{name}");
    match extra_header(name, value) {
        Ok((name, value)) => options.set_header(name, value),
        Err(fault @ (HeaderFault::Reserved | HeaderFault::Content)) => {
            section.warn(&key, format!("the header is not sent: it {fault}"));
        }
        Err(fault) => section.fault(&key, fault.to_string(), "write a header's name and value in printable ASCII"),
    }
}

fn url(section: &Section<'_>, base: &Base, call: &CallOptions) -> Option<Url> {
    let url = base.join(&call.relative_path, &call.query);
    url.map_err(|why| section.fault("RelativePath", why.to_string(), "write a path below `BaseUrl`, such as `me`")).ok()
}

/// Schemes that bind the token to a certificate: without them the token would be weaker than what was asked for.
fn refuse_protocol_schemes(section: &Section<'_>) {
    if let Some(scheme) = section.text("ProtocolScheme").filter(|scheme| !scheme.eq_ignore_ascii_case("Bearer")) {
        section.fault("ProtocolScheme", format!("`{scheme}` is not available in this version"), "write `Bearer`");
    }
}

fn refuse_unavailable(acquire: &Section<'_>) {
    acquire.reserve(&["UserFlow"]);
    if acquire.text("AuthenticationOptionsName").is_some() {
        acquire.one_of("AuthenticationOptionsName", (), &[("Bearer", ()), ("AzureAd", ())]);
    }
}

pub(super) fn owned<'s>(pairs: impl IntoIterator<Item = (&'s str, &'s str)>) -> Vec<(String, String)> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
