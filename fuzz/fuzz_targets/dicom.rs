//! The first and the second frame of DICOM files, and how they are shown, in each of their ways.
#![no_main]

use std::io::Cursor;

use graysam::image::decode;
use graysam::image::display::{Display, to_rgb};
use graysam_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    // With a preamble, or the first group of a data set without one.
    if file.get(128..132) != Some(b"DICM") && !file.starts_with(b"\x08\0") {
        return;
    }
    for page in [0, 1] {
        if let Ok(page) = decode::open(Cursor::new(file), page) {
            let display = Display::of(&page);
            to_rgb(&page.picture, &display).expect("the file's display is valid");
            for voi in &page.voi {
                let display = display.clone().through(voi);
                to_rgb(&page.picture, &display).expect("each display of the file is valid");
            }
        }
    }
});
