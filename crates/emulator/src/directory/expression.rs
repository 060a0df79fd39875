//! The expressions of flexible federated credentials: `claims['sub'] matches 'repo:contoso/*:ref:refs/heads/*'`.
//!
//! See <https://learn.microsoft.com/entra/workload-id/workload-identities-flexible-federated-identity-credentials>.

use url::Url;

/// Conditions, all of which have to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MatchingExpression(Vec<Condition>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    claim: String,
    test: Test,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    /// The same text.
    Eq,
    /// A pattern: `?` is one character, `*` any number of them.
    Matches,
}

impl MatchingExpression {
    /// Reads an expression for an issuer. Only some issuers are supported, and only some of their claims.
    pub(crate) fn parse(text: &str, issuer: &str) -> Result<Self, String> {
        let claims = claims_of(issuer).ok_or_else(|| {
            format!("`{issuer}` is no issuer for expressions: only GitHub, GitLab and Terraform Cloud are")
        })?;
        let mut conditions = Vec::new();
        let mut rest = text;
        loop {
            let (condition, after) = Condition::parse(rest)?;
            if !claims.contains(&condition.claim.as_str()) {
                let known = claims.join("`, `");
                return Err(format!(
                    "the claim `{}` cannot be used with this issuer: write `{known}`",
                    condition.claim
                ));
            }
            conditions.push(condition);
            match after.strip_prefix(" and ") {
                Some(more) => rest = more,
                None if after.is_empty() => return Ok(Self(conditions)),
                None => return Err(unreadable(after)),
            }
        }
    }

    /// Whether all conditions hold for claims; one that is not there holds for nothing.
    pub(crate) fn holds<'c>(&self, claim: impl Fn(&str) -> Option<&'c str>) -> bool {
        self.0.iter().all(|condition| claim(&condition.claim).is_some_and(|value| condition.holds(value)))
    }
}

impl Condition {
    /// The first condition of a text, and what comes after it.
    fn parse(text: &str) -> Result<(Self, &str), String> {
        let unreadable = || unreadable(text);
        let (claim, rest) =
            text.strip_prefix("claims['").and_then(|rest| rest.split_once("']")).ok_or_else(unreadable)?;
        let (kind, rest) = match (rest.strip_prefix(" eq '"), rest.strip_prefix(" matches '")) {
            (Some(rest), _) => (Test::Eq, rest),
            (None, Some(rest)) => (Test::Matches, rest),
            (None, None) => return Err(unreadable()),
        };
        let (value, rest) = rest.split_once('\'').ok_or_else(unreadable)?;
        if value.is_empty() || value.chars().count() > MAX_VALUE {
            return Err(format!("a value has 1 to {MAX_VALUE} characters"));
        }
        Ok((Self { claim: claim.to_owned(), test: kind, value: value.to_owned() }, rest))
    }

    fn holds(&self, value: &str) -> bool {
        match self.test {
            Test::Eq => self.value == value,
            Test::Matches => matches(&self.value, value),
        }
    }
}

fn unreadable(at: &str) -> String {
    let at: String = at.chars().take(40).collect();
    format!("cannot be read at `{at}`: write `claims['sub'] eq '…'` or `claims['sub'] matches '…*'`, joined by ` and `")
}

/// Whether a pattern covers a text. Steps back only to the last `*`, so that no pattern takes long.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<_>, Vec<_>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || Some(c) == text.get(t) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                p = at + 1;
                t = from + 1;
            }
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

/// The claims that may be used with an issuer.
fn claims_of(issuer: &str) -> Option<&'static [&'static str]> {
    let url: Url = issuer.parse().ok()?;
    match url.host_str()? {
        "token.actions.githubusercontent.com" => Some(&["sub", "job_workflow_ref"]),
        "app.terraform.io" | "app.eu.terraform.io" => Some(&["sub"]),
        host if host.starts_with("gitlab.") => Some(&["sub"]),
        _ => None,
    }
}

/// Entra's limit.
const MAX_VALUE: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    const GITHUB: &str = "https://token.actions.githubusercontent.com";

    fn holds(expression: &str, sub: &str) -> bool {
        let expression = MatchingExpression::parse(expression, GITHUB).unwrap();
        expression.holds(|name| (name == "sub").then_some(sub))
    }

    #[test]
    fn patterns_cover_one_or_any_number_of_characters() {
        let cases = [
            ("repo:contoso/*:ref:refs/heads/*", "repo:contoso/shop:ref:refs/heads/a/b", true),
            ("repo:contoso/*:ref:refs/heads/*", "repo:contoso/shop:pull_request", false),
            ("repo:contoso/*", "Repo:contoso/x", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*", "", true),
            ("*a*b", "xxaxxaxb", true),
            ("*a*b", "xxaxxbx", false),
            ("?", "ä", true),
        ];
        for (pattern, sub, expected) in cases {
            assert_eq!(holds(&format!("claims['sub'] matches '{pattern}'"), sub), expected, "{pattern} {sub}");
        }
        assert!(!holds("claims['sub'] eq 'a*'", "ab") && holds("claims['sub'] eq 'a*'", "a*"));
    }

    #[test]
    fn all_conditions_have_to_hold() {
        let text = "claims['sub'] matches 'a*' and claims['sub'] matches '*b'";
        assert!(holds(text, "ab") && !holds(text, "ac"));
        assert!(!holds("claims['sub'] eq 'a' and claims['job_workflow_ref'] matches '*'", "a"), "a claim is missing");
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let pattern = "*a".repeat(60);
        assert!(!matches(&pattern, &"a".repeat(10_000).replacen('a', "b", 59).replace('a', "c")));
        assert!(!matches(&format!("{pattern}b"), &"a".repeat(10_000)));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let long = format!("claims['sub'] eq '{}'", "x".repeat(129));
        for bad in [
            "",
            "claims['sub'] eq 'a' or claims['sub'] eq 'b'",
            "claims['sub']  eq 'a'",
            "claims['sub'] like 'a'",
            "claims['sub'] eq 'a",
            "claims['sub'] eq ''",
            "claims['aud'] eq 'a'",
            "claims['sub'] eq 'a' and ",
            &long,
        ] {
            assert!(MatchingExpression::parse(bad, GITHUB).is_err(), "{bad}");
        }
        let good = "claims['sub'] eq 'a'";
        for issuer in ["https://gitlab.com", "https://gitlab.contoso.com", "https://app.terraform.io"] {
            assert!(MatchingExpression::parse(good, issuer).is_ok(), "{issuer}");
        }
        for issuer in ["https://issuer.example", "https://mygitlab.com", "x"] {
            assert!(MatchingExpression::parse(good, issuer).is_err(), "{issuer}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(claims\\['sub'\\] (eq|matches) ')?\\PC{0,40}", value in "\\PC{0,40}") {
            if let Ok(expression) = MatchingExpression::parse(&text, GITHUB) {
                let _ = expression.holds(|_| Some(value.as_str()));
            }
        }
    }
}
