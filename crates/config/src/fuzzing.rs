//! The fuzz targets of this crate: each takes any bytes and panics where something is wrong.

#![expect(clippy::missing_panics_doc, reason = "a panic is what a fuzzer looks for")]

use std::{path::PathBuf, time::Duration};

use crate::{Configuration, Section, Sources, json, time_span, values};

/// appsettings files: faults point into the file, and what is read is found again.
pub fn appsettings(input: &[u8]) {
    let (text, _) = json::decode(input);
    let lines = text.lines().count() + 1;
    match json::flatten(&text) {
        Ok(leaves) => {
            assert!(leaves.iter().all(|leaf| (1..=lines).contains(&leaf.line)));
            let pairs = leaves.into_iter().map(|leaf| (leaf.key, leaf.value.unwrap_or_default()));
            read(&Configuration::from_pairs(pairs));
        }
        Err(faults) => {
            assert!(!faults.is_empty());
            assert!(faults.iter().all(|fault| (1..=lines).contains(&fault.line) && !fault.problem.is_empty()));
        }
    }
}

/// The environment and the command line: lines of `NAME=value`, and of arguments, which begin with `-` or `/`.
pub fn environment(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (arguments, variables): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with(['-', '/']));
    let environment = variables.iter().filter_map(|line| line.split_once('='));
    let sources = Sources {
        environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        arguments: arguments.into_iter().map(str::to_owned).collect(),
        working_directory: PathBuf::from("/nonexistent"),
    };
    if let Ok(found) = Configuration::load(&sources) {
        read(&found);
    }
}

/// Single values: what is read as a length of time is written so that it reads the same.
pub fn value(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Some(span) = time_span::parse(text) {
        let written = time_span::format(span.length);
        assert_eq!(time_span::parse(&written).map(|span| span.length), Some(span.length), "{text} {written}");
    }
    if let Some(guid) = values::guid(text) {
        assert_eq!(values::guid(&guid.to_string()), Some(guid));
    }
    if let Some(number) = values::integer(text) {
        assert_eq!(values::integer(&number.to_string()), Some(number));
    }
    let _ = values::boolean(text);
    assert!(!values::excerpt(text).contains('\n'));
    read(&Configuration::from_pairs([("A:B", text), ("A:B:0", text), (text, "x")]));
}

/// Every way to read, of every key that is there.
fn read(configuration: &Configuration) {
    let bound = configuration.bind(|root| {
        root.own();
        walk(root, 0);
    });
    if let Err(faults) = bound {
        assert!(!faults.to_string().is_empty());
    }
    let _ = configuration.entries();
}

fn walk(section: &Section<'_>, depth: usize) {
    for name in section.children() {
        let _ = (section.text(name), section.list(name), section.map(name), section.guid(name));
        let _ = (section.bool(name, true), section.integer(name, 1, 0..=u64::MAX));
        section.duration(name, Duration::ZERO, Duration::ZERO..=Duration::MAX);
        if depth < 4 {
            walk(&section.section(name), depth + 1);
        }
    }
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appsettings_are_read_whatever_they_hold() {
        replay::run("appsettings", appsettings);
    }

    #[test]
    fn the_environment_is_read_whatever_it_holds() {
        replay::run("environment", environment);
    }

    #[test]
    fn values_are_read_whatever_they_hold() {
        replay::run("value", value);
    }
}
