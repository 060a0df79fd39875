//! Answers of key vaults.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidekey_entra::fuzzing::vault(input));
