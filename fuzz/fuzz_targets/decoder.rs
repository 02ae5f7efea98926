//! The file of a fine-tuned decoder: what it says of itself, and its tensors.
#![no_main]

use std::io::Cursor;

use graysam::weights::decoder_info::{Base, open_for};
use graysam_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let base = Base {
        name: "SAM ViT-B".into(),
        sha256: "00ff".into(),
    };
    if let Ok((mut checkpoint, _)) = open_for(Cursor::new(file), &base) {
        let _ = checkpoint.read("mask_decoder.iou_token.weight", &[1, 4]);
    }
});
