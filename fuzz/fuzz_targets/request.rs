//! Paths and hosts of requests.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidekey_sidecar::fuzzing::request(input));
