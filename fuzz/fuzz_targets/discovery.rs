//! Discovery documents, ids and scopes.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidekey_oauth::fuzzing::discovery(input));
