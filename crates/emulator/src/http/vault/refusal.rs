//! Why a vault refuses a request before it looks at what is asked.

use axum::http::StatusCode;

use super::{super::Fault, RESOURCE};
use crate::{
    sts::BearerError,
    vault::{Vault, VaultError},
};

/// There is no token.
pub(super) fn no_token() -> VaultError {
    VaultError::unauthorized("AKV10000: Request is missing a Bearer or PoP token.")
}

/// The token is no good.
pub(super) fn bad_token(error: &BearerError, vault: &Vault) -> VaultError {
    match error {
        BearerError::Malformed => {
            VaultError::unauthorized("The token is not a JWT with the claims of an access token.")
        }
        BearerError::Signature => {
            VaultError::unauthorized("AKV10046: Unable to resolve the key used for signature validation.")
        }
        BearerError::Time => VaultError::unauthorized("[TokenExpired] The token has expired or is not yet valid."),
        BearerError::Issuer(found) => wrong_issuer(vault, found),
        BearerError::Audience(found) => {
            VaultError::unauthorized(format!("AKV10022: Invalid audience. Expected {RESOURCE}, found: {found}."))
        }
        BearerError::Unavailable(why) => VaultError::internal(why),
    }
}

/// The token is of another tenant than the vault's.
pub(super) fn wrong_issuer(vault: &Vault, found: &str) -> VaultError {
    let expected = format!("https://sts.windows.net/{}/", vault.tenant);
    VaultError::unauthorized(format!("AKV10032: Invalid issuer. Expected one of {expected}, found {found}."))
}

/// The version of the interface is missing or unknown.
pub(super) fn check_api_version(query: &[(String, String)]) -> Result<(), VaultError> {
    let version = query.iter().find(|(name, _)| name.eq_ignore_ascii_case("api-version")).map(|(_, value)| value);
    match version {
        Some(version) if API_VERSIONS.contains(&version.as_str()) => Ok(()),
        Some(version) => {
            let known = API_VERSIONS.join("', '");
            let message = format!("The specified version ({version}) is not supported: use one of '{known}'.");
            Err(VaultError::bad_parameter(message))
        }
        None => Err(VaultError::bad_parameter("api-version must be specified")),
    }
}

/// What a scripted fault answers with, if it answers. One with claims is a challenge; Entra's other codes mean nothing here.
pub(super) fn scripted(fault: &Fault) -> Option<VaultError> {
    if fault.claims.is_some() {
        let message = "The token was revoked: get another one that satisfies the claims.";
        return Some(VaultError::unauthorized(message));
    }
    let by_code = fault.code.map(|_| StatusCode::SERVICE_UNAVAILABLE);
    let status = fault.status.and_then(|status| StatusCode::from_u16(status).ok());
    status.or(by_code).map(VaultError::scripted)
}

/// Those that Azure's own clients know.
const API_VERSIONS: [&str; 10] =
    ["2016-10-01", "7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "2025-07-01", "2026-04-01"];
