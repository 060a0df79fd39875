//! Answers of the sources of federated assertions.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidekey_entra::fuzzing::federated(input));
