//! The merged values: one flat map of folded keys, in which a later layer wins leaf by leaf.

use std::collections::{BTreeMap, btree_map};

use crate::key;

/// What is known of one key.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The key as the layer spells it whose value counts.
    pub(crate) key: String,
    /// The value; `None` where a file says `null` or `{}`, which hides the values of lower layers.
    pub(crate) value: Option<String>,
    /// Who set it.
    pub(crate) source: String,
    /// Whether it comes from the environment, which is full of things that are not meant for us.
    pub(crate) from_environment: bool,
    /// The key as the first layer spells it that has it, for the names of children.
    first_spelling: String,
    /// When the key was first seen.
    order: usize,
}

/// All keys, by their folded form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    entries: BTreeMap<String, Entry>,
}

impl Store {
    /// Sets a value over what lower layers say; gives back the source it replaces.
    pub(crate) fn set(&mut self, key: String, value: Option<String>, source: String, from_environment: bool) {
        let order = self.entries.len();
        match self.entries.entry(key::fold(&key)) {
            btree_map::Entry::Vacant(vacant) => {
                let first_spelling = key.clone();
                vacant.insert(Entry { key, value, source, from_environment, first_spelling, order });
            }
            btree_map::Entry::Occupied(mut occupied) => {
                let entry = occupied.get_mut();
                (entry.key, entry.value, entry.source) = (key, value, source);
                entry.from_environment = from_environment;
            }
        }
    }

    /// The entry of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(&key::fold(key))
    }

    /// All entries with their folded keys, sorted by these.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(folded, entry)| (folded.as_str(), entry))
    }

    /// The entries below a key; all of them below the empty key.
    pub(crate) fn below(&self, key: &str) -> impl Iterator<Item = &Entry> {
        let prefix = if key.is_empty() { String::new() } else { format!("{}{}", key::fold(key), key::SEPARATOR) };
        self.entries
            .range(prefix.clone()..)
            .take_while(move |(key, _)| key.starts_with(&prefix))
            .map(|(_, entry)| entry)
    }

    /// The names of the direct children, each as the first layer spells it: numbers by value, then the others.
    pub(crate) fn children(&self, key: &str) -> Vec<&str> {
        let depth = key::depth(key);
        let mut names: BTreeMap<String, (usize, &str)> = BTreeMap::new();
        for entry in self.below(key) {
            let Some(name) = entry.first_spelling.split(key::SEPARATOR).nth(depth) else { continue };
            let found = names.entry(key::fold(name)).or_insert((entry.order, name));
            if entry.order < found.0 {
                *found = (entry.order, name);
            }
        }
        let mut names: Vec<&str> = names.into_values().map(|(_, name)| name).collect();
        names.sort_by(|left, right| key::compare(left, right));
        names
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn store(pairs: &[(&str, &str)]) -> Store {
        let mut store = Store::default();
        for (key, value) in pairs {
            store.set((*key).to_owned(), Some((*value).to_owned()), "test".to_owned(), false);
        }
        store
    }

    #[test]
    fn children_are_sorted_and_spelled_as_first_seen() {
        let store = store(&[("A:10", ""), ("A:2:x", ""), ("A:Graph:Url", ""), ("a:GRAPH:scopes", ""), ("AB:0", "")]);
        assert_eq!(store.children("a"), ["2", "10", "Graph"]);
        assert_eq!(store.children(""), ["A", "AB"]);
        assert_eq!(store.children("A:Graph"), ["scopes", "Url"]);
        assert!(store.children("A:10").is_empty());
    }

    #[test]
    fn a_name_whose_folded_form_has_another_length_is_cut_rightly() {
        assert_eq!(store(&[("ıı:Name:x", "")]).children("ıı"), ["Name"]);
    }

    proptest! {
        #[test]
        fn look_ups_equal_a_plain_map_in_which_the_last_value_wins(
            pairs in proptest::collection::vec(("[abAB:0é]{1,5}", "[a-z]{0,3}"), 0..40),
        ) {
            let mut store = Store::default();
            let mut model = HashMap::new();
            for (key, value) in &pairs {
                store.set(key.clone(), Some(value.clone()), String::new(), false);
                model.insert(key.to_lowercase(), value.clone());
            }
            for (key, _) in &pairs {
                let found = store.get(&key.to_uppercase()).and_then(|entry| entry.value.clone());
                prop_assert_eq!(found.as_ref(), model.get(&key.to_lowercase()));
            }
        }
    }
}
