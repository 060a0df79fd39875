//! Answers of the hosts of managed identities.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidekey_entra::fuzzing::identity_host(input));
