//! Environment and command line.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidekey_config::fuzzing::environment(input));
