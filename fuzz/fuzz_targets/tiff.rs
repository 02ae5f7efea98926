//! The first and the second page of TIFF files.
#![no_main]

use std::io::Cursor;

use graysam::image::planes::ChannelChoice;
use graysam::image::{decode, tiff};
use graysam_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    if file.starts_with(b"II") || file.starts_with(b"MM") {
        let _ = decode::open(Cursor::new(file), 0);
        let _ = decode::open(Cursor::new(file), 1);
        let both = ChannelChoice::Composite([Some(1), None, Some(0)]);
        let _ = decode::open_channels(Cursor::new(file), 0, &both);
        let _ = tiff::stored(&mut Cursor::new(file), 0);
    }
});
