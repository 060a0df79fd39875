//! Keys: names joined with `:`, compared without case.

use std::cmp::Ordering;

/// What joins the names of a key.
pub(crate) const SEPARATOR: char = ':';

/// The form in which keys are compared: upper case by single characters, as .NET's ordinal comparison without case does.
pub(crate) fn fold(key: &str) -> String {
    key.chars().map(upper).collect()
}

/// A key below another; either may be empty.
pub(crate) fn join(parent: &str, name: &str) -> String {
    match (parent, name) {
        (parent, "") => parent.to_owned(),
        ("", name) => name.to_owned(),
        (parent, name) => format!("{parent}{SEPARATOR}{name}"),
    }
}

/// How many names a key has.
pub(crate) fn depth(key: &str) -> usize {
    if key.is_empty() { 0 } else { key.split(SEPARATOR).count() }
}

/// The key above and every one above that, the key itself first: `A:B:C`, `A:B`, `A`.
pub(crate) fn ancestors(key: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(key), |key| key.rfind(SEPARATOR).map(|end| key.split_at(end).0))
}

/// The order of a section's children: numbers first and by value, then names without case.
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    match (left.trim().parse::<i32>(), right.trim().parse::<i32>()) {
        (Ok(left), Ok(right)) => left.cmp(&right),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => fold(left).cmp(&fold(right)),
    }
}

fn upper(letter: char) -> char {
    let mut letters = letter.to_uppercase();
    match (letters.next(), letters.next()) {
        (Some(upper), None) => upper,
        _ => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_by_value_and_before_names() {
        let mut names = vec!["b", "10", "A", "2", "0"];
        names.sort_by(|left, right| compare(left, right));
        assert_eq!(names, ["0", "2", "10", "A", "b"]);
    }

    #[test]
    fn a_key_knows_the_keys_above_it() {
        assert_eq!(ancestors("A:B:C").collect::<Vec<_>>(), ["A:B:C", "A:B", "A"]);
        assert_eq!((depth(""), depth("A"), depth("A:B")), (0, 1, 2));
        assert_eq!((join("", "A"), join("A", ""), join("A", "B:C")), ("A".into(), "A".into(), "A:B:C".into()));
    }

    #[test]
    fn case_is_folded_letter_by_letter() {
        assert_eq!(fold("AzureAd:ΑΣ"), fold("AZUREAD:ας"));
        assert_eq!(fold("straße"), "STRAßE");
    }
}
