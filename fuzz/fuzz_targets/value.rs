#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| goldenpath_fuzz::any_bytes::value(bytes));
