//! Visitors that refuse what serde_json lets pass.
//!
//! serde_json's own `Value` keeps the last of two equal members, which lets two readers of one token see two different
//! claims.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::names::Names;
use crate::error::shorten;

/// The object itself.
pub(super) struct AllMembers;

impl<'de> Visitor<'de> for AllMembers {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        all_members(members, 1)
    }
}

/// Some members of the object, by their slots.
pub(super) struct SomeMembers<'s, F> {
    pub(super) slots: &'s mut [Option<Value>],
    pub(super) slot: F,
}

impl<'de, F: Fn(&str) -> Option<usize>> Visitor<'de> for SomeMembers<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut names = Names::new();
        while let Some(name) = members.next_key_seed(Name)? {
            let slot = (self.slot)(&name).and_then(|index| self.slots.get_mut(index));
            if slot.as_ref().is_some_and(|slot| slot.is_some()) || !names.insert(name.clone()) {
                return Err(twice(&name));
            }
            let value = members.next_value_seed(Strict { level: 1, keep: slot.is_some() })?;
            if let Some(slot) = slot {
                *slot = Some(value);
            }
        }
        Ok(())
    }
}

/// A value inside an object or array of that level.
#[derive(Clone, Copy)]
struct Strict {
    level: usize,
    /// Whether the value is wanted. If not, it is checked, and something cheap stands for it.
    keep: bool,
}

impl Strict {
    fn below<E: Error>(self) -> Result<Self, E> {
        if self.level >= MAX_LEVELS {
            return Err(E::custom(format_args!("it is nested deeper than {MAX_LEVELS} levels")));
        }
        Ok(Self { level: self.level + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(if self.keep { value.into() } else { Value::Null })
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let element = self.below()?;
        let mut array = Vec::new();
        while let Some(value) = elements.next_element_seed(element)? {
            if self.keep {
                array.push(value);
            }
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Value, A::Error> {
        let Self { level, keep } = self.below()?;
        if keep { all_members(members, level).map(Value::Object) } else { no_members(members, level) }
    }
}

fn all_members<'de, A: MapAccess<'de>>(mut members: A, level: usize) -> Result<Map<String, Value>, A::Error> {
    let mut map = Map::new();
    while let Some(name) = members.next_key_seed(Name)? {
        if map.contains_key(&*name) {
            return Err(twice(&name));
        }
        map.insert(name.into_owned(), members.next_value_seed(Strict { level, keep: true })?);
    }
    Ok(map)
}

fn no_members<'de, A: MapAccess<'de>>(mut members: A, level: usize) -> Result<Value, A::Error> {
    let mut names = Names::new();
    while let Some(name) = members.next_key_seed(Name)? {
        if !names.insert(name.clone()) {
            return Err(twice(&name));
        }
        members.next_value_seed(Strict { level, keep: false })?;
    }
    Ok(Value::Null)
}

#[cold]
fn twice<E: Error>(name: &str) -> E {
    E::custom(format_args!("the member `{}` occurs twice", shorten(name)))
}

/// A member's name, borrowed from the text where it has no escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// Deeper than any claim set, far from what could exhaust a stack.
const MAX_LEVELS: usize = 32;
