//! `RelativePath` on its base URL.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidekey_sidecar::fuzzing::relative_path(input));
