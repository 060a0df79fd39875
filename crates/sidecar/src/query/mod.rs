//! The query of the four token routes: agent parameters and `optionsOverride.*`. Names are compared without case, bad
//! values are left out, and nothing is changed that was not supplied.

mod agent;
mod merge;
mod overrides;
mod value;

pub(crate) use agent::{Agent, AgentParameters, AgentRule};
pub(crate) use merge::{BadOverride, merge_call, merge_token};
pub(crate) use overrides::Overrides;

/// What a caller asked for in the query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// The three agent parameters.
    pub(crate) agent: AgentParameters,
    /// The overrides.
    pub(crate) overrides: Overrides,
}

impl Query {
    /// Reads a raw query string. Never fails: what cannot be understood is left out.
    pub(crate) fn parse(query: Option<&str>) -> Self {
        let mut parsed = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match strip_prefix_without_case(&name, PREFIX) {
                Some(name) => parsed.overrides.set(name, &value),
                None => parsed.agent.set(&name, &value),
            }
        }
        parsed
    }
}

/// `text` behind `prefix`, compared without ASCII case.
fn strip_prefix_without_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (head, tail) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

const PREFIX: &str = "optionsOverride.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_as_forms_are() {
        let query = Query::parse(Some("AGENTIDENTITY=a%20b+c&OptionsOverride.relativepath=me%2Fx%3Fy&other=1"));
        assert_eq!(query.agent.identity.as_deref(), Some("a b c"));
        assert_eq!(query.overrides.relative_path.as_deref(), Some("me/x?y"));
        assert_eq!(Query::parse(None), Query::default());
    }

    proptest::proptest! {
        #[test]
        fn no_query_panics(query in "((optionsOverride\\.|agent)?[A-Za-z.%=&+0-9é]{0,30}){0,4}") {
            let _ = Query::parse(Some(&query));
        }
    }
}
