#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::scan_raw(data));
