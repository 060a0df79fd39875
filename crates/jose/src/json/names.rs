//! The names of one object's members, to find one that is there twice.

use std::{borrow::Cow, collections::HashSet};

/// Names seen so far. A token has some dozens of claims, for which looking through a list is quickest; a hostile one may
/// have thousands, for which it must not be.
pub(super) struct Names<'de> {
    few: Vec<Cow<'de, str>>,
    many: HashSet<Cow<'de, str>>,
    /// One bit for each of 64 sorts of names: a name whose bit is not set is new without looking.
    marks: u64,
}

impl<'de> Names<'de> {
    pub(super) fn new() -> Self {
        Self { few: Vec::new(), many: HashSet::new(), marks: 0 }
    }

    /// Whether the name is new.
    pub(super) fn insert(&mut self, name: Cow<'de, str>) -> bool {
        let mark = mark_of(name.as_bytes());
        if self.marks & mark != 0 && (self.few.contains(&name) || self.many.contains(&name)) {
            return false;
        }
        self.marks |= mark;
        if self.few.len() < FEW {
            if self.few.is_empty() {
                // Room for all of a usual token at once, rather than by doubling.
                self.few.reserve(FEW);
            }
            self.few.push(name);
            return true;
        }
        self.many.insert(name)
    }
}

fn mark_of(name: &[u8]) -> u64 {
    let byte = |index: usize| name.get(index).map_or(0, |byte| usize::from(*byte));
    let sort =
        name.len() ^ byte(0).wrapping_mul(5) ^ byte(name.len() / 2).wrapping_mul(3) ^ byte(name.len().wrapping_sub(1));
    1 << (sort % 64)
}

const FEW: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_new_once_however_many_there_are() {
        let mut names = Names::new();
        for count in 0..500 {
            assert!(names.insert(Cow::Owned(format!("name {count}"))), "{count}");
        }
        for count in 0..500 {
            assert!(!names.insert(Cow::Owned(format!("name {count}"))), "{count}");
        }
        assert!(names.insert(Cow::Borrowed("")));
        assert!(!names.insert(Cow::Borrowed("")));
    }
}
