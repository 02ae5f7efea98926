//! The first and the second frame of DICOM files, and how they are shown.
#![no_main]

use std::io::Cursor;

use graysam::image::decode;
use graysam::image::display::{Display, to_rgb};
use graysam_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    if file.get(128..132) != Some(b"DICM") {
        return;
    }
    for page in [0, 1] {
        if let Ok(page) = decode::open(Cursor::new(file), page) {
            to_rgb(&page.picture, &Display::of(&page)).expect("the file's display is valid");
        }
    }
});
