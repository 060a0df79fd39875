//! OpenID metadata and published keys.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidekey_entra::fuzzing::metadata(input));
