//! Drives `weft_tests::fuzz::config` with libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weft_tests::fuzz::config::run(data));
