//! Placeholders in URLs and arguments: `{audience}`, `{tenantId}`, `{clientId}` and `{fmiPath}`.

use super::Ask;

/// Puts in what is asked for; other braces stay.
pub(super) fn fill(text: &str, ask: &Ask, write: impl Fn(&str) -> String) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let known = PLACEHOLDERS.iter().find_map(|(name, value)| Some((value(ask), after.strip_prefix(name)?)));
        rest = if let Some((value, behind)) = known {
            filled.push_str(&write(value));
            behind
        } else {
            filled.push('{');
            after
        };
    }
    filled + rest
}

/// A placeholder without its first brace, and its value.
type Placeholder = (&'static str, fn(&Ask) -> &str);

const PLACEHOLDERS: &[Placeholder] = &[
    ("audience}", |ask| &ask.audience),
    ("tenantId}", |ask| &ask.tenant),
    ("clientId}", |ask| &ask.client_id),
    ("fmiPath}", |ask| &ask.fmi_path),
];

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test]
    async fn known_placeholders_are_filled_once_and_others_stay() {
        let ask = Ask {
            audience: "{clientId}".to_owned(),
            tenant: "t".to_owned(),
            client_id: "c".to_owned(),
            fmi_path: String::new(),
            deadline: Instant::now(),
        };
        for (text, expected) in [
            ("a={audience}&t={tenantId}{fmiPath}", "a=<{clientId}>&t=<t><>"),
            (r#"{"x":{clientId}}"#, r#"{"x":<c>}"#),
            ("{ {{clientId}", "{ {<c>"),
            ("none", "none"),
        ] {
            assert_eq!(fill(text, &ask, |value| format!("<{value}>")), expected);
        }
    }
}
