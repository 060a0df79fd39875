//! JSON as tokens need it: an object, no member twice at any depth, nesting bounded.

mod names;
mod strict;

use memchr::memchr2;
use serde::de::{Deserializer as _, Visitor};
use serde_json::{Map, Value};

use crate::JoseError;
use strict::{AllMembers, SomeMembers};

/// Parses one JSON object strictly: no member twice (at any depth), at most 32 levels, nothing behind it.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, JoseError> {
    parse(bytes, AllMembers)
}

/// Reads some members of one JSON object into numbered slots. The other members are checked as strictly as
/// [`parse_object`] does, but nothing is made of them, which spares most of the work for a token's payload.
///
/// `slot` gives a member's slot by its name; two members for one slot are a member twice.
pub fn parse_members<const N: usize>(
    bytes: &[u8],
    slot: impl Fn(&str) -> Option<usize>,
) -> Result<[Option<Value>; N], JoseError> {
    let mut slots = [const { None }; N];
    parse(bytes, SomeMembers { slots: &mut slots, slot })?;
    Ok(slots)
}

fn parse<'de, V: Visitor<'de>>(bytes: &'de [u8], visitor: V) -> Result<V::Value, JoseError> {
    // Asked once for the whole, which is quicker than for every string.
    let text = std::str::from_utf8(bytes).map_err(|_| JoseError::Json("it is not UTF-8".to_owned()))?;
    // Asked here, because serde's own words for a wrong type show the value.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(JoseError::Json("it is not an object".to_owned()));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let object = deserializer.deserialize_map(visitor);
    object.and_then(|object| deserializer.end().map(|()| object)).map_err(|error| JoseError::Json(error.to_string()))
}

/// The same JSON text without insignificant blanks; order, names and number spelling stay. The text must be valid JSON.
pub fn minify(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    let mut rest = json;
    // What is kept is copied in runs: payloads have few blanks outside of strings, mostly none.
    while let Some(blank) = first_blank(rest) {
        let (kept, blanks) = rest.split_at(blank);
        out.extend_from_slice(kept);
        rest = blanks.trim_ascii_start();
    }
    out.extend_from_slice(rest);
    out
}

/// The first blank outside of strings. The text begins outside of one.
fn first_blank(json: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => return Some(at),
            b'"' => at = end_of_string(json, at + 1)?,
            _ => at += 1,
        }
    }
    None
}

/// The place behind the quote that ends a string, most of a payload; hence the search that looks at many bytes at a time.
fn end_of_string(json: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b'"', b'\\', json.get(at..)?)?;
        match json.get(at)? {
            b'"' => return Some(at + 1),
            // Whatever is escaped, its first character is not the end; the rest of `\u0022` is no quote either.
            _ => at += 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(json: &str) -> String {
        match parse_object(json.as_bytes()) {
            Err(JoseError::Json(reason)) => reason,
            other => panic!("{json}: {other:?}"),
        }
    }

    fn nested(levels: usize) -> String {
        format!("{}0{}", r#"{"a":"#.repeat(levels), "}".repeat(levels))
    }

    #[test]
    fn an_object_is_read_as_serde_json_reads_it() {
        let json = r#" {"a":1,"b":[-2,3.5,1e3,true,null,"x\u00e9\n"],"c":{"a":{}},"":18446744073709551615} "#;
        let expected: Value = serde_json::from_str(json).unwrap();
        assert_eq!(Value::Object(parse_object(json.as_bytes()).unwrap()), expected);
    }

    #[test]
    fn a_member_twice_is_refused_at_any_depth() {
        for json in [r#"{"aud":1,"aud":1}"#, r#"{"a":[{"aud":1,"b":2,"aud":3}]}"#, r#"{"a":{"aud":1,"\u0061ud":2}}"#] {
            assert!(refusal(json).starts_with("the member `aud` occurs twice"), "{json}");
        }
        assert!(parse_object(br#"{"a":{"a":1},"b":{"a":1},"A":2}"#).is_ok());
    }

    #[test]
    fn members_are_read_into_their_slots() {
        let slot = |name: &str| ["a", "b"].iter().position(|own| own.eq_ignore_ascii_case(name));
        let found = parse_members(br#"{"c":[{"a":1}],"A":{"c":[2,"x"]},"d":"y"}"#, slot);
        assert_eq!(found, Ok([Some(serde_json::json!({"c": [2, "x"]})), None]));
        assert_eq!(parse_members::<1>(br#"{"b":1}"#, slot), Ok([None]), "a slot that is not there is none");
        for bad in [
            r#"{"c":1,"c":2}"#,
            r#"{"c":[{"d":1,"d":2}]}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a":1,"A":2}"#,
            &nested(33).replace('a', "c"),
            r#"{"c":1e999}"#,
            r#"{"c":"\ud800"}"#,
            r#"{"c":1} x"#,
            "[1]",
        ] {
            assert!(parse_members::<2>(bad.as_bytes(), slot).is_err(), "{bad}");
        }
    }

    #[test]
    fn nesting_ends_at_32_levels() {
        assert!(parse_object(nested(32).as_bytes()).is_ok());
        assert!(refusal(&nested(33)).starts_with("it is nested deeper than 32 levels"));
        assert!(refusal(&format!(r#"{{"a":{}"#, "[".repeat(100_000))).starts_with("it is nested deeper"));
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        let cases = [
            "",
            " ",
            "null",
            "[]",
            "7",
            r#""text""#,
            "{",
            r#"{"a":1}}"#,
            r#"{"a":1} x"#,
            r#"{"a":1}{"b":2}"#,
            r#"{"a":01}"#,
            r#"{"a":1,}"#,
            "{'a':1}",
            r#"{"a":1e999}"#,
            "\u{feff}{}",
            "{\"a\":\"\u{1}\"}",
            r#"{"a":"\ud800"}"#,
            "{\"a\":NaN}",
        ];
        for json in cases {
            refusal(json);
        }
        assert!(parse_object(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn a_refusal_never_shows_a_value() {
        for json in [
            r#""secret""#,
            r#"{"a":"secret","a":1}"#,
            r#"{"a":"secret"} secret"#,
            r#"{"a":"secret"#,
            r#"{"a":"secret" "b"}"#,
        ] {
            assert!(!refusal(json).contains("secret"), "{json}");
        }
    }

    #[test]
    fn minify_drops_blanks_outside_of_strings_only() {
        let json = b" {\n\t\"b\" : \"x  \\\" \\\\\" ,\r\n \"a\" : [ 1.50 , 1E2 ] , \"c\":\" \\\\\" } ";
        assert_eq!(minify(json), br#"{"b":"x  \" \\","a":[1.50,1E2],"c":" \\"}"#);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 60, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn noise_never_panics(noise: Vec<u8>) {
            let _ = parse_object(&noise);
            let _ = minify(&noise);
        }

        #[test]
        fn json_like_noise_is_never_accepted_where_serde_json_refuses(noise in r#"[{}\[\]:,"a\\u0-9eE. tfn-]{0,40}"#) {
            if let Ok(map) = parse_object(noise.as_bytes()) {
                prop_assert_eq!(serde_json::from_str::<Value>(&noise).unwrap(), Value::Object(map));
            }
        }

        #[test]
        fn any_object_is_read_as_serde_json_reads_it(value in any_json()) {
            let text = serde_json::to_vec_pretty(&serde_json::json!({ "member": value })).unwrap();
            let expected: Value = serde_json::from_slice(&text).unwrap();
            prop_assert_eq!(Value::Object(parse_object(&text).unwrap()), expected);
        }

        #[test]
        fn members_are_accepted_where_the_whole_object_is(noise in r#"[{}\[\]:,"a\\u0-9eE. tfn-]{0,40}"#) {
            let whole = parse_object(noise.as_bytes()).map(|mut object| [object.remove("a")]);
            prop_assert_eq!(parse_members(noise.as_bytes(), |name| (name == "a").then_some(0)), whole);
        }

        #[test]
        fn minify_gives_what_serde_json_writes_compactly(value in any_json()) {
            let pretty = serde_json::to_vec_pretty(&value).unwrap();
            prop_assert_eq!(minify(&pretty), serde_json::to_vec(&value).unwrap());
        }
    }
}
