//! The Segment Anything Model (Kirillov et al., 2023, <https://arxiv.org/abs/2304.02643>) in Burn.
//!
//! Each file is a block of the paper; parameter names are those of the reference
//! implementation, `segment_anything`. Nothing here knows of files, images or the browser.
//!
//! A block's `load` takes its weights from [`Parameters`] and fails when one is missing or has another
//! shape. Tensors' shapes are written with `B` for the batch, `C` for the channels and `pixels` for
//! the positions of the image embedding, row by row.

pub mod attention;
pub mod config;
mod elementwise;
pub mod halfway;
pub mod image_encoder;
pub mod instance_decoder;
pub mod kernels;
pub mod layers;
pub mod mask_decoder;
pub mod parameters;
pub mod precision;
pub mod prompt_encoder;
pub mod sam;
pub mod tiny_vit;
pub mod two_way_transformer;
pub mod vit;

pub use config::SamConfig;
pub use parameters::Parameters;
pub use precision::Precision;
pub use sam::Sam;
