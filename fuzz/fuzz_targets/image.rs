#![no_main]

use graysam::image::decode;

libfuzzer_sys::fuzz_target!(|file: &[u8]| drop(decode::decode(file)));
