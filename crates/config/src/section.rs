//! A section: a prefix of keys, read with the binder's rules. Faults are collected, not returned, so that all are found.

use std::{ops::RangeInclusive, time::Duration};

use uuid::Uuid;

use crate::{
    Configuration, Fault, Warning, key,
    marks::Recorder,
    time_span::{self, Surprise},
    values,
};

/// A part of the configuration below one key. Names are compared without case and may contain `:`; the empty name is the
/// section's own value.
///
/// Every read marks the name as known, present or not; what nobody asked for in an owned section becomes a warning.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    configuration: &'a Configuration,
    recorder: &'a Recorder,
    key: String,
}

/// A value with its key and the source that set it.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The text as set. An empty text was set to empty.
    pub value: &'a str,
    /// The key as the highest layer spells it.
    pub key: &'a str,
    /// Who set it.
    pub source: &'a str,
}

impl<'a> Section<'a> {
    pub(crate) fn root(configuration: &'a Configuration, recorder: &'a Recorder) -> Self {
        Self { configuration, recorder, key: String::new() }
    }

    /// The section below a name.
    pub fn section(&self, name: &str) -> Section<'a> {
        let section = Self { key: self.key_of(name), ..self.clone() };
        self.know(name);
        section
    }

    /// The key of this section, such as `AzureAd:ClientCredentials:0`; empty for the root.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The names of the direct children in their own spelling: numbers by value first, then the others by name.
    /// A text where children are expected is a fault.
    pub fn children(&self) -> Vec<&'a str> {
        let children = self.configuration.store.children(&self.key);
        self.recorder.mark(|marks| children.iter().for_each(|child| marks.know(&key::join(&self.key, child))));
        if children.is_empty() {
            self.refuse_text("");
        }
        children
    }

    /// Whether this key or anything below it is set.
    pub fn exists(&self) -> bool {
        let own = self.configuration.store.get(&self.key).is_some_and(|entry| entry.value.is_some());
        own || self.configuration.store.below(&self.key).next().is_some()
    }

    /// Says that unknown names below this section are to be warned about. At the root that means the names which files and
    /// the command line use; the environment is full of others' variables.
    pub fn own(&self) {
        self.recorder.mark(|marks| marks.own(&self.key));
    }

    /// Says that names, and all that is below them, are known although this program does nothing with them (yet).
    pub fn reserve(&self, names: &[&str]) {
        self.recorder.mark(|marks| names.iter().for_each(|name| marks.reserve(&self.key_of(name))));
    }

    /// The setting as it stands; blank text included.
    pub fn setting(&self, name: &str) -> Option<Setting<'a>> {
        self.know(name);
        self.lookup(name)
    }

    /// A text; empty or blank counts as absent, as the original treats it nearly everywhere.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.scalar(name).map(|setting| setting.value).filter(|value| !value.trim().is_empty())
    }

    /// A text whose value is never shown in a fault or in `config show`.
    pub fn secret(&self, name: &str) -> Option<&'a str> {
        self.recorder.mark(|marks| marks.hide(&self.key_of(name)));
        self.text(name)
    }

    /// A bool by the binder's rule; a fault if it is neither.
    pub fn bool(&self, name: &str, default: bool) -> bool {
        let Some(setting) = self.scalar(name) else { return default };
        values::boolean(setting.value).unwrap_or_else(|| {
            self.refuse(name, &setting, "a bool", "write `true` or `false`");
            default
        })
    }

    /// A whole number by the binder's rule, within bounds; a fault if not.
    pub fn integer(&self, name: &str, default: u64, bounds: RangeInclusive<u64>) -> u64 {
        let Some(setting) = self.scalar(name) else { return default };
        let number = values::integer(setting.value).and_then(|number| u64::try_from(number).ok());
        number.filter(|number| bounds.contains(number)).unwrap_or_else(|| {
            let hint = match (*bounds.start(), *bounds.end()) {
                (0, u64::MAX) => format!("write a number such as `{default}`"),
                (least, u64::MAX) => format!("write a number from `{least}` up, such as `{default}`"),
                (least, most) => format!("write a number from `{least}` to `{most}`, such as `{default}`"),
            };
            self.refuse(name, &setting, "a whole number within its bounds", hint);
            default
        })
    }

    /// A TimeSpan (`[d.]hh:mm[:ss[.fffffff]]`; a bare integer means days), within bounds; a fault if not.
    pub fn duration(&self, name: &str, default: Duration, bounds: RangeInclusive<Duration>) -> Duration {
        let Some(setting) = self.scalar(name) else { return default };
        let span = time_span::parse(setting.value);
        let advice = span.and_then(|span| span.surprise).map(explain);
        if let Some(span) = span.filter(|span| bounds.contains(&span.length)) {
            if let Some(advice) = advice {
                self.warn(name, format!("`{}` {advice}", values::excerpt(setting.value)));
            }
            return span.length;
        }
        let expected = if span.is_some() { "within its bounds" } else { "a length of time" };
        let range = match (time_span::format(*bounds.start()), time_span::format(*bounds.end())) {
            (least, _) if *bounds.end() == Duration::MAX => format!("at least `{least}`"),
            (least, most) => format!("from `{least}` to `{most}`"),
        };
        let hint = format!("write `hh:mm:ss`, {range}, such as `{}`", time_span::format(default));
        self.refuse(
            name,
            &setting,
            expected,
            advice.map_or(hint.clone(), |advice| format!("{hint}; the text {advice}")),
        );
        default
    }

    /// A GUID in any of .NET's forms; a fault if it is none, blank counts as absent.
    pub fn guid(&self, name: &str) -> Option<Uuid> {
        let setting = self.scalar(name).filter(|setting| !setting.value.trim().is_empty())?;
        let guid = values::guid(setting.value);
        if guid.is_none() {
            self.refuse(name, &setting, "a GUID", "write it as `00000000-0000-0000-0000-000000000000`");
        }
        guid
    }

    /// A text that must parse, blanks around it removed; a fault naming the key, the source and the parser's own message
    /// if it does not. Blank text counts as absent.
    pub fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &str, hint: &str) -> Option<T> {
        let setting = self.scalar(name)?;
        let text = setting.value.trim();
        if text.is_empty() {
            return None;
        }
        let problem = match text.parse() {
            Ok(value) => return Some(value),
            Err(_) if self.recorder.is_secret(&self.key_of(name)) => "the value does not parse".to_owned(),
            Err(error) => values::complaint(text, &error.to_string()),
        };
        self.fault(name, problem, hint);
        None
    }

    /// One of the given names, without case; a fault that lists them if it is none.
    pub fn one_of<T: Copy>(&self, name: &str, default: T, names: &[(&str, T)]) -> T {
        let Some(setting) = self.scalar(name) else { return default };
        let text = setting.value.trim();
        if let Some((_, value)) = names.iter().find(|(known, _)| known.eq_ignore_ascii_case(text)) {
            return *value;
        }
        let list: Vec<String> = names.iter().map(|(known, _)| format!("`{known}`")).collect();
        self.refuse(name, &setting, "one of the known names", format!("write one of {}", list.join(", ")));
        default
    }

    /// A list: indexed children in order, or one text split at blanks. Blank items are left out.
    pub fn list(&self, name: &str) -> Vec<&'a str> {
        let items = self.values_below(name);
        if items.is_empty() {
            return self.lookup(name).map(|text| text.value.split_whitespace().collect()).unwrap_or_default();
        }
        items.into_iter().map(|(_, value)| value).filter(|value| !value.trim().is_empty()).collect()
    }

    /// A map: the children with their own spelling and text.
    pub fn map(&self, name: &str) -> Vec<(&'a str, &'a str)> {
        let items = self.values_below(name);
        if items.is_empty() {
            self.refuse_text(name);
        }
        items
    }

    /// Records a fault about a name of this section.
    pub fn fault(&self, name: &str, problem: impl Into<String>, hint: impl Into<String>) {
        let source = self.lookup(name).map(|setting| setting.source.to_owned());
        self.recorder.fault(Fault { key: self.key_of(name), source, problem: problem.into(), hint: hint.into() });
    }

    /// Records a warning about a name of this section.
    pub fn warn(&self, name: &str, message: impl Into<String>) {
        self.recorder.warn(Warning { key: self.key_of(name), message: message.into() });
    }

    fn key_of(&self, name: &str) -> String {
        key::join(&self.key, name)
    }

    fn know(&self, name: &str) {
        self.recorder.mark(|marks| marks.know(&self.key_of(name)));
    }

    fn lookup(&self, name: &str) -> Option<Setting<'a>> {
        let entry = self.configuration.store.get(&self.key_of(name))?;
        Some(Setting { value: entry.value.as_deref()?, key: &entry.key, source: &entry.source })
    }

    /// A single value; a fault where a list or an object stands in its place.
    fn scalar(&self, name: &str) -> Option<Setting<'a>> {
        let setting = self.setting(name);
        let below = self.configuration.store.below(&self.key_of(name)).find(|entry| entry.value.is_some());
        if let (None, Some(below), false) = (setting, below, name.is_empty()) {
            let problem = "a single value is needed here, not a list or an object".to_owned();
            let hint = format!("write the value at `{}` itself", self.key_of(name));
            self.recorder.fault(Fault { key: below.key.clone(), source: Some(below.source.clone()), problem, hint });
            self.recorder.mark(|marks| marks.reserve(&self.key_of(name)));
        }
        setting
    }

    /// A fault if a text stands where entries are needed. The text is not shown: it may be a misplaced secret.
    fn refuse_text(&self, name: &str) {
        if self.lookup(name).is_some_and(|setting| !setting.value.trim().is_empty()) {
            let hint = format!("write the entries as `{}:<name>`", self.key_of(name));
            self.fault(name, "entries are needed here, not a text", hint);
        }
    }

    fn values_below(&self, name: &str) -> Vec<(&'a str, &'a str)> {
        self.know(name);
        let section = Self { key: self.key_of(name), ..self.clone() };
        let names = self.configuration.store.children(&section.key);
        names.into_iter().filter_map(|name| Some((name, section.setting(name)?.value))).collect()
    }

    /// Records that a value is not what it must be, showing it unless it is secret.
    fn refuse(&self, name: &str, setting: &Setting<'_>, expected: &str, hint: impl Into<String>) {
        let problem = if self.recorder.is_secret(&self.key_of(name)) {
            format!("the value is not {expected}")
        } else if setting.value.trim().is_empty() {
            format!("the value is empty, which is not {expected}")
        } else {
            format!("`{}` is not {expected}", values::excerpt(setting.value))
        };
        self.fault(name, problem, hint);
    }
}

fn explain(surprise: Surprise) -> String {
    match surprise {
        Surprise::Bare(days) => {
            let seconds = time_span::format(Duration::from_secs(days));
            format!("means {days} days; for {days} seconds write `{seconds}`")
        }
        Surprise::HoursAsDays(days) => {
            let hours = time_span::format(Duration::from_secs(days.saturating_mul(3600)));
            format!("means {days} days; for {days} hours write `{hours}`")
        }
    }
}

#[cfg(test)]
mod tests;
