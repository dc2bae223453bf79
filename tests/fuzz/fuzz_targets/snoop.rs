//! Drives `weft_tests::fuzz::snoop` with libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weft_tests::fuzz::snoop::run(data));
