//! What is wrong with a configuration, said so that it can be put right.

use std::fmt;

/// One fault: the key, who set it, what was found, what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key in its canonical spelling, such as `AzureAd:ClientId`.
    pub key: String,
    /// The source that set it, such as ``environment variable `AzureAd__ClientId` ``; `None` if nothing did.
    pub source: Option<String>,
    /// What is wrong, without the value where that is a secret.
    pub problem: String,
    /// What to write instead.
    pub hint: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.key)?;
        if let Some(source) = &self.source {
            write!(f, " ({source})")?;
        }
        write!(f, ": {}\n  hint: {}", self.problem, self.hint)
    }
}

/// All faults of a configuration; never empty where it is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Something that does not stop the start, such as an unknown key with the nearest known name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The key.
    pub key: String,
    /// What to know about it.
    pub message: String,
}

/// One line of the effective configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The key as the layer spells it that set it.
    pub key: &'a str,
    /// The value, unless it must not be seen.
    pub value: Shown<'a>,
    /// Who set it.
    pub source: &'a str,
}

/// A value as `config show` may print it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown<'a> {
    /// Harmless.
    Value(&'a str),
    /// A secret, or a value under a key that nobody knows and that may therefore be a misspelled secret.
    Redacted,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => f.write_str(value),
            Self::Redacted => f.write_str("[redacted]"),
        }
    }
}
