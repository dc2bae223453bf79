//! Drives `weft_tests::fuzz::bgp_message` with libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weft_tests::fuzz::bgp_message::run(data));
