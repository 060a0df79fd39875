//! Settings of every section.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidekey_sidecar::fuzzing::settings(input));
