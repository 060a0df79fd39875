//! What one API's profile says, as checked values: how its token is got, and how it is called.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};
use sidekey_entra::{CompositeAssertion, Confirmation, Flow, ManagedIdentityId, PopKey, TokenRequest};
use sidekey_oauth::{Scopes, TenantId};
use uuid::Uuid;

/// How the token of an API is got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TokenOptions {
    /// `Scopes`
    pub(crate) scopes: Scopes,
    /// `RequestAppToken`
    pub(crate) app_token: bool,
    /// `AcquireTokenOptions:ManagedIdentity`, whose presence asks for a managed identity's token.
    pub(crate) managed_identity: Option<ManagedIdentityId>,
    /// `AcquireTokenOptions:Tenant`
    pub(crate) tenant: Option<TenantId>,
    /// `AcquireTokenOptions:Claims`
    pub(crate) claims: Option<String>,
    /// `AcquireTokenOptions:ForceRefresh`
    pub(crate) force_refresh: bool,
    /// `AcquireTokenOptions:CorrelationId`
    pub(crate) correlation_id: Option<Uuid>,
    /// `AcquireTokenOptions:FmiPath`
    pub(crate) fmi_path: Option<String>,
    /// `AcquireTokenOptions:ExtraParameters:fmiPathForClientAssertion`
    pub(crate) credential_fmi_path: Option<String>,
    /// `assertion` and `sub_assertion` of `AcquireTokenOptions:ExtraQueryParameters`
    pub(crate) composite: Option<Arc<CompositeAssertion>>,
    /// `AcquireTokenOptions:LongRunningWebApiSessionKey`
    pub(crate) session_key: Option<String>,
    /// `AcquireTokenOptions:PopPublicKey`, the caller's key to bind tokens to.
    pub(crate) pop_public_key: Option<Arc<Confirmation>>,
    /// `AcquireTokenOptions:PopClaim`, which makes the former a mere name.
    pub(crate) pop_claim: Option<String>,
    /// `AcquireTokenOptions:PopPrivateKeyPath`, our key to bind tokens to and to sign requests with.
    pub(crate) pop_private_key: Option<Arc<PopKey>>,
    /// `AcquireTokenOptions:ExtraQueryParameters` and `:ExtraParameters`
    pub(crate) extra_parameters: Vec<(String, String)>,
    /// `AcquireTokenOptions:ExtraHeadersParameters`
    pub(crate) extra_headers: Vec<(HeaderName, HeaderValue)>,
}

impl TokenOptions {
    /// Whether an app's own token is asked for.
    pub(crate) fn wants_app_token(&self) -> bool {
        self.app_token || self.managed_identity.is_some()
    }

    /// The engine's request for a flow. The FMI path and the confirmation key belong to app tokens, the session to users'.
    pub(crate) fn request(&self, flow: Flow) -> TokenRequest {
        let is_app = self.wants_app_token();
        TokenRequest {
            tenant: self.tenant.clone(),
            claims: self.claims.clone(),
            fmi_path: self.fmi_path.clone().filter(|_| is_app),
            credential_fmi_path: self.credential_fmi_path.clone(),
            composite: self.composite.clone().filter(|_| !is_app),
            confirmation: self.pop_public_key.clone().filter(|_| is_app),
            session_key: self.session_key.clone().filter(|_| !is_app),
            extra_parameters: self.extra_parameters.clone(),
            extra_headers: self.extra_headers.clone(),
            force_refresh: self.force_refresh,
            correlation_id: self.correlation_id,
            ..TokenRequest::new(flow, self.scopes.clone())
        }
    }
}

/// How an API is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallOptions {
    /// `RelativePath`
    pub(crate) relative_path: String,
    /// `HttpMethod`; `None` leaves the verb to the caller.
    pub(crate) method: Option<Method>,
    /// `AcceptHeader`; `None` sends none of our own.
    pub(crate) accept: Option<HeaderValue>,
    /// `ExtraHeaderParameters`
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// `ExtraQueryParameters`
    pub(crate) query: Vec<(String, String)>,
}

impl Default for CallOptions {
    fn default() -> Self {
        Self {
            relative_path: String::new(),
            method: None,
            accept: Some(HeaderValue::from_static("application/json")),
            headers: Vec::new(),
            query: Vec::new(),
        }
    }
}

impl CallOptions {
    /// Sets a header in place of one of the same name.
    pub(crate) fn set_header(&mut self, name: HeaderName, value: HeaderValue) {
        match self.headers.iter_mut().find(|(own, _)| *own == name) {
            Some((_, own)) => *own = value,
            None => self.headers.push((name, value)),
        }
    }
}

/// A verb for downstream calls: known ones in any case, others as they are written.
pub(crate) fn verb(text: &str) -> Result<Method, BadVerb> {
    let text = text.trim();
    if REFUSED_VERBS.iter().any(|refused| refused.eq_ignore_ascii_case(text)) {
        return Err(BadVerb::Refused);
    }
    if let Some(known) = KNOWN_VERBS.iter().find(|known| known.as_str().eq_ignore_ascii_case(text)) {
        return Ok(known.clone());
    }
    Method::from_bytes(text.as_bytes()).map_err(|_| BadVerb::NotAVerb)
}

/// Why a text is no verb for downstream calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadVerb {
    /// No token of RFC 9110 §5.6.2.
    #[error("is not an HTTP method")]
    NotAVerb,
    /// `TRACE` would echo the token to the caller, `CONNECT` makes a tunnel.
    #[error("must be neither `TRACE` nor `CONNECT`")]
    Refused,
}

const REFUSED_VERBS: [&str; 2] = ["TRACE", "CONNECT"];

const KNOWN_VERBS: [Method; 7] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_verbs_are_upper_case_and_others_stay() {
        for (text, expected) in [("Get", "GET"), ("patch", "PATCH"), (" POST ", "POST"), ("Purge", "Purge")] {
            assert_eq!(verb(text).map(|verb| verb.to_string()).as_deref(), Ok(expected));
        }
        assert_eq!(verb("trace"), Err(BadVerb::Refused));
        for bad in ["", "G ET", "GET\r\nx", "(", "é"] {
            assert_eq!(verb(bad), Err(BadVerb::NotAVerb), "{bad:?}");
        }
    }

    #[test]
    fn options_of_the_other_kind_of_token_are_left_out() {
        let some = |text: &str| Some(text.to_owned());
        let key = Confirmation::of_public_key(r#"{"kid":"p"}"#).map(Arc::new).ok();
        let options = TokenOptions {
            fmi_path: some("f"),
            pop_public_key: key.clone(),
            session_key: some("s"),
            ..TokenOptions::default()
        };
        let user = options.request(Flow::App);
        assert_eq!((user.fmi_path, user.confirmation, user.session_key), (None, None, some("s")));
        let app = TokenOptions { app_token: true, ..options }.request(Flow::App);
        assert_eq!((app.fmi_path, app.confirmation, app.session_key), (some("f"), key, None));
    }
}
