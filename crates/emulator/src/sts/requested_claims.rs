//! The `claims` parameter (OpenID Connect Core 1.0 §5.5), as far as it changes an access token.

use serde_json::Value;
use sidekey_host::UnixTime;
use sidekey_jose::NumericDate;

use super::{Form, Refusal};

/// What a client asked its access token to carry.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestedClaims {
    /// The client's capabilities as it wrote them, such as `cp1`.
    pub(crate) capabilities: Vec<String>,
    /// Authentication contexts asked for.
    pub(crate) contexts: Vec<String>,
    /// The token must not be older than this: the answer to a challenge after a revocation.
    pub(crate) not_before: Option<UnixTime>,
}

impl RequestedClaims {
    /// Reads the parameter. Claims that are not known are ignored; what is not a JSON object is refused.
    pub(crate) fn read(form: &Form) -> Result<Self, Refusal> {
        let Some(text) = form.get("claims") else { return Ok(Self::default()) };
        let claims = sidekey_jose::parse_object(text.as_bytes()).map_err(|_| Refusal::malformed_claims())?;
        let claim = |name: &str| claims.get("access_token").and_then(|token| token.get(name));
        let asked = |name: &str| claim(name).map(values).unwrap_or_default();
        let not_before = claim("nbf").and_then(|claim| NumericDate::from_value(claim.get("value")?));
        let not_before = not_before.map(|time| UnixTime(time.0));
        Ok(Self { capabilities: asked("xms_cc"), contexts: asked("acrs"), not_before })
    }

    /// What a sign-in has proved already counts for what comes of it.
    pub(crate) fn add_contexts<'a>(&mut self, proved: impl IntoIterator<Item = &'a str>) {
        for context in proved {
            if !self.contexts.iter().any(|own| own == context) {
                self.contexts.push(context.to_owned());
            }
        }
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
        for nbf in ["\"1700000000\"", "1700000000"] {
            let claims =
                read(&format!("{{\"access_token\":{{\"nbf\":{{\"essential\":true,\"value\":{nbf}}}}}}}")).unwrap();
            assert_eq!(claims.not_before, Some(UnixTime(1_700_000_000)));
        }
    }

    #[test]
    fn what_is_not_a_json_object_is_refused() {
        for bad in ["{", "[]", "1", r#"{"a":1,"a":2}"#] {
            assert_eq!(read(bad), Err(Refusal::malformed_claims()), "{bad}");
        }
    }
}
