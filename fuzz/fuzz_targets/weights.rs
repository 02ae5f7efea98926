//! Checkpoints, safetensors and `.pth`: the directory, the architecture, and all tensors.
#![no_main]

use std::io::Cursor;

use graysam::weights::{Checkpoint, recognise};
use graysam_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let Ok(mut checkpoint) = Checkpoint::open(Cursor::new(file)) else {
        return;
    };
    let _ = recognise(|name| checkpoint.shape(name));
    let names: Vec<String> = checkpoint.names().map(str::to_owned).collect();
    for name in names {
        let shape = checkpoint.shape(&name).unwrap_or_default().to_vec();
        let _ = checkpoint.read(&name, &shape);
    }
});
