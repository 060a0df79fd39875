//! ASP.NET's log levels and the rule that says which one a category has.

use tracing::Level;

/// Level names, least severe first; the index is the number that ASP.NET knows it by.
const NAMES: [&str; 7] = ["Trace", "Debug", "Information", "Warning", "Error", "Critical", "None"];

/// The least severe level that is written, as ASP.NET's number; 6 writes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Threshold(u8);

impl Threshold {
    pub(crate) const INFORMATION: Self = Self(2);
    pub(crate) const WARNING: Self = Self(3);
    pub(crate) const NONE: Self = Self(6);

    /// Reads a name (without case) or a number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let by_name = NAMES.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = by_name.or_else(|| text.parse().ok().filter(|number| *number < NAMES.len()))?;
        u8::try_from(number).ok().map(Self)
    }

    /// Whether an event of this level is written.
    pub(crate) fn admits(self, level: Level) -> bool {
        severity(level) >= self.0
    }
}

/// ASP.NET's number of a level.
fn severity(level: Level) -> u8 {
    match level {
        Level::TRACE => 0,
        Level::DEBUG => 1,
        Level::INFO => 2,
        Level::WARN => 3,
        Level::ERROR => 4,
    }
}

/// The full name, as the `json` format writes it.
pub(crate) fn name(level: Level) -> &'static str {
    NAMES[usize::from(severity(level))]
}

/// The four letters of the `simple` format.
pub(crate) fn short(level: Level) -> &'static str {
    match level {
        Level::TRACE => "trce",
        Level::DEBUG => "dbug",
        Level::INFO => "info",
        Level::WARN => "warn",
        Level::ERROR => "fail",
    }
}

/// Which categories are written from which level on.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Category patterns in lower case, with at most one `*`, and their levels.
    rules: Vec<(String, Threshold)>,
    default: Threshold,
}

impl Rules {
    pub(crate) fn new(default: Threshold) -> Self {
        Self { rules: Vec::new(), default }
    }

    /// Adds a rule; of two that are equally long the later one wins.
    pub(crate) fn add(&mut self, category: &str, threshold: Threshold) {
        if category.eq_ignore_ascii_case("Default") {
            self.default = threshold;
        } else {
            self.rules.push((category.to_ascii_lowercase(), threshold));
        }
    }

    /// The level of a category: the longest matching prefix decides.
    pub(crate) fn of(&self, category: &str) -> Threshold {
        let category = category.to_ascii_lowercase();
        let matching = self.rules.iter().filter(|(pattern, _)| matches(pattern, &category));
        matching.max_by_key(|(pattern, _)| pattern.len()).map_or(self.default, |(_, threshold)| *threshold)
    }

    /// The least severe level that any category writes.
    pub(crate) fn lowest(&self) -> Threshold {
        self.rules.iter().map(|(_, threshold)| *threshold).fold(self.default, Ord::min)
    }
}

/// A plain prefix, not bounded by dots; one `*` stands for anything.
fn matches(pattern: &str, category: &str) -> bool {
    match pattern.split_once('*') {
        None => category.starts_with(pattern),
        Some((head, tail)) => category.strip_prefix(head).is_some_and(|rest| rest.contains(tail)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_by_name_and_by_number() {
        assert_eq!(Threshold::parse("warning"), Some(Threshold::WARNING));
        assert_eq!(Threshold::parse(" 2 "), Some(Threshold::INFORMATION));
        assert_eq!(Threshold::parse("6"), Some(Threshold::NONE));
        assert_eq!(Threshold::parse("7"), None);
        assert_eq!(Threshold::parse("Verbose"), None);
    }

    #[test]
    fn the_longest_prefix_decides_and_need_not_end_at_a_dot() {
        let mut rules = Rules::new(Threshold::INFORMATION);
        rules.add("Microsoft", Threshold::WARNING);
        rules.add("Microsoft.Id", Threshold::NONE);
        rules.add("Default", Threshold::WARNING);
        assert_eq!(rules.of("microsoft.identity.web"), Threshold::NONE);
        assert_eq!(rules.of("Microsoft.AspNetCore"), Threshold::WARNING);
        assert_eq!(rules.of("Sidekey"), Threshold::WARNING);
        assert!(Threshold::WARNING.admits(Level::ERROR) && !Threshold::WARNING.admits(Level::INFO));
    }

    #[test]
    fn a_star_stands_for_anything() {
        let mut rules = Rules::new(Threshold::INFORMATION);
        rules.add("Side*.Audit", Threshold::NONE);
        assert_eq!(rules.of("Sidekey.Audit"), Threshold::NONE);
        assert_eq!(rules.of("Sidekey.Door"), Threshold::INFORMATION);
    }
}
