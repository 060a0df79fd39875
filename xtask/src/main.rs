//! The one entry for developers.
fn main() {}
