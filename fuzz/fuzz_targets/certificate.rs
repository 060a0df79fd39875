//! PFX and PEM files of credentials.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidekey_entra::fuzzing::certificate(input));
