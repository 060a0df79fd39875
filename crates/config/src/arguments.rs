//! ASP.NET's command line: `--Key=Value`, `--Key Value`, `/Key=Value`, `/Key Value`, `Key=Value`; later ones win.

use crate::env::Pair;

/// The settings of a command line and, by their places from 1, the arguments that are none.
pub(crate) fn parse(arguments: &[String]) -> (Vec<Pair>, Vec<Ignored>) {
    let (mut pairs, mut ignored) = (Vec::new(), Vec::new());
    let mut rest = arguments.iter().enumerate();
    while let Some((index, argument)) = rest.next() {
        let (prefix, body) = split_prefix(argument);
        let place = index + 1;
        match (prefix, body.split_once('=')) {
            ("-", _) => ignored.push(Ignored { place, why: "switches with one dash mean nothing here" }),
            (_, Some(("", _))) => ignored.push(Ignored { place, why: "it has no key" }),
            (_, Some((key, value))) => pairs.push(pair(prefix, key, value)),
            ("", None) => ignored.push(Ignored { place, why: "it has neither `--` nor `=`" }),
            (_, None) => match rest.next() {
                Some((_, value)) => pairs.push(pair(prefix, body, value)),
                None => ignored.push(Ignored { place, why: "no value follows it" }),
            },
        }
    }
    (pairs, ignored)
}

/// An argument that sets nothing. Its text may be a misplaced secret and is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ignored {
    /// Its place on the command line, from 1.
    pub(crate) place: usize,
    /// Why it sets nothing.
    pub(crate) why: &'static str,
}

fn split_prefix(argument: &str) -> (&'static str, &str) {
    for prefix in ["--", "-", "/"] {
        if let Some(body) = argument.strip_prefix(prefix) {
            return (prefix, body);
        }
    }
    ("", argument)
}

fn pair(prefix: &str, key: &str, value: &str) -> Pair {
    (key.to_owned(), value.to_owned(), format!("command line argument `{prefix}{key}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &[&str]) -> (Vec<(String, String)>, Vec<usize>) {
        let arguments: Vec<String> = line.iter().map(|&argument| argument.to_owned()).collect();
        let (pairs, ignored) = parse(&arguments);
        (
            pairs.into_iter().map(|pair| (pair.0, pair.1)).collect(),
            ignored.iter().map(|ignored| ignored.place).collect(),
        )
    }

    #[test]
    fn every_form_sets_its_key() {
        for line in [&["--A:B=c=d"][..], &["--A:B", "c=d"], &["/A:B=c=d"], &["/A:B", "c=d"], &["A:B=c=d"]] {
            assert_eq!(parsed(line), (vec![("A:B".to_owned(), "c=d".to_owned())], vec![]), "{line:?}");
        }
    }

    #[test]
    fn a_value_may_look_like_a_switch_and_double_underscores_stay() {
        let expected = vec![("A".to_owned(), "--B=c".to_owned()), ("A__B".to_owned(), String::new())];
        assert_eq!(parsed(&["--A", "--B=c", "--A__B="]), (expected, vec![]));
    }

    #[test]
    fn what_is_no_setting_is_ignored_and_told() {
        assert_eq!(parsed(&["word", "-p", "-p=x", "--=x", "--last"]), (vec![], vec![1, 2, 3, 4, 5]));
    }
}
