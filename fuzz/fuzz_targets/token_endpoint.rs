//! Answers of token endpoints.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidekey_entra::fuzzing::token_endpoint(input));
