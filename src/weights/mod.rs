//! Model weights: reading checkpoints (safetensors and PyTorch `.pth`) one tensor at a time, telling the
//! architecture from them, and writing safetensors and PyTorch files.
//!
//! Only a checkpoint's directory is held in memory. Tensor names are those of the `segment_anything`
//! package (and MobileSAM's for TinyViT), whichever way the file spells them.

use std::io::Read;

use sha2::{Digest, Sha256};

pub mod architecture;
pub mod checkpoint;
pub mod decoder_info;
mod dtype;
pub mod instance_names;
pub mod names;
pub mod noise;
mod others;
mod pickle;
mod pickle_bytes;
mod pth;
pub mod pth_writer;
pub mod safetensors;
pub mod source;
mod state_dict;

pub use architecture::{Architecture, recognise};
pub use checkpoint::Checkpoint;
pub use dtype::Dtype;
pub use names::Naming;

/// SHA-256 of all that `reader` gives, in hexadecimal.
pub fn digest(mut reader: impl Read) -> std::io::Result<String> {
    let (mut digest, mut piece) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match reader.read(&mut piece)? {
            0 => return Ok(hex(&digest.finalize())),
            n => digest.update(&piece[..n]),
        }
    }
}

/// Lower-case hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
