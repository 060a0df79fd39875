//! `sidekey`: one binary, roles as subcommands.
fn main() {}
