//! The query parameters of the token routes, as the document lists them: Microsoft's names in Microsoft's order, then ours.

use utoipa::IntoParams;

/// What `crate::query` reads.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its description is used; `query` reads the real thing without copying it here")]
pub(super) struct TokenParameters {
    /// Client id of an agent identity. The token is then the agent's: its own, or on behalf of a user.
    #[param(rename = "AgentIdentity")]
    agent_identity: Option<String>,
    /// User principal name of the agent's own user account. Requires `AgentIdentity`; excludes `AgentUserId`.
    #[param(rename = "AgentUsername")]
    agent_username: Option<String>,
    /// Object id (GUID) of the agent's own user account. Requires `AgentIdentity`; excludes `AgentUsername`.
    #[param(rename = "AgentUserId")]
    agent_user_id: Option<String>,
    /// Scopes in place of the configured ones; repeat the parameter for several.
    #[param(rename = "optionsOverride.Scopes")]
    scopes: Option<Vec<String>>,
    /// `true` asks for the application's own token. `false` does not undo a configured `true`.
    #[param(rename = "optionsOverride.RequestAppToken")]
    request_app_token: Option<bool>,
    /// Ignored: the base URL comes from the configuration alone.
    #[deprecated]
    #[param(rename = "optionsOverride.BaseUrl")]
    base_url: Option<String>,
    /// Path below the configured base URL; may carry a query. It cannot leave the base URL.
    #[param(rename = "optionsOverride.RelativePath")]
    relative_path: Option<String>,
    /// Verb of the downstream call.
    #[param(rename = "optionsOverride.HttpMethod")]
    http_method: Option<String>,
    /// `Accept` of the downstream call.
    #[param(rename = "optionsOverride.AcceptHeader")]
    accept_header: Option<String>,
    /// Without effect: a forwarded body keeps the `Content-Type` that it came with.
    #[param(rename = "optionsOverride.ContentType")]
    content_type: Option<String>,
    /// Tenant (GUID or domain) to get the token from.
    #[param(rename = "optionsOverride.AcquireTokenOptions.Tenant")]
    tenant: Option<String>,
    /// `true` does not answer from the cache.
    #[param(rename = "optionsOverride.AcquireTokenOptions.ForceRefresh")]
    force_refresh: Option<bool>,
    /// Claims challenge (JSON) to answer.
    #[param(rename = "optionsOverride.AcquireTokenOptions.Claims")]
    claims: Option<String>,
    /// GUID that Entra logs with the request.
    #[param(rename = "optionsOverride.AcquireTokenOptions.CorrelationId")]
    correlation_id: Option<String>,
    /// Key of a long-running on-behalf-of session.
    #[param(rename = "optionsOverride.AcquireTokenOptions.LongRunningWebApiSessionKey")]
    session_key: Option<String>,
    /// Path of a federated managed identity.
    #[param(rename = "optionsOverride.AcquireTokenOptions.FmiPath")]
    fmi_path: Option<String>,
    /// Public key that the token is bound to.
    #[param(rename = "optionsOverride.AcquireTokenOptions.PopPublicKey")]
    pop_public_key: Option<String>,
    /// Client id of a user-assigned managed identity, whose token is then asked for.
    #[param(rename = "optionsOverride.AcquireTokenOptions.ManagedIdentity.UserAssignedClientId")]
    managed_identity: Option<String>,
}
