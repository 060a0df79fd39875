//! Every refusal of the authority in one table: status, OAuth error, AADSTS code, text.
//!
//! Texts follow <https://learn.microsoft.com/entra/identity-platform/reference-error-codes> and replies seen in the field. A description
//! is one line without any character that JSON escapes, because some SDKs read it as a borrowed string.

#![expect(clippy::unreadable_literal, reason = "AADSTS codes are searched for as they are written in messages")]

use http::StatusCode;
use sidekey_oauth::ErrorReply;
use uuid::Uuid;

use crate::time::{self, UnixTime};

/// A refusal, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) error: &'static str,
    pub(crate) code: u64,
    pub(crate) text: String,
    pub(crate) suberror: Option<&'static str>,
    /// A claims challenge, JSON.
    pub(crate) claims: Option<String>,
}

impl Refusal {
    /// The reply's body.
    pub(crate) fn reply(&self, now: UnixTime, trace_id: Uuid, correlation_id: Uuid) -> ErrorReply {
        let timestamp = time::timestamp(now);
        let (code, text) = (self.code, one_line(&self.text));
        ErrorReply {
            error: self.error.to_owned(),
            error_description: format!(
                "AADSTS{code}: {text} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {timestamp}"
            ),
            error_codes: vec![code],
            timestamp,
            trace_id: trace_id.to_string(),
            correlation_id: correlation_id.to_string(),
            error_uri: Some(format!("https://login.microsoftonline.com/error?code={code}")),
            suberror: self.suberror.map(str::to_owned),
            claims: self.claims.clone(),
        }
    }
}

/// One constructor for each row of the table; the arguments fill the text.
macro_rules! catalogue {
    ($($(#[doc = $doc:literal])+ $name:ident($($argument:ident),*): $status:literal $error:ident $code:literal $text:literal;)*) => {
        impl Refusal {
            $($(#[doc = $doc])+
            pub(crate) fn $name($($argument: impl std::fmt::Display),*) -> Self {
                Self {
                    status: StatusCode::from_u16($status).unwrap_or(StatusCode::BAD_REQUEST),
                    error: stringify!($error),
                    code: $code,
                    text: format!($text),
                    suberror: None,
                    claims: None,
                }
            })*
        }

        /// Codes and errors of all rows.
        #[cfg(test)]
        const ROWS: &[(u16, &str, u64)] = &[$(($status, stringify!($error), $code)),*];
    };
}

catalogue! {
    // The request.
    /// A parameter is not there.
    missing_parameter(name): 400 invalid_request 900144
        "The request body must contain the following parameter: '{name}'.";
    /// A parameter is there twice.
    duplicate_parameter(name): 400 invalid_request 9000411
        "The request is not properly formatted. The parameter '{name}' is duplicated.";
    /// Anything else that makes the request unreadable.
    malformed(what): 400 invalid_request 9002313
        "Invalid request. Request is malformed or invalid. {what}";
    /// The body is larger than any token request.
    too_large(limit): 413 invalid_request 9002313
        "Invalid request. Request is malformed or invalid. The body is larger than {limit} bytes.";
    /// Another method than POST.
    only_post(method): 405 invalid_request 900561
        "The endpoint only accepts POST requests. Received a {method} request.";
    /// `claims` is not JSON.
    malformed_claims(): 400 invalid_request 9000410
        "Malformed JSON. The parameter 'claims' must be a JSON object.";
    /// An unknown grant type.
    unsupported_grant(grant): 400 unsupported_grant_type 70003
        "The app requested an unsupported grant type '{grant}'.";
    /// An unknown response type at the authorization endpoint.
    unsupported_response_type(kind): 400 unsupported_response_type 70005
        "The app requested an unsupported response type '{kind}' when requesting a token.";

    // The tenant.
    /// The tenant segment is neither GUID nor domain nor alias.
    malformed_tenant(tenant): 400 invalid_request 900023
        "Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain.";
    /// There is no such tenant.
    tenant_not_found(tenant): 400 invalid_request 90002
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.";
    /// The same, in the words of the metadata endpoint.
    tenant_without_metadata(tenant): 400 invalid_tenant 90002
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.";
    /// Instance discovery for a host that is no authority.
    unknown_instance(): 400 invalid_instance 50049
        "Unknown or invalid instance.";
    /// `common` and the like for a grant that needs one tenant.
    grant_needs_tenant(): 400 invalid_request 9001023
        "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint.";
    /// `common` and the like for an application of one tenant.
    not_multi_tenant(id, name): 400 invalid_request 50194
        "Application '{id}'({name}) is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the application to be multi-tenant.";
    /// No tenant was named, and none follows from the request.
    no_tenant(): 400 invalid_request 50059
        "No tenant-identifying information found in either the request or implied by any provided credentials.";

    // The client.
    /// The tenant does not know the application.
    app_not_found(id, tenant): 400 unauthorized_client 700016
        "Application with identifier '{id}' was not found in the directory '{tenant}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.";
    /// A multi-tenant application that was never installed here.
    no_service_principal(id, tenant): 400 unauthorized_client 7000229
        "The client application {id} is missing service principal in the tenant {tenant}.";
    /// The application is switched off.
    app_disabled(id, name): 400 unauthorized_client 7000112
        "Application '{id}'({name}) is disabled.";
    /// A confidential client without credential in its own name.
    no_app_credential(): 401 invalid_client 7000216
        "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.";
    /// A confidential client without credential in any other grant.
    no_credential(): 401 invalid_client 7000218
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
    /// A client that has no credentials shows one.
    public_client(id): 401 invalid_client 700025
        "Client is public so neither 'client_assertion' nor 'client_secret' should be presented. Application '{id}'.";
    /// The secret is none of the application's.
    wrong_secret(id): 401 invalid_client 7000215
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{id}'.";
    /// The secret was right once.
    expired_secret(id): 401 invalid_client 7000222
        "The provided client secret keys for app '{id}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.";
    /// More than one credential, or one that cannot be used like this.
    client_authentication_failed(why): 401 invalid_client 50012
        "Authentication failed. {why}";

    // Certificate assertions.
    /// The certificate is not registered.
    certificate_not_found(thumbprint, id): 401 invalid_client 700027
        "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found., Thumbprint of key used by client: '{thumbprint}', Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '{id}'.]";
    /// The certificate is registered, but outside its validity.
    certificate_expired(thumbprint): 401 invalid_client 700027
        "Client assertion contains an invalid signature. [Reason - The key used is expired., Thumbprint of key used by client: '{thumbprint}']";
    /// The signature is not the key's.
    assertion_signature(thumbprint): 401 invalid_client 700027
        "Client assertion contains an invalid signature. [Reason - The provided signature value did not match the expected signature value., Thumbprint of key used by client: '{thumbprint}']";
    /// The sent certificate's subject is not trusted.
    subject_not_authorized(id): 401 invalid_client 700030
        "Invalid certificate - subject name in certificate is not authorized. Application '{id}'.";
    /// The assertion is for someone else.
    assertion_audience(audience): 401 invalid_client 700023
        "Client assertion audience claim does not match Realm issuer. The audience in the assertion was '{audience}'.";
    /// The assertion is too old or too new.
    assertion_time(now, from, until): 401 invalid_client 700024
        "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {from}, expiry time of assertion {until}.";
    /// `iss` and `sub` are not both the client.
    assertion_subject(issuer, subject): 401 invalid_client 50048
        "Subject '{subject}' must match Issuer claim '{issuer}' in the client assertion, and both must be the client.";
    /// Not a JWT, or one that lacks what it needs.
    malformed_jwt(why): 400 invalid_request 50027
        "JWT token is invalid or malformed. {why}";

    // Federated assertions.
    /// The application trusts nobody.
    no_federated_credentials(id, name): 401 invalid_client 70025
        "The client '{id}'({name}) has no configured federated identity credentials.";
    /// The application does not trust this issuer.
    federated_issuer(issuer): 401 invalid_client 700211
        "No matching federated identity record found for presented assertion issuer '{issuer}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation";
    /// The application trusts this issuer for another audience.
    federated_audience(audience): 401 invalid_client 700212
        "No matching federated identity record found for presented assertion audience '{audience}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation";
    /// The application trusts this issuer for another subject.
    federated_subject(subject): 401 invalid_client 700213
        "No matching federated identity record found for presented assertion subject '{subject}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation";
    /// The issuer is Entra itself.
    entra_issued(): 400 invalid_request 700222
        "AAD-issued tokens may not be used for federated identity flows.";
    /// The same two on an application with flexible credentials.
    flexible_audience(audience): 401 invalid_client 7002121
        "No matching federated identity record found for presented assertion audience '{audience}' or no federated identity credential expression matched. https://learn.microsoft.com/entra/workload-id/workload-identity-federation";
    /// No expression fits the subject either.
    flexible_subject(subject): 401 invalid_client 7002131
        "No matching federated identity record found for presented assertion subject '{subject}' or no federated identity credential expression matched. https://learn.microsoft.com/entra/workload-id/workload-identity-federation";
    /// The credential is too new.
    federated_not_yet(issuer, subject, audience): 400 invalid_request 70021
        "No matching federated identity record found for presented assertion. Assertion Issuer: '{issuer}'. Assertion Subject: '{subject}'. Assertion Audience: '{audience}'. https://learn.microsoft.com/entra/workload-id/workload-identity-federation";
    /// A user's token of Entra as an assertion.
    user_token_assertion(): 401 invalid_client 700229
        "Only app-only tokens can be used as Federated Identity Credentials for AAD issuer.";
    /// Entra's token is not a user-assigned managed identity's.
    not_a_managed_identity(issuer): 400 invalid_request 700226
        "Only tokens of user-assigned managed identities can be used as federated identity credentials for the issuer '{issuer}'.";
    /// A managed identity's token, but for another resource.
    entra_audience(audience, issuer): 400 invalid_request 700227
        "The token audience '{audience}' cannot be used as a federated identity credential for the issuer '{issuer}'.";
    /// A managed identity's token where it is none.
    entra_issuer_not_allowed(issuer, id): 400 invalid_request 700236
        "Tokens of the issuer '{issuer}' may not be used for federated identity flows of the application '{id}': it must be an application of the same tenant.";
    /// The issuer's documents cannot be read.
    issuer_unreachable(why): 400 invalid_request 90061
        "Request to External OIDC endpoint failed. {why}";
    /// The signature is not the issuer's.
    federated_signature(why): 401 invalid_client 700027
        "Client assertion contains an invalid signature. [Reason - {why}]";

    // Agents.
    /// A blueprint asks for itself, but not for an exchange token.
    blueprint_app_token(id, resource): 400 unauthorized_client 82001
        "Agentic application '{id}' is not permitted to request app-only tokens for resource '{resource}'.";

    // Scopes and resources.
    /// Not a scope, or one that the resource does not have.
    invalid_scope(scope, why): 400 invalid_scope 70011
        "The provided value for the input parameter 'scope' is not valid. The scope '{scope}' is not valid: {why}";
    /// An application asks for itself, but not for `.default`.
    scope_not_default(scope): 400 invalid_scope 1002012
        "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).";
    /// More than one resource.
    several_resources(scope): 400 invalid_scope 700022
        "The provided value for the input parameter scope is not valid because it contains more than one resource. Scope {scope} is not valid.";
    /// The tenant does not know the resource.
    resource_not_found(uri, tenant): 400 invalid_resource 500011
        "The resource principal named {uri} was not found in the tenant named {tenant}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.";
    /// The client is not assigned to the resource.
    app_not_assigned(id, name, resource): 400 invalid_grant 501051
        "Application '{id}'({name}) is not assigned to a role for the application '{resource}'.";
    /// The user is not assigned to the client or resource.
    user_not_assigned(upn, resource): 400 invalid_grant 50105
        "The signed in user '{upn}' is not assigned to a role for the application '{resource}'.";

    // On behalf of a user.
    /// The assertion's signature is not ours.
    obo_signature(why): 400 invalid_grant 50013
        "Assertion failed signature validation. [Reason - {why}]";
    /// The assertion is for another application.
    obo_audience(audience, expected): 400 invalid_grant 500131
        "Assertion audience does not match the Client app presenting the assertion. The audience in the assertion was '{audience}' and the expected audience is '{expected}' or one of the Application Uris of this application.";
    /// The assertion is too old or too new.
    obo_time(now, from, until): 400 invalid_grant 500133
        "Assertion is not within its valid time range. Ensure that the access token is not expired before using it for user assertion, or request a new token. Current time: {now}, assertion valid from {from}, expiry time of assertion {until}.";
    /// The assertion is an application's own token.
    obo_without_user(id): 400 invalid_grant 7000114
        "Application '{id}' is not allowed to make application on-behalf-of calls.";

    // Users and their grants.
    /// The user does not exist.
    user_not_found(upn, tenant): 400 invalid_grant 50034
        "The user account {upn} does not exist in the {tenant} directory. To sign into this application, the account must be added to the directory.";
    /// Wrong user name or password.
    wrong_password(): 400 invalid_grant 50126
        "Error validating credentials due to invalid username or password.";
    /// The account is switched off.
    user_disabled(): 400 invalid_grant 50057
        "The user account is disabled.";
    /// Nobody is signed in, and nobody may be asked.
    no_session(): 400 login_required 50058
        "A silent sign-in request was sent but no user is signed in. Name the user in 'login_hint'.";
    /// The redirect URI is not registered.
    redirect_uri(uri, id): 400 invalid_request 50011
        "The redirect URI '{uri}' specified in the request does not match the redirect URIs configured for the application '{id}'. Make sure the redirect URI sent in the request matches one added to your application. Navigate to https://aka.ms/redirectUriMismatchError to learn more about how to fix this.";
    /// The code was given for another redirect URI.
    redirect_uri_changed(uri, first): 400 invalid_grant 500112
        "The reply address '{uri}' does not match the reply address '{first}' provided when requesting Authorization code.";
    /// PKCE by another method than S256.
    challenge_method(method): 400 invalid_request 9002313
        "Invalid request. Request is malformed or invalid. The code_challenge_method '{method}' is not supported: use S256.";
    /// The verifier is not the challenge's.
    code_verifier(): 400 invalid_grant 501481
        "The Code_Verifier does not match the code_challenge supplied in the authorization request.";
    /// The code or refresh token was never given out, or to another client.
    invalid_grant(parameter): 400 invalid_grant 70000
        "The provided value for the input parameter '{parameter}' is not valid.";
    /// The code was used before.
    code_redeemed(): 400 invalid_grant 54005
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.";
    /// The code is too old.
    code_expired(): 400 invalid_grant 70008
        "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.";
    /// The refresh token is too old.
    refresh_token_expired(issued, days): 400 invalid_grant 700082
        "The refresh token has expired due to inactivity. The token was issued on {issued} and was inactive for {days}.00:00:00.";
    /// The user's grants were revoked since.
    revoked(at): 400 invalid_grant 50173
        "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password. The TokensValidFrom date for this user is {at}.";
    /// Something in the emulator itself failed.
    internal(why): 500 server_error 90033
        "A transient error has occurred. Please try again. {why}";

    // What only a scripted fault brings about.
    /// A second factor is needed.
    mfa_required(resource): 400 interaction_required 50076
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '{resource}'.";
    /// A second factor has to be set up.
    mfa_enrollment(resource): 400 interaction_required 50079
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access '{resource}'.";
    /// The last second factor is too long ago.
    mfa_expired(): 400 interaction_required 50078
        "Presented multi-factor authentication has expired due to policies configured by your administrator, you must refresh your multi-factor authentication to access the resource.";
    /// Another party has to be asked.
    external_challenge(): 400 interaction_required 50158
        "External security challenge was not satisfied.";
    /// Conditional Access says no.
    blocked_by_policy(): 400 interaction_required 53003
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.";
    /// The sign-in is too long ago.
    sign_in_frequency(): 400 invalid_grant 70043
        "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.";
    /// The client asks the same again and again.
    request_loop(): 400 invalid_grant 50196
        "The server terminated an operation because it encountered a client request loop. Please contact your app vendor.";
    /// A failure that passes.
    transient(): 503 temporarily_unavailable 90033
        "A transient error has occurred. Please try again.";
    /// Too many requests.
    throttled(): 429 temporarily_unavailable 90055
        "The server is temporarily too busy to handle the request.";
}

impl Refusal {
    /// No consent of a user or an administrator.
    pub(crate) fn no_consent(id: impl std::fmt::Display, name: impl std::fmt::Display) -> Self {
        let text = format!(
            "The user or administrator has not consented to use the application with ID '{id}' named '{name}'. Send an interactive authorization request for this user and resource."
        );
        let status = StatusCode::BAD_REQUEST;
        Self { status, error: "invalid_grant", code: 65001, text, suberror: Some("consent_required"), claims: None }
    }

    /// The row of a code that can be scripted.
    pub(crate) fn scripted(code: u64) -> Option<Self> {
        let resource = "the resource";
        Some(match code {
            50049 => Self::unknown_instance(),
            50076 => Self::mfa_required(resource),
            50078 => Self::mfa_expired(),
            50079 => Self::mfa_enrollment(resource),
            50158 => Self::external_challenge(),
            50196 => Self::request_loop(),
            53003 => Self::blocked_by_policy(),
            70043 => Self::sign_in_frequency(),
            90033 => Self::transient(),
            90055 => Self::throttled(),
            _ => return None,
        })
    }
}

/// The codes that [`Refusal::scripted`] knows.
pub(crate) const SCRIPTED: [u64; 10] = [50049, 50076, 50078, 50079, 50158, 50196, 53003, 70043, 90033, 90055];

/// One line of bounded length, without what JSON would have to escape: some clients read it as a borrowed string.
pub(crate) fn one_line(text: &str) -> String {
    let plain = |c: char| match c {
        '"' => '\'',
        '\\' => '/',
        c if c.is_control() => ' ',
        c => c,
    };
    text.trim().chars().take(MAX_TEXT).map(plain).collect()
}

/// Longer texts come only from hostile values.
const MAX_TEXT: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_one_line_that_json_need_not_escape() {
        let refusal = Refusal::wrong_secret("a\"b\\c\r\nd\u{7}");
        let reply = refusal.reply(UnixTime(1_767_924_132), Uuid::nil(), Uuid::nil());
        let json = serde_json::to_string(&reply.error_description).unwrap();
        assert_eq!(json.matches('\\').count(), 0, "{json}");
        assert!(reply.error_description.starts_with("AADSTS7000215: Invalid client secret provided."));
        assert!(reply.error_description.contains("app 'a'b/c  d '."));
        assert!(reply.error_description.ends_with("Timestamp: 2026-01-09 02:02:12Z"));
    }

    #[test]
    fn every_row_has_a_status_that_fits_its_error() {
        for (status, error, code) in ROWS {
            let expected: &[u16] = match *error {
                "invalid_client" => &[401],
                "server_error" => &[500],
                "temporarily_unavailable" => &[429, 503],
                _ => &[400, 405, 413],
            };
            assert!(expected.contains(status), "{code}");
        }
    }

    #[test]
    fn every_code_that_can_be_scripted_has_its_row() {
        for code in SCRIPTED {
            assert_eq!(Refusal::scripted(code).map(|refusal| refusal.code), Some(code));
        }
        assert_eq!(Refusal::scripted(1), None);
    }
}
