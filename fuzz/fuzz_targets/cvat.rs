//! CVAT's XML.
#![no_main]

libfuzzer_sys::fuzz_target!(|file: &[u8]| graysam_fuzz::annotations(file));
