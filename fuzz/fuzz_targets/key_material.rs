//! Private keys and certificates.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidekey_jose::fuzzing::key_material(input));
