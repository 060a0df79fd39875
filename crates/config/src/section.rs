//! A section: a prefix of keys, read with the binder's rules. Faults are collected, not returned, so that all are found.

use std::time::Duration;

/// A part of the configuration below one key. Names are compared without case and may contain `:`.
///
/// Every read marks the name as known, present or not; what nobody asked for in an owned section becomes a warning.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    _todo: std::marker::PhantomData<&'a ()>,
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
    /// The section below a name.
    pub fn section(&self, _name: &str) -> Section<'a> {
        todo!()
    }

    /// The key of this section, such as `AzureAd:ClientCredentials:0`; empty for the root.
    pub fn key(&self) -> &str {
        todo!()
    }

    /// The names of the direct children in their own spelling: numbers by value first, then the others by name.
    pub fn children(&self) -> Vec<&'a str> {
        todo!()
    }

    /// Whether this key or anything below it is set.
    pub fn exists(&self) -> bool {
        todo!()
    }

    /// Says that unknown names below this section are to be warned about.
    pub fn own(&self) {
        todo!()
    }

    /// Says that names are known although this program does nothing with them (yet).
    pub fn reserve(&self, _names: &[&str]) {
        todo!()
    }

    /// The setting as it stands; blank text included.
    pub fn setting(&self, _name: &str) -> Option<Setting<'a>> {
        todo!()
    }

    /// A text; empty or blank counts as absent, as the original treats it nearly everywhere.
    pub fn text(&self, _name: &str) -> Option<&'a str> {
        todo!()
    }

    /// A text whose value is never shown in a fault or in `config show`.
    pub fn secret(&self, _name: &str) -> Option<&'a str> {
        todo!()
    }

    /// A bool by the binder's rule; a fault if it is neither.
    pub fn bool(&self, _name: &str, _default: bool) -> bool {
        todo!()
    }

    /// A whole number by the binder's rule, within bounds; a fault if not.
    pub fn integer(&self, _name: &str, _default: u64, _bounds: std::ops::RangeInclusive<u64>) -> u64 {
        todo!()
    }

    /// A TimeSpan (`[d.]hh:mm[:ss[.fffffff]]`; a bare integer means days), within bounds; a fault if not.
    pub fn duration(&self, _name: &str, _default: Duration, _bounds: std::ops::RangeInclusive<Duration>) -> Duration {
        todo!()
    }

    /// A text that must parse; a fault naming the key, the source and the parser's own message if it does not.
    pub fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(&self, _name: &str, _hint: &str) -> Option<T> {
        todo!()
    }

    /// One of the given names, without case; a fault that lists them if it is none.
    pub fn one_of<T: Copy>(&self, _name: &str, _default: T, _names: &[(&str, T)]) -> T {
        todo!()
    }

    /// A list: indexed children in order, or one text split at blanks.
    pub fn list(&self, _name: &str) -> Vec<&'a str> {
        todo!()
    }

    /// A map: the children with their own spelling and text.
    pub fn map(&self, _name: &str) -> Vec<(&'a str, &'a str)> {
        todo!()
    }

    /// Records a fault about a name of this section.
    pub fn fault(&self, _name: &str, _problem: impl Into<String>, _hint: impl Into<String>) {
        todo!()
    }

    /// Records a warning about a name of this section.
    pub fn warn(&self, _name: &str, _message: impl Into<String>) {
        todo!()
    }
}
