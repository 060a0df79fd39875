//! Tokens.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidekey_jose::fuzzing::jws(input));
