//! What a bind asked for and found wrong: known names, secrets, owned sections, faults and warnings.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use crate::{
    Fault, Warning, key,
    store::{Entry, Store},
};

/// Collects during one bind.
#[derive(Debug, Default)]
pub(crate) struct Recorder(Mutex<Record>);

#[derive(Debug, Default)]
struct Record {
    marks: Marks,
    faults: Vec<Fault>,
    warnings: Vec<Warning>,
}

impl Recorder {
    /// Changes the marks.
    pub(crate) fn mark(&self, change: impl FnOnce(&mut Marks)) {
        change(&mut self.lock().marks);
    }

    /// Whether a key was read as a secret.
    pub(crate) fn is_secret(&self, key: &str) -> bool {
        self.lock().marks.secret.contains(&key::fold(key))
    }

    /// Takes a fault, once.
    pub(crate) fn fault(&self, fault: Fault) {
        let mut record = self.lock();
        if !record.faults.contains(&fault) {
            record.faults.push(fault);
        }
    }

    /// Takes a warning, once.
    pub(crate) fn warn(&self, warning: Warning) {
        let mut record = self.lock();
        if !record.warnings.contains(&warning) {
            record.warnings.push(warning);
        }
    }

    /// Everything collected.
    pub(crate) fn into_parts(self) -> (Marks, Vec<Fault>, Vec<Warning>) {
        let record = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        (record.marks, record.faults, record.warnings)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which keys were asked for, and how. Keys are folded.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Known keys with the spelling the program uses.
    known: BTreeMap<String, String>,
    /// Keys below which everything is known.
    reserved: BTreeSet<String>,
    /// Sections whose unknown keys are reported.
    owned: BTreeSet<String>,
    /// Keys whose values are secrets.
    secret: BTreeSet<String>,
}

impl Marks {
    /// A key, and with it all keys above it, is known.
    pub(crate) fn know(&mut self, key: &str) {
        for key in key::ancestors(key) {
            self.known.entry(key::fold(key)).or_insert_with(|| key.to_owned());
        }
    }

    /// A key and everything below it is known.
    pub(crate) fn reserve(&mut self, key: &str) {
        self.know(key);
        self.reserved.insert(key::fold(key));
    }

    /// Unknown keys below this one are to be reported.
    pub(crate) fn own(&mut self, key: &str) {
        self.owned.insert(key::fold(key));
    }

    /// A key's value is a secret.
    pub(crate) fn hide(&mut self, key: &str) {
        self.secret.insert(key::fold(key));
    }

    /// Adds what another bind asked for.
    pub(crate) fn merge(&mut self, other: Self) {
        self.known.extend(other.known);
        self.reserved.extend(other.reserved);
        self.owned.extend(other.owned);
        self.secret.extend(other.secret);
    }

    /// The keys in owned sections that nobody asked for; of a subtree only its top.
    pub(crate) fn unknown(&self, store: &Store) -> Vec<Unknown> {
        let mut found: Vec<Unknown> = Vec::new();
        for (folded, entry) in store.iter().filter(|(folded, entry)| self.is_owned(folded, entry)) {
            let Some(unknown) = self.first_unknown(folded) else { continue };
            if found.last().is_none_or(|last| last.folded != unknown) {
                found.push(self.describe(unknown, entry));
            }
        }
        found
    }

    /// Whether a key was asked for.
    pub(crate) fn knows(&self, key: &str) -> bool {
        self.known.contains_key(&key::fold(key))
    }

    /// Variables such as `AzureAd_ClientId`, in which a single `_` stands where `__` was meant.
    pub(crate) fn single_underscores(&self, store: &Store) -> Vec<Warning> {
        let meant = |(folded, entry): (&str, &Entry)| {
            let mut names = folded.splitn(3, '_');
            let (section, name) = (names.next()?, names.next()?);
            let is_known = self.owned.contains(section) && self.known.contains_key(&key::join(section, name));
            (entry.from_environment && !folded.contains(key::SEPARATOR) && is_known).then(|| Warning {
                key: entry.key.clone(),
                message: format!("ignored; did you mean the variable `{}`?", entry.key.replace('_', "__")),
            })
        };
        store.iter().filter_map(meant).collect()
    }

    /// Whether an entry belongs into `config show` and, if so, whether its value may be seen.
    pub(crate) fn judge(&self, folded: &str, entry: &Entry) -> Option<bool> {
        let known = self.known.contains_key(folded);
        let listed = known || !entry.from_environment || self.is_owned(folded, entry);
        listed.then(|| known && !self.secret.contains(folded))
    }

    fn is_owned(&self, folded: &str, entry: &Entry) -> bool {
        let by_section = key::ancestors(folded).skip(1).any(|section| self.owned.contains(section));
        by_section || (self.owned.contains("") && !entry.from_environment)
    }

    /// The shortest key on the way to this one that is not known.
    fn first_unknown<'k>(&self, folded: &'k str) -> Option<&'k str> {
        let mut unknown = None;
        for key in key::ancestors(folded) {
            if self.reserved.contains(key) {
                return None;
            }
            if !self.known.contains_key(key) {
                unknown = Some(key);
            }
        }
        unknown
    }

    fn describe(&self, folded: &str, entry: &Entry) -> Unknown {
        let depth = key::depth(folded);
        let names: Vec<&str> = entry.key.split(key::SEPARATOR).take(depth).collect();
        let nearest = self.nearest(folded).map(str::to_owned);
        Unknown { folded: folded.to_owned(), key: names.join(":"), source: entry.source.clone(), nearest }
    }

    /// The known key in the same section whose name is most like this one's, if any is near.
    fn nearest(&self, folded: &str) -> Option<&str> {
        let (section, name) = folded.rsplit_once(key::SEPARATOR).unwrap_or(("", folded));
        let candidates = self.known.iter().filter_map(|(known, spelling)| {
            let (known_section, known_name) = known.rsplit_once(key::SEPARATOR).unwrap_or(("", known));
            let distance = strsim::damerau_levenshtein(name, known_name);
            let similar = distance * 3 <= name.chars().count().max(known_name.chars().count());
            let near = similar || (name.len() >= MIN_PART && known_name.contains(name));
            (known_section == section && near).then_some((distance, spelling))
        });
        candidates.min().map(|(_, spelling)| spelling.as_str())
    }
}

/// The shortest part of a known name that is taken for the name itself, such as `Timeout` for `HeaderTimeout`.
const MIN_PART: usize = 5;

/// A key that nobody asked for.
#[derive(Clone, Debug)]
pub(crate) struct Unknown {
    folded: String,
    key: String,
    source: String,
    nearest: Option<String>,
}

impl Unknown {
    /// What to say of it.
    pub(crate) fn into_warning(self) -> Warning {
        let name = |key: &str| key.rsplit(key::SEPARATOR).next().unwrap_or_default().to_owned();
        let message = match &self.nearest {
            Some(nearest) => format!("unknown key ({}); did you mean `{}`?", self.source, name(nearest)),
            None => format!("unknown key ({}); it has no effect", self.source),
        };
        Warning { key: self.key, message }
    }
    /// Adds to the fault of a missing key that this one may have been meant as it.
    pub(crate) fn point_out(&self, fault: &mut Fault) {
        let meant = self.nearest.as_ref().is_some_and(|nearest| key::fold(nearest) == key::fold(&fault.key));
        if meant && fault.source.is_none() {
            let Self { key, source, .. } = self;
            fault.hint = format!("{}; `{key}` ({source}) is unknown and may have been meant as this one", fault.hint);
        }
    }
}
