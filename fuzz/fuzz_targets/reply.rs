//! AADSTS errors and token replies.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sidekey_oauth::fuzzing::reply(input));
