#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| marl_ffi_fuzz::brigade::run(data));
