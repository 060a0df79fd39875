//! ASP.NET's JSON dialect: comments, trailing commas, BOM, UTF-16; objects and arrays flattened to keys.
//!
//! Comments and trailing commas are blanked out where they stand, so that the rest is plain JSON whose lines and columns
//! are those of the file. .NET reads a file the same way: `true` becomes the text `True`, numbers stay as they are
//! spelled, `null` and `{}` are keys without a value, `[]` is an empty text.

use std::{collections::HashMap, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::key;

/// A value of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// The whole key.
    pub(crate) key: String,
    /// The text; `None` for `null` and `{}`.
    pub(crate) value: Option<String>,
    /// The line it starts in, from 1.
    pub(crate) line: usize,
}

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonFault {
    /// The line, from 1.
    pub(crate) line: usize,
    /// The column in bytes, from 1; 0 where only the line is known.
    pub(crate) column: usize,
    /// What is wrong.
    pub(crate) problem: String,
    /// What to write instead.
    pub(crate) hint: String,
}

/// A file's text from its bytes, and whether bytes had to be replaced because they were no text.
pub(crate) fn decode(bytes: &[u8]) -> (String, bool) {
    let text = match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    };
    let replaced = text.contains(char::REPLACEMENT_CHARACTER) && std::str::from_utf8(bytes).is_err();
    (text, replaced)
}

/// Flattens a file to its values, in the order of the file.
pub(crate) fn flatten(text: &str) -> Result<Vec<Leaf>, Vec<JsonFault>> {
    let plain = blank_out(text).map_err(|fault| vec![fault])?;
    if plain.trim().is_empty() {
        return Err(vec![fault(1, 1, "the file is empty", "write `{}` for a file without settings, or remove it")]);
    }
    let root: &RawValue = serde_json::from_str(&plain).map_err(|error| vec![syntax(&error)])?;
    let mut walk =
        Walk { plain: &plain, offset: 0, line: 1, leaves: Vec::new(), first: HashMap::new(), faults: vec![] };
    if root.get().starts_with('{') {
        walk.value("", root, 0);
    } else {
        let (line, column) = position(&plain, offset_of(&plain, root.get()));
        walk.faults.push(fault(line, column, "the root is not an object", "write `{ … }` around the settings"));
    }
    if walk.faults.is_empty() { Ok(walk.leaves) } else { Err(walk.faults) }
}

/// Replaces comments and trailing commas by blanks, byte for byte.
fn blank_out(text: &str) -> Result<String, JsonFault> {
    let mut bytes = text.as_bytes().to_vec();
    let mut index = 0;
    // The last byte of JSON proper and, where it is a comma that may turn out to be a trailing one, its place.
    let (mut last, mut comma) = (0_u8, None);
    while let Some(&byte) = bytes.get(index) {
        let next = bytes.get(index + 1).copied();
        let end = match (byte, next) {
            (b'/', Some(b'/')) => blank(&mut bytes, index, line_end(text, index)),
            (b'/', Some(b'*')) => match text.get(index + 2..).and_then(|rest| rest.find("*/")) {
                Some(length) => blank(&mut bytes, index, index + 2 + length + 2),
                None => return Err(open_comment(text, index)),
            },
            (b'"', _) => string_end(&bytes, index),
            _ => index + 1,
        };
        let is_comment = byte == b'/' && matches!(next, Some(b'/' | b'*'));
        if !is_comment && !byte.is_ascii_whitespace() {
            if let (b']' | b'}', Some(comma)) = (byte, comma) {
                blank(&mut bytes, comma, comma + 1);
            }
            comma = (byte == b',' && !matches!(last, 0 | b',' | b'[' | b'{' | b':')).then_some(index);
            last = byte;
        }
        index = end;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn blank(bytes: &mut [u8], start: usize, end: usize) -> usize {
    for byte in bytes.iter_mut().take(end).skip(start).filter(|byte| !matches!(byte, b'\n' | b'\r')) {
        *byte = b' ';
    }
    end
}

fn line_end(text: &str, start: usize) -> usize {
    text.get(start..).and_then(|rest| rest.find(['\n', '\r'])).map_or(text.len(), |length| start + length)
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut index = start + 1;
    while let Some(byte) = bytes.get(index) {
        match byte {
            b'"' => return index + 1,
            b'\\' => index += 2,
            _ => index += 1,
        }
    }
    bytes.len()
}

/// The way through the document; `offset` and `line` move forward only.
struct Walk<'a> {
    plain: &'a str,
    offset: usize,
    line: usize,
    leaves: Vec<Leaf>,
    first: HashMap<String, usize>,
    faults: Vec<JsonFault>,
}

impl<'a> Walk<'a> {
    fn value(&mut self, key: &str, raw: &'a RawValue, depth: usize) {
        let line = self.line_of(raw.get());
        if depth >= MAX_DEPTH && raw.get().starts_with(['{', '[']) {
            let hint = format!("nest at most {MAX_DEPTH} objects and arrays");
            return self.faults.push(fault(line, 0, "the values are nested too deeply", &hint));
        }
        let result = match raw.get().as_bytes().first() {
            Some(b'{') => self.object(key, raw, depth),
            Some(b'[') => self.array(key, raw, depth),
            Some(b'"') => serde_json::from_str(raw.get()).map(|text| self.leaf(key, Some(text), line)),
            _ => {
                self.leaf(key, scalar(raw.get()), line);
                Ok(())
            }
        };
        if let Err(error) = result {
            let problem = without_place(&error);
            self.faults.push(fault(line, 0, &problem, "check the escapes of the text that starts here"));
        }
    }

    fn object(&mut self, key: &str, raw: &'a RawValue, depth: usize) -> serde_json::Result<()> {
        let members: Members<'a> = serde_json::from_str(raw.get())?;
        if members.0.is_empty() && !key.is_empty() {
            self.empty(key, None, raw);
        }
        for (name, value) in members.0 {
            // The name is joined even where it is empty: `{"A": {"": 1}}` is the key `A:`.
            let key = if depth == 0 { name } else { format!("{key}{}{name}", key::SEPARATOR) };
            self.value(&key, value, depth + 1);
        }
        Ok(())
    }

    fn array(&mut self, key: &str, raw: &'a RawValue, depth: usize) -> serde_json::Result<()> {
        let items: Vec<&'a RawValue> = serde_json::from_str(raw.get())?;
        if items.is_empty() {
            self.empty(key, Some(String::new()), raw);
        }
        for (index, item) in items.into_iter().enumerate() {
            self.value(&format!("{key}{}{index}", key::SEPARATOR), item, depth + 1);
        }
        Ok(())
    }

    /// `{}` or `[]`: never a duplicate, since it takes nothing away from what else the file says of the key.
    fn empty(&mut self, key: &str, value: Option<String>, raw: &'a RawValue) {
        if !self.first.contains_key(&key::fold(key)) {
            let line = self.line_of(raw.get());
            self.leaves.push(Leaf { key: key.to_owned(), value, line });
        }
    }

    fn leaf(&mut self, key: &str, value: Option<String>, line: usize) {
        match self.first.insert(key::fold(key), line) {
            None => self.leaves.push(Leaf { key: key.to_owned(), value, line }),
            Some(first) => {
                let problem = format!("the key `{key}` is there twice; line {first} has it already");
                self.faults.push(fault(line, 0, &problem, "remove one of the two; names are compared without case"));
            }
        }
    }

    fn line_of(&mut self, part: &str) -> usize {
        let offset = offset_of(self.plain, part);
        let passed = self.plain.get(self.offset..offset).unwrap_or_default();
        self.line += passed.bytes().filter(|byte| *byte == b'\n').count();
        self.offset = self.offset.max(offset);
        self.line
    }
}

/// An object's members in their order, duplicates included.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

fn scalar(raw: &str) -> Option<String> {
    match raw {
        "null" => None,
        "true" => Some("True".to_owned()),
        "false" => Some("False".to_owned()),
        number => Some(number.to_owned()),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks(2).map(|pair| match *pair {
        [first, second] => unit([first, second]),
        _ => 0xFFFD,
    });
    char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Where a part of the text lies in it.
fn offset_of(text: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(text.as_ptr().addr()).min(text.len())
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, offset - line_start + 1)
}

fn fault(line: usize, column: usize, problem: &str, hint: &str) -> JsonFault {
    JsonFault { line, column, problem: problem.to_owned(), hint: hint.to_owned() }
}

fn open_comment(text: &str, start: usize) -> JsonFault {
    let (line, column) = position(text, start);
    fault(line, column, "the comment that starts here has no end", "close it with `*/`")
}

fn syntax(error: &serde_json::Error) -> JsonFault {
    let hint = "correct the JSON there; comments and trailing commas are allowed";
    fault(error.line(), error.column(), &without_place(error), hint)
}

/// The parser's message without its own mention of line and column.
fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.rsplit_once(" at line ").map_or(message.clone(), |(problem, _)| problem.to_owned())
}

/// .NET's limit for nested objects and arrays.
const MAX_DEPTH: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(text: &str) -> Vec<(String, Option<String>)> {
        flatten(text).unwrap().into_iter().map(|leaf| (leaf.key, leaf.value)).collect()
    }

    fn first_fault(text: &str) -> (usize, usize, String) {
        let fault = flatten(text).unwrap_err().remove(0);
        (fault.line, fault.column, fault.problem)
    }

    #[test]
    fn scalars_become_the_texts_that_dotnet_gives() {
        let text =
            r#"{"t":true,"f":false,"n":null,"i":1e+3,"d":-0.50,"s":"a\u00e9\n","o":{},"l":[],"a":[1,{"b":"c"}]}"#;
        let expected = [
            ("t", Some("True")),
            ("f", Some("False")),
            ("n", None),
            ("i", Some("1e+3")),
            ("d", Some("-0.50")),
            ("s", Some("aé\n")),
            ("o", None),
            ("l", Some("")),
            ("a:0", Some("1")),
            ("a:1:b", Some("c")),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.map(str::to_owned)));
        assert_eq!(pairs(text), expected);
    }

    #[test]
    fn comments_and_trailing_commas_are_passed_over() {
        let text =
            "// first\n{ /* a, b } */ \"a\": [1, 2, /* last */ ], // done,\n \"url\": \"http://x/*,]*/\", }\n// end";
        let expected = [("a:0", "1"), ("a:1", "2"), ("url", "http://x/*,]*/")];
        assert_eq!(pairs(text), expected.map(|(key, value)| (key.to_owned(), Some(value.to_owned()))));
    }

    #[test]
    fn lone_and_doubled_commas_stay_errors() {
        for text in
            [r#"{"a":[,]}"#, r#"{"a":[1,,]}"#, "{,}", r#"{"a":,}"#, r#"{"a":1},"#, "{} {}", "{\"a\":1 /", "{'a':1}"]
        {
            assert!(flatten(text).is_err(), "{text}");
        }
    }

    #[test]
    fn faults_name_line_and_column_of_the_file() {
        assert_eq!(first_fault("{\n  /* é */ \"a\" 1\n}"), (2, 16, "expected `:`".to_owned()));
        assert_eq!(first_fault("{\n  /* open").0, 2);
        assert_eq!(first_fault("{\n  /* open").1, 3);
        assert_eq!(first_fault(" \n ").2, "the file is empty");
        assert_eq!(first_fault("\n  [1]"), (2, 3, "the root is not an object".to_owned()));
    }

    #[test]
    fn duplicate_keys_without_case_are_all_reported() {
        let text = "{\n\"A\": {\"b\": 1, \"c\": 2},\n\"a:B\": 3,\n\"a\": {\"C\": 4, \"d\": 5}}";
        let faults = flatten(text).unwrap_err();
        assert_eq!(faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), [3, 4]);
        assert!(faults.iter().all(|fault| fault.problem.contains("line 2 has it already")), "{faults:?}");
    }

    #[test]
    fn objects_of_the_same_name_are_merged() {
        assert_eq!(pairs(r#"{"A":{"b":1},"a":{"c":2},"A":{}}"#).len(), 3);
    }

    #[test]
    fn nesting_has_a_bound() {
        let deep = |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(flatten(&deep(60)).is_ok());
        assert_eq!(first_fault(&deep(5_000)).2, "the values are nested too deeply");
    }

    #[test]
    fn a_lone_surrogate_is_a_fault_in_its_line() {
        assert_eq!(first_fault("{\n\"a\": \"\\ud800\"}").0, 2);
        assert_eq!(first_fault("{\n\"\\ud800\": 1}").0, 1);
    }

    #[test]
    fn utf8_and_utf16_files_with_a_mark_are_read() {
        let little: Vec<u8> = "\u{feff}{\"é\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "\u{feff}{\"é\":1}".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [&little[..], &big[..], "\u{feff}{\"é\":1}".as_bytes(), "{\"é\":1}".as_bytes()] {
            assert_eq!(decode(bytes), ("{\"é\":1}".to_owned(), false));
        }
        assert_eq!(decode(b"{\"\xe9\":1}"), ("{\"\u{fffd}\":1}".to_owned(), true));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "[\\[\\]{}:,\"/*\\\\ \nantrue0-9é]{0,80}") {
            let _ = flatten(&text);
        }

        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = flatten(&decode(&bytes).0);
        }

        #[test]
        fn plain_json_reads_the_same_with_comments_and_commas_added(
            values in proptest::collection::vec("[a-z/*,\\]}]{0,6}", 1..6),
        ) {
            let members: Vec<String> = values.iter().enumerate().map(|(n, value)| format!("\"{n}\":{value:?}")).collect();
            let plain = format!("{{{}}}", members.join(","));
            let dressed = format!("/* , */{{{}, // ]\n}}", members.join(" /*\"*/,\n"));
            prop_assert_eq!(pairs(&plain), pairs(&dressed));
        }
    }
}
