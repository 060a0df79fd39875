//! The `claims` parameter (OpenID Connect Core 1.0 §5.5), as far as it changes an access token.

use serde_json::Value;

use super::{Form, Refusal};

/// What a client asked its access token to carry.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestedClaims {
    /// The client's capabilities as it wrote them, such as `cp1`.
    pub(crate) capabilities: Vec<String>,
    /// Authentication contexts asked for.
    pub(crate) contexts: Vec<String>,
}

impl RequestedClaims {
    /// Reads the parameter. Claims that are not known are ignored; what is not a JSON object is refused.
    pub(crate) fn read(form: &Form) -> Result<Self, Refusal> {
        let Some(text) = form.get("claims") else { return Ok(Self::default()) };
        let claims = sidekey_jose::parse_object(text.as_bytes()).map_err(|_| Refusal::malformed_claims())?;
        let asked =
            |name: &str| claims.get("access_token").and_then(|token| token.get(name)).map(values).unwrap_or_default();
        Ok(Self { capabilities: asked("xms_cc"), contexts: asked("acrs") })
    }

    /// Whether the client understands claims challenges, and so may have tokens that live long.
    pub(crate) fn handles_challenges(&self) -> bool {
        self.capabilities.iter().any(|capability| capability.eq_ignore_ascii_case("cp1"))
    }
}

/// The `value` or `values` of a requested claim.
fn values(claim: &Value) -> Vec<String> {
    let many = claim.get("values").and_then(Value::as_array).into_iter().flatten();
    many.chain(claim.get("value")).filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(claims: &str) -> Result<RequestedClaims, Refusal> {
        let body: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("claims", claims).finish();
        RequestedClaims::read(&Form::parse(body.as_bytes())?)
    }

    #[test]
    fn capabilities_and_contexts_are_read_and_other_claims_ignored() {
        let text = r#"{"id_token":{"x":null},"access_token":{"xms_cc":{"values":["CP1"]},"acrs":{"essential":true,"value":"c1"},"y":null}}"#;
        let claims = read(text).unwrap();
        assert!(claims.handles_challenges());
        assert_eq!(claims.contexts, ["c1"]);
        assert_eq!(read("{}"), Ok(RequestedClaims::default()));
    }

    #[test]
    fn what_is_not_a_json_object_is_refused() {
        for bad in ["{", "[]", "1", r#"{"a":1,"a":2}"#] {
            assert_eq!(read(bad), Err(Refusal::malformed_claims()), "{bad}");
        }
    }
}
