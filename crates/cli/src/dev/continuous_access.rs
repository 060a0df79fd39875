//! Continuous access evaluation: an API hears when a user was revoked, and refuses the tokens from before
//! (<https://learn.microsoft.com/entra/identity-platform/app-resilience-continuous-access-evaluation>).

use serde::Deserialize;
use serde_json::json;
use sidekey_host::UnixTime;

/// Why a token counts no more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Revoked {
    /// The client understands challenges: one with these claims (JSON) would do.
    Challenge(String),
    /// The client would not understand one.
    Refusal,
}

/// What of a token matters here.
#[derive(Debug, Deserialize)]
struct Claims {
    #[serde(default)]
    iat: u64,
    #[serde(default)]
    xms_cc: Vec<String>,
}

/// Judges the claims of a good token whose user was revoked last at that time.
pub(crate) fn check(claims_json: &str, revoked: UnixTime) -> Result<(), Revoked> {
    let claims: Claims = serde_json::from_str(claims_json).map_err(|_| Revoked::Refusal)?;
    if claims.iat >= revoked.0 {
        return Ok(());
    }
    if !claims.xms_cc.iter().any(|capability| capability.eq_ignore_ascii_case("cp1")) {
        return Err(Revoked::Refusal);
    }
    let demand = json!({ "access_token": { "nbf": { "essential": true, "value": revoked.0.to_string() } } });
    Err(Revoked::Challenge(demand.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_from_before_the_revocation_are_challenged_where_the_client_understands_it() {
        let demand = r#"{"access_token":{"nbf":{"essential":true,"value":"100"}}}"#;
        let challenge = || Err(Revoked::Challenge(demand.to_owned()));
        let cases = [
            (r#"{"iat":99,"xms_cc":["cp1"]}"#, challenge()),
            (r#"{"iat":99,"xms_cc":["x","CP1"]}"#, challenge()),
            (r#"{"iat":99}"#, Err(Revoked::Refusal)),
            (r#"{"xms_cc":["cp1"]}"#, challenge()),
            (r#"{"iat":"99"}"#, Err(Revoked::Refusal)),
            (r#"{"iat":100}"#, Ok(())),
            (r#"{"iat":101,"xms_cc":["cp1"]}"#, Ok(())),
        ];
        for (claims, expected) in cases {
            assert_eq!(check(claims, UnixTime(100)), expected, "{claims}");
        }
    }
}
