//! Drives `weft_tests::fuzz::netlink` with libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weft_tests::fuzz::netlink::run(data));
