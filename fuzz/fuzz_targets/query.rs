//! Queries of the token routes and their overrides.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidekey_sidecar::fuzzing::query(input));
