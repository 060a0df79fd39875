//! Azure AD B2C: what a token says that a user flow (policy) made.
//!
//! See <https://learn.microsoft.com/azure/active-directory-b2c/tokens-overview>.

use serde_json::{Map, Value, json};
use sidekey_oauth::grant;

use super::{Refusal, TokenRequest};
use crate::directory::{App, Tenant, User};

/// A user flow signs users in and renews their tokens, and gives applications their own; it knows no on-behalf-of.
pub(crate) fn check_grant(name: &str) -> Result<(), Refusal> {
    let known = [grant::PASSWORD, grant::REFRESH_TOKEN, grant::CLIENT_CREDENTIALS];
    if known.contains(&name) { Ok(()) } else { Err(Refusal::unsupported_grant(name)) }
}

/// Turns the claims of a v2 token for `audience` into those of a user flow's, if one was asked. Users' tokens name the flow and
/// not the tenant, which is in the issuer alone.
pub(crate) fn adapt(
    request: &TokenRequest<'_>,
    claims: &mut Map<String, Value>,
    (tenant, client, audience): (&Tenant, &App, &App),
    user: Option<&User>,
) {
    let Some(flow) = request.place.user_flow() else { return };
    for name in ["appid", "appidacr", "idp", "unique_name", "preferred_username", "acr", "amr"] {
        claims.remove(name);
    }
    let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    put("iss", json!(issuer(request.origin, tenant)));
    put("aud", json!(audience.client_id.as_str()));
    put("azp", json!(client.client_id.as_str()));
    if let Some(user) = user {
        put("ver", json!("1.0"));
        put("tfp", json!(flow));
        put("sub", json!(user.oid));
        claims.remove("tid");
    }
}

/// With a slash at its end, other than Entra's.
pub(crate) fn issuer(origin: &str, tenant: &Tenant) -> String {
    format!("{origin}/{}/v2.0/", tenant.id)
}
