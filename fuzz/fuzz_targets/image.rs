//! All image formats, told apart by content.
#![no_main]

use graysam::image::decode;
use graysam_fuzz as _;

libfuzzer_sys::fuzz_target!(|file: &[u8]| drop(decode::decode(file)));
