//! Single values of the configuration.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidekey_config::fuzzing::value(input));
