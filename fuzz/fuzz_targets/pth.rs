//! The pickle of a PyTorch file, which would seldom get through the zip file's checksum.
#![no_main]

use std::io::{Cursor, Write};

use graysam::weights::Checkpoint;
use graysam_fuzz as _;
use libfuzzer_sys::fuzz_target;
use zip::write::{SimpleFileOptions, ZipWriter};

fuzz_target!(|pickle: &[u8]| {
    let Ok(mut checkpoint) = Checkpoint::open(Cursor::new(zipped(pickle))) else {
        return;
    };
    let names: Vec<String> = checkpoint.names().map(str::to_owned).collect();
    for name in names {
        let shape = checkpoint.shape(&name).unwrap_or_default().to_vec();
        let _ = checkpoint.read(&name, &shape);
    }
});

/// A file as `torch.save` writes one, with storages `0` to `2`.
fn zipped(pickle: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let storage = [0x3c; 64];
    let files = [
        ("a/data.pkl", pickle),
        ("a/data/0", &storage),
        ("a/data/1", &storage),
        ("a/data/2", &storage),
    ];
    let options = SimpleFileOptions::default();
    for (name, bytes) in files {
        zip.start_file(name, options)
            .and_then(|()| Ok(zip.write_all(bytes)?))
            .expect("a file in memory can be written");
    }
    zip.finish()
        .expect("a file in memory can be finished")
        .into_inner()
}
