//! The `claims` request parameter (OpenID Connect Core §5.5), as Entra uses it for capabilities and challenges.

/// Merges the client's capabilities and a claims challenge into one `claims` value, the challenge winning where both say
/// something. `None` if there is neither.
pub fn merge_claims(_capabilities: &[String], _challenge: Option<&str>) -> Result<Option<String>, ClaimsError> {
    todo!()
}

/// The claims are not a JSON object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the claims are not a JSON object: {0}")]
pub struct ClaimsError(pub String);
