//! Configuration with ASP.NET's semantics: flat keys without case, layers that win per leaf, arrays by index, the binder's
//! rules for bool, int, TimeSpan and lists, and every fault reported at once.
//!
//! The sections themselves belong to the crates that use them; each reads its own through a [`Section`].

mod arguments;
mod env;
mod fault;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod json;
mod key;
mod layers;
mod marks;
mod section;
mod store;
mod time_span;
mod values;

pub use fault::{Entry, Fault, Faults, Shown, Warning};
pub use layers::{Configuration, Sources};
pub use section::{Section, Setting};
