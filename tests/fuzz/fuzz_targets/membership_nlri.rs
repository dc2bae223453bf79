//! Drives `weft_tests::fuzz::membership_nlri` with libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weft_tests::fuzz::membership_nlri::run(data));
