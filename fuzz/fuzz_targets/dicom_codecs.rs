//! The codecs of DICOM files: the input is a frame of 20 × 18 pixels, packed in whatever its own
//! first bytes say. The seeds are whole files, of which the part from the first fragment on counts.
#![no_main]

use std::io::Cursor;

use graysam::image::decode;
use graysam_fuzz as _;
use libfuzzer_sys::fuzz_target;

/// Tag and length of the table of offsets, which comes before the first fragment.
const FRAGMENTS: &[u8] = b"\xfe\xff\0\xe0";

fuzz_target!(|input: &[u8]| {
    let last = input.windows(4).rposition(|four| four == FRAGMENTS);
    let frame = last.map_or(input, |at| input.get(at + 8..).unwrap_or_default());
    let short = |number: u8, value: u8| [0x28, 0, number, 0, b'U', b'S', 2, 0, value, 0];
    let mut file = vec![0; 128];
    file.extend(b"DICM\x02\0\x10\0UI\x16\x001.2.840.10008.1.2.4.80");
    file.extend(short(2, 1));
    file.extend(short(0x10, 18));
    file.extend(short(0x11, 20));
    file.extend([0x28, 0, 0, 1, b'U', b'S', 2, 0, 16, 0]);
    file.extend(b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\0\0\0\0\xfe\xff\0\xe0");
    file.extend((frame.len() as u32).to_le_bytes());
    file.extend(frame);
    let _ = decode::open(Cursor::new(&file), 0);
});
