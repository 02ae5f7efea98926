//! The first and the second page of TIFF files.
#![no_main]

use std::io::Cursor;

use graysam::image::decode;
use graysam_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    if file.starts_with(b"II") || file.starts_with(b"MM") {
        let _ = decode::open(Cursor::new(file), 0);
        let _ = decode::open(Cursor::new(file), 1);
    }
});
