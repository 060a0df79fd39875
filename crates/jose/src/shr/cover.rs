//! The claims `q` and `h`: names of query parameters or headers, and a hash over names and values (§3.1 and §3.2 of the
//! draft). What is repeated is never covered (§7.5), as nobody can say which of the values is meant; nor is what has no
//! value, by the custom of Microsoft's libraries, nor the `Authorization` header, which carries the SHR itself.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::{BoundClaim, ShrError};
use crate::{base64url, error::shorten};

/// The parameters or the headers of a request.
#[derive(Debug)]
pub(super) struct Cover<'a> {
    claim: &'static str,
    equals: &'static str,
    separator: &'static str,
    /// Names in the form in which they are compared, and values; each name once, in the request's order.
    coverable: Vec<(String, &'a str)>,
    /// The names of those that cannot be covered.
    others: Vec<String>,
}

impl<'a> Cover<'a> {
    /// The parameters of a query, percent-encoded as they are.
    pub(super) fn of_query(query: &'a str) -> Self {
        let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
        let pairs = parameters.map(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            // Microsoft's libraries take `a=b=c` for no parameter at all; what they do not sign cannot be asked of them.
            (name.to_owned(), Some(value).filter(|value| !name.is_empty() && !value.is_empty() && !value.contains('=')))
        });
        Self::new(BoundClaim::Query, "=", "&", pairs)
    }

    /// The headers but `Authorization`; names in lower case.
    pub(super) fn of_headers(headers: &[(&'a str, &'a str)]) -> Self {
        let named = headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), *value));
        let pairs = named
            .filter(|(name, _)| !name.is_empty() && name != "authorization")
            .map(|(name, value)| (name, Some(value).filter(|value| !value.is_empty())));
        Self::new(BoundClaim::Headers, ": ", "\n", pairs)
    }

    fn new(
        claim: BoundClaim,
        equals: &'static str,
        separator: &'static str,
        pairs: impl Iterator<Item = (String, Option<&'a str>)>,
    ) -> Self {
        let pairs: Vec<(String, Option<&str>)> = pairs.collect();
        let mut times: HashMap<&str, usize> = HashMap::new();
        for (name, _) in &pairs {
            *times.entry(name).or_default() += 1;
        }
        let (mut coverable, mut others) = (Vec::new(), Vec::new());
        for (name, value) in &pairs {
            match value {
                Some(value) if times.get(name.as_str()) == Some(&1) => coverable.push((name.clone(), *value)),
                _ => others.push(name.clone()),
            }
        }
        Self { claim: claim.as_str(), equals, separator, coverable, others }
    }

    /// The claim over all that can be covered.
    pub(super) fn claim(&self) -> Value {
        let names: Vec<&str> = self.coverable.iter().map(|(name, _)| name.as_str()).collect();
        json!([names, self.hash(self.coverable.iter().map(|(name, value)| (name.as_str(), *value)))])
    }

    /// Holds a claim against the request.
    pub(super) fn check(&self, claim: &Value, accept_unsigned: bool) -> Result<(), ShrError> {
        let (names, hash) = self.read(claim)?;
        let mut left: HashMap<&str, &str> =
            self.coverable.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let mut pairs = Vec::new();
        for name in names {
            // Once listed, it is used up: a name twice in the list is as ambiguous as one twice in the request.
            let value = left.remove(self.compared(name).as_str());
            let value = value.ok_or_else(|| ShrError::NotCoverable { claim: self.claim, name: shorten(name) })?;
            pairs.push((name, value));
        }
        if !accept_unsigned {
            self.refuse_unsigned(&left)?;
        }
        if self.hash(pairs.into_iter()) == hash { Ok(()) } else { Err(ShrError::Hash(self.claim)) }
    }

    /// Reads `[["name", …], "hash"]`.
    fn read<'c>(&self, claim: &'c Value) -> Result<(Vec<&'c str>, &'c str), ShrError> {
        let malformed = ShrError::Malformed { claim: self.claim, expected: "an array of an array of names and a hash" };
        let Some([Value::Array(names), Value::String(hash)]) = claim.as_array().map(Vec::as_slice) else {
            return Err(malformed);
        };
        let names: Option<Vec<&str>> = names.iter().map(Value::as_str).collect();
        Ok((names.ok_or(malformed)?, hash))
    }

    /// A listed name as it is looked up: those of headers have no case. The hash is over the name as listed.
    fn compared(&self, name: &str) -> String {
        if self.claim == BoundClaim::Headers.as_str() { name.to_ascii_lowercase() } else { name.to_owned() }
    }

    fn refuse_unsigned(&self, left: &HashMap<&str, &str>) -> Result<(), ShrError> {
        let unsigned = self.coverable.iter().map(|(name, _)| name).find(|name| left.contains_key(name.as_str()));
        match unsigned.or(self.others.first()) {
            Some(name) => Err(ShrError::Unsigned { claim: self.claim, name: shorten(name) }),
            None => Ok(()),
        }
    }

    fn hash<'p>(&self, pairs: impl Iterator<Item = (&'p str, &'p str)>) -> String {
        let texts: Vec<String> = pairs.map(|(name, value)| [name, self.equals, value].concat()).collect();
        hash(texts.join(self.separator).as_bytes())
    }
}

/// The hash of these claims: base64url of SHA-256. It is also the whole of `b`, over the body.
pub(super) fn hash(bytes: &[u8]) -> String {
    base64url::encode(digest(&SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EMPTY: &str = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

    #[test]
    fn the_examples_of_the_draft_are_computed() {
        let query = json!([["b", "a", "c"], "u4LgkGUWhP9MsKrEjA4dizIllDXluDku6ZqCeyuR-JY"]);
        assert_eq!(Cover::of_query("b=bar&a=foo&c=duck").claim(), query);
        let headers = [("Content-Type", "application/json"), ("ETag", "742-3u8f34-3r2nvv3")];
        let expected = json!([["content-type", "etag"], "P6z5XN4tTzHkfwe3XO1YvVUIurSuhvh_UG10N_j-aGs"]);
        assert_eq!(Cover::of_headers(&headers).claim(), expected);
    }

    #[test]
    fn parameters_that_are_repeated_or_have_no_value_are_left_out() {
        let cases: [(&str, &[&str], &str); 13] = [
            ("", &[], ""),
            ("a=1", &["a"], "a=1"),
            ("a=1&b=2", &["a", "b"], "a=1&b=2"),
            ("b=2&a=1", &["b", "a"], "b=2&a=1"),
            ("a=1&b=2&a=3", &["b"], "b=2"),
            ("a=1&a=1", &[], ""),
            ("a=1&a=", &[], ""),
            ("a=&a=1", &[], ""),
            ("a&b=2&c=", &["b"], "b=2"),
            ("=1&b=2", &["b"], "b=2"),
            ("a=b=c&d=1", &["d"], "d=1"),
            ("&&a=1&", &["a"], "a=1"),
            ("A=1&a=2&%61=3&b=%20%C3%A4+'", &["A", "a", "%61", "b"], "A=1&a=2&%61=3&b=%20%C3%A4+'"),
        ];
        for (query, names, text) in cases {
            assert_eq!(Cover::of_query(query).claim(), json!([names, hash(text.as_bytes())]), "{query}");
        }
        assert_eq!(Cover::of_query("").claim(), json!([[], EMPTY]));
    }

    #[test]
    fn headers_that_are_repeated_or_empty_and_authorization_are_left_out() {
        assert_eq!(Cover::of_headers(&[]).claim(), json!([[], EMPTY]));
        let cases = [
            (vec![("Accept", "a"), ("X-B", "b: c")], vec!["accept", "x-b"], "accept: a\nx-b: b: c"),
            (vec![("Authorization", "PoP x"), ("aUTHORIZATION", "y"), ("etag", "1")], vec!["etag"], "etag: 1"),
            (vec![("Accept", "a"), ("accept", "b"), ("etag", "1")], vec!["etag"], "etag: 1"),
            (vec![("accept", ""), ("etag", "1")], vec!["etag"], "etag: 1"),
            (vec![("", "a"), ("etag", "1")], vec!["etag"], "etag: 1"),
        ];
        for (headers, names, text) in cases {
            assert_eq!(Cover::of_headers(&headers).claim(), json!([names, hash(text.as_bytes())]), "{headers:?}");
        }
    }

    #[test]
    fn a_claim_may_cover_a_part_in_any_order() {
        let request = Cover::of_query("a=1&b=2&c=3");
        let claim = |names: &[&str], text: &str| json!([names, hash(text.as_bytes())]);
        assert_eq!(request.check(&claim(&["c", "a"], "c=3&a=1"), true), Ok(()));
        assert_eq!(request.check(&claim(&[], ""), true), Ok(()));
        assert_eq!(request.check(&claim(&["c", "a"], "a=1&c=3"), true), Err(ShrError::Hash("q")));
        assert_eq!(request.check(&claim(&["a"], "a=2"), true), Err(ShrError::Hash("q")));
        let uncovered = |name: &str| Err(ShrError::NotCoverable { claim: "q", name: name.to_owned() });
        assert_eq!(request.check(&claim(&["a", "a"], "a=1&a=1"), true), uncovered("a"));
        assert_eq!(request.check(&claim(&["A"], "A=1"), true), uncovered("A"));
        assert_eq!(request.check(&claim(&["d"], "d=4"), true), uncovered("d"));
        assert_eq!(Cover::of_query("a=1&a=2").check(&claim(&["a"], "a=1"), true), uncovered("a"));
        assert_eq!(Cover::of_query("a=").check(&claim(&["a"], "a="), true), uncovered("a"));
    }

    #[test]
    fn the_names_of_headers_have_no_case() {
        let request = Cover::of_headers(&[("ETag", "1"), ("Authorization", "PoP x")]);
        assert_eq!(request.check(&json!([["eTAG"], hash(b"eTAG: 1")]), false), Ok(()));
        assert_eq!(request.check(&json!([["etag"], hash(b"ETag: 1")]), false), Err(ShrError::Hash("h")));
        let refusal = request.check(&json!([["authorization"], hash(b"authorization: PoP x")]), true);
        assert_eq!(refusal, Err(ShrError::NotCoverable { claim: "h", name: "authorization".to_owned() }));
    }

    #[test]
    fn where_unsigned_parts_are_not_accepted_nothing_slips_by() {
        let cases = [
            ("a=1&b=2", "a", Some("b")),
            ("a=1", "a", None),
            ("a=1&b", "a", Some("b")),
            ("a=1&b=", "a", Some("b")),
            ("a=1&b=2&b=3", "a", Some("b")),
            ("a=1&b=c=d", "a", Some("b")),
            ("a=1&=2", "a", Some("")),
            ("a=1&&", "a", None),
        ];
        for (query, name, unsigned) in cases {
            let verdict = Cover::of_query(query).check(&json!([[name], hash(b"a=1")]), false);
            let expected =
                unsigned.map_or(Ok(()), |name| Err(ShrError::Unsigned { claim: "q", name: name.to_owned() }));
            assert_eq!(verdict, expected, "{query}");
        }
        assert_eq!(Cover::of_headers(&[("Authorization", "x")]).check(&json!([[], EMPTY]), false), Ok(()));
    }

    #[test]
    fn claims_of_another_form_are_refused() {
        for claim in [
            json!(null),
            json!("a=1"),
            json!([]),
            json!([["a"]]),
            json!(["a", "hash"]),
            json!([["a"], 7]),
            json!([["a", 7], "hash"]),
            json!([["a"], "hash", "more"]),
            json!({ "a": "hash" }),
        ] {
            let verdict = Cover::of_query("a=1").check(&claim, true);
            assert!(matches!(verdict, Err(ShrError::Malformed { claim: "q", .. })), "{claim}");
        }
    }

    proptest! {
        #[test]
        fn what_was_claimed_is_covered(query: String, headers: Vec<(String, String)>) {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            for cover in [Cover::of_query(&query), Cover::of_headers(&headers)] {
                prop_assert_eq!(cover.check(&cover.claim(), true), Ok(()));
                prop_assert_eq!(cover.check(&cover.claim(), false).is_ok(), cover.others.is_empty());
            }
        }

        #[test]
        fn a_query_that_was_changed_is_noticed(
            names in prop::collection::hash_set("[a-z]{1,4}", 1..5), value in "[a-z]{1,4}", other in "[A-Z]{1,4}",
        ) {
            let query = |value: &str| names.iter().map(|name| format!("{name}={value}")).collect::<Vec<_>>().join("&");
            let claim = Cover::of_query(&query(&value)).claim();
            prop_assert_eq!(Cover::of_query(&query(&value)).check(&claim, false), Ok(()));
            prop_assert_eq!(Cover::of_query(&query(&other)).check(&claim, false), Err(ShrError::Hash("q")));
        }
    }
}
