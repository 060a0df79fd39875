//! How values of the query are read: .NET's rules for bool and GUID.

use uuid::Uuid;

/// `true` or `false` in any case, blanks around it allowed.
pub(super) fn boolean(text: &str) -> Option<bool> {
    let text = text.trim();
    match () {
        () if text.eq_ignore_ascii_case("true") => Some(true),
        () if text.eq_ignore_ascii_case("false") => Some(false),
        () => None,
    }
}

/// A GUID in .NET's forms N, D, B and P: bare digits, with dashes, in braces, in parentheses.
pub(crate) fn guid(text: &str) -> Option<Uuid> {
    let text = text.trim();
    let inner = text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .or_else(|| text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')));
    match inner {
        Some(inner) if inner.len() == 36 => Uuid::try_parse(inner).ok(),
        None if matches!(text.len(), 32 | 36) => Uuid::try_parse(text).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bools_are_words() {
        for (text, expected) in [("true", Some(true)), (" FALSE ", Some(false)), ("1", None), ("yes", None), ("", None)]
        {
            assert_eq!(boolean(text), expected, "{text:?}");
        }
    }

    #[test]
    fn guids_come_in_four_forms() {
        let id = "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb";
        let expected = Uuid::try_parse(id).ok();
        let plain = id.replace('-', "");
        for good in [id.to_owned(), id.to_uppercase(), plain.clone(), format!("{{{id}}}"), format!(" ({id}) ")] {
            assert_eq!(guid(&good), expected, "{good}");
        }
        for bad in [format!("urn:uuid:{id}"), format!("{{{id}"), format!("({plain})"), String::new(), "x".repeat(36)] {
            assert_eq!(guid(&bad), None, "{bad}");
        }
    }
}
