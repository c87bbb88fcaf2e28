#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ztor_fuzz_targets::transmission(data));
