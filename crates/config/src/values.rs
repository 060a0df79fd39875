//! The binder's rules for single values, as functions of texts.

use uuid::Uuid;

/// `true` or `false` in any case, with blanks around it.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text.trim_matches(blank) {
        text if text.eq_ignore_ascii_case("true") => Some(true),
        text if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A decimal number with an optional sign, or a hexadecimal one after `0x`, `&h` or `#`; blanks around it.
pub(crate) fn integer(text: &str) -> Option<i128> {
    let text = text.trim_matches(blank);
    let digits = ["0x", "0X", "&h", "&H", "#"].into_iter().find_map(|prefix| text.strip_prefix(prefix));
    if let Some(digits) = digits {
        let all_hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        return all_hexadecimal.then(|| i128::from_str_radix(digits, 16).ok()).flatten();
    }
    text.parse().ok()
}

/// A GUID in .NET's forms N, D, B, P and X.
pub(crate) fn guid(text: &str) -> Option<Uuid> {
    let text = text.trim_matches(blank);
    match text.bytes().next()? {
        b'(' => hyphenated(text.strip_prefix('(')?.strip_suffix(')')?),
        b'{' if text.contains(',') => hexadecimal_fields(text),
        b'{' => hyphenated(text.strip_prefix('{')?.strip_suffix('}')?),
        _ if text.len() == 32 => text.parse().ok(),
        _ => hyphenated(text),
    }
}

/// A value as a message may show it: escaped, and cut where it is long.
pub(crate) fn excerpt(text: &str) -> String {
    let escaped: String = text.chars().take(MAX_EXCERPT).flat_map(char::escape_debug).collect();
    if text.chars().nth(MAX_EXCERPT).is_some() { format!("{escaped}…") } else { escaped }
}

fn hyphenated(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| text.parse().ok()).flatten()
}

/// `{0x00000000,0x0000,0x0000,{0x00,0x00,0x00,0x00,0x00,0x00,0x00,0x00}}`.
fn hexadecimal_fields(text: &str) -> Option<Uuid> {
    let compact: String = text.chars().filter(|letter| !blank(*letter)).collect();
    let (head, tail) = compact.strip_prefix('{')?.strip_suffix("}}")?.split_once(",{")?;
    let number = |field: &str| u32::from_str_radix(field.strip_prefix("0x")?, 16).ok();
    let head: Vec<u32> = head.split(',').map(number).collect::<Option<_>>()?;
    let tail: Vec<u8> = tail.split(',').map(|field| number(field)?.try_into().ok()).collect::<Option<_>>()?;
    let [first, second, third] = *head else { return None };
    let tail: [u8; 8] = tail.try_into().ok()?;
    Some(Uuid::from_fields(first, second.try_into().ok()?, third.try_into().ok()?, &tail))
}

fn blank(letter: char) -> bool {
    letter.is_whitespace() || letter == '\0'
}

/// Characters of a value that a message shows.
const MAX_EXCERPT: usize = 80;

/// What a parser says of a text, the text before it unless the parser shows it itself.
pub(crate) fn complaint(text: &str, error: &str) -> String {
    let shown = format!("`{}`", excerpt(text));
    if error.contains(&shown) { error.to_owned() } else { format!("{shown}: {error}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bools_are_true_and_false_and_nothing_else() {
        for (text, expected) in [("true", Some(true)), (" FALSE\n", Some(false)), ("True", Some(true))] {
            assert_eq!(boolean(text), expected, "{text}");
        }
        for text in ["1", "0", "yes", "on", "", " ", "truee"] {
            assert_eq!(boolean(text), None, "{text}");
        }
    }

    #[test]
    fn integers_may_be_signed_or_hexadecimal() {
        let table = [
            (" 42 ", Some(42)),
            ("+7", Some(7)),
            ("-7", Some(-7)),
            ("007", Some(7)),
            ("0x1F", Some(31)),
            ("&h1f", Some(31)),
            ("#1F", Some(31)),
            ("1,000", None),
            ("1.0", None),
            ("1e3", None),
            ("0x", None),
            ("0x-1", None),
            ("#+1", None),
            ("", None),
            ("99999999999999999999999999999999999999999999", None),
        ];
        for (text, expected) in table {
            assert_eq!(integer(text), expected, "{text}");
        }
    }

    #[test]
    fn guids_come_in_five_forms() {
        let expected = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
        for text in [
            "00112233445566778899aabbccddeeff",
            "00112233-4455-6677-8899-AABBCCDDEEFF",
            " {00112233-4455-6677-8899-aabbccddeeff} ",
            "(00112233-4455-6677-8899-aabbccddeeff)",
            "{0x00112233, 0x4455, 0x6677, {0x88,0x99,0xaa,0xbb,0xcc,0xdd,0xee,0xff}}",
        ] {
            assert_eq!(guid(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "{}",
            "(00112233-4455-6677-8899-aabbccddeeff",
            "urn:uuid:00112233-4455-6677-8899-aabbccddeeff",
            "{0x1,0x2}",
            "{0x1,0x12345,0x3,{0,0,0,0,0,0,0,0}}",
        ] {
            assert_eq!(guid(text), None, "{text}");
        }
    }

    #[test]
    fn excerpts_are_short_and_on_one_line() {
        assert_eq!(excerpt("a\nb"), "a\\nb");
        assert_eq!(excerpt(&"é".repeat(81)).chars().count(), 81);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,50}", guid_like in "[{(]?[0-9a-fx,{}-]{0,70}[)}]?") {
            let _ = (boolean(&text), integer(&text), guid(&text), guid(&guid_like), excerpt(&text));
        }
    }
}
