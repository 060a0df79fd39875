//! JSON as tokens need it: an object, no member twice at any depth, nesting bounded.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::{JoseError, error::shorten};

/// Parses one JSON object strictly: no member twice (at any depth), at most 32 levels, nothing behind it.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, JoseError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { level: 0 }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| JoseError::Json(error.to_string()))?;
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(JoseError::Json("it is JSON, but not an object".to_owned())),
    }
}

/// The same JSON text without insignificant blanks; order, names and number spelling stay. The text must be valid JSON.
pub fn minify(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for &byte in json {
        if !in_string && matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            continue;
        }
        out.push(byte);
        if escaped {
            escaped = false;
        } else if byte == b'"' {
            in_string = !in_string;
        } else {
            escaped = in_string && byte == b'\\';
        }
    }
    out
}

/// A JSON value `level` levels below the top. serde_json's own `Value` keeps the last of two equal members, which lets
/// two readers of one token see two different claims.
struct Strict {
    level: usize,
}

impl Strict {
    fn inner<E: serde::de::Error>(&self) -> Result<usize, E> {
        if self.level >= MAX_LEVELS {
            return Err(E::custom(format_args!("it is nested deeper than {MAX_LEVELS} levels")));
        }
        Ok(self.level + 1)
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let level = self.inner()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(Strict { level })? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let level = self.inner()?;
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the member `{}` occurs twice", shorten(&name))));
            }
            map.insert(name, members.next_value_seed(Strict { level })?);
        }
        Ok(Value::Object(map))
    }
}

/// Deeper than any claim set, far from what could exhaust a stack.
const MAX_LEVELS: usize = 32;

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
        fn minify_gives_what_serde_json_writes_compactly(value in any_json()) {
            let pretty = serde_json::to_vec_pretty(&value).unwrap();
            prop_assert_eq!(minify(&pretty), serde_json::to_vec(&value).unwrap());
        }
    }
}
