//! Model weights: reading checkpoints (safetensors and PyTorch `.pth`) one tensor at a time, telling the
//! architecture from them, and writing safetensors.
//!
//! Only a checkpoint's directory is held in memory. Tensor names are those of the `segment_anything`
//! package (and MobileSAM's for TinyViT), whichever way the file spells them.

pub mod architecture;
pub mod checkpoint;
mod dtype;
pub mod names;
pub mod noise;
mod pickle;
mod pickle_bytes;
mod pth;
pub mod safetensors;
pub mod source;

pub use architecture::{Architecture, recognise};
pub use checkpoint::Checkpoint;
pub use dtype::Dtype;
