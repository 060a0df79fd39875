//! The `claims` request parameter (OpenID Connect Core §5.5), as Entra uses it for capabilities and challenges.

use serde_json::{Map, Value, json};

/// Merges the client's capabilities and a claims challenge into one `claims` value, the challenge winning where both say
/// something. `None` if there is neither.
pub fn merge_claims(capabilities: &[String], challenge: Option<&str>) -> Result<Option<String>, ClaimsError> {
    let challenge = challenge.map(str::trim).filter(|text| !text.is_empty());
    let parsed = challenge.map(parse_object).transpose()?;
    if capabilities.is_empty() {
        // As it came: its spelling is the server's own.
        return Ok(challenge.map(str::to_owned));
    }
    let mut merged = json!({"access_token": {"xms_cc": {"values": capabilities}}});
    if let Some(challenge) = parsed {
        merge(&mut merged, Value::Object(challenge));
    }
    Ok(Some(merged.to_string()))
}

/// The claims are not a JSON object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the claims are not a JSON object: {0}")]
pub struct ClaimsError(pub String);

fn parse_object(text: &str) -> Result<Map<String, Value>, ClaimsError> {
    serde_json::from_str(text).map_err(|error| ClaimsError(error.to_string()))
}

/// Objects are merged member by member; everything else is replaced. `null` replaces too: it asks for a claim as such.
fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                merge(base.entry(name).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_and_challenge_become_one_value() {
        let cp1 = &["cp1".to_owned()][..];
        let cases: &[(&[String], Option<&str>, Option<&str>)] = &[
            (&[], None, None),
            (&[], Some("  "), None),
            (&[], Some(r#" { "id_token" : {} }"#), Some(r#"{ "id_token" : {} }"#)),
            (cp1, None, Some(r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#)),
            (
                cp1,
                Some(r#"{"access_token":{"nbf":{"essential":true,"value":"1"},"acrs":null},"userinfo":{"x":null}}"#),
                Some(
                    r#"{"access_token":{"acrs":null,"nbf":{"essential":true,"value":"1"},"xms_cc":{"values":["cp1"]}},"userinfo":{"x":null}}"#,
                ),
            ),
            // The challenge wins.
            (
                cp1,
                Some(r#"{"access_token":{"xms_cc":{"values":["x"]}}}"#),
                Some(r#"{"access_token":{"xms_cc":{"values":["x"]}}}"#),
            ),
            (cp1, Some(r#"{"access_token":null}"#), Some(r#"{"access_token":null}"#)),
        ];
        for (capabilities, challenge, expected) in cases {
            let merged = merge_claims(capabilities, *challenge).unwrap();
            // Members may come in any order.
            let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            assert_eq!(merged.as_deref().map(value), expected.map(value), "{challenge:?}");
            if capabilities.is_empty() {
                assert_eq!(merged.as_deref(), *expected);
            }
        }
    }

    #[test]
    fn claims_that_are_no_object_are_refused() {
        for bad in ["x", "[]", "1", "\"{}\"", "{", "{}{}"] {
            assert!(merge_claims(&[], Some(bad)).is_err(), "{bad}");
            assert!(merge_claims(&["cp1".to_owned()], Some(bad)).is_err(), "{bad}");
        }
        let deep = format!("{}{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
        assert!(merge_claims(&[], Some(&deep)).is_err());
    }
}
