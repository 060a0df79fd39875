//! `WWW-Authenticate` challenges.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidekey_oauth::fuzzing::challenge(input));
