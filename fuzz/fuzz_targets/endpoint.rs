//! URLs to listen on.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidekey_host::fuzzing::endpoint(input));
