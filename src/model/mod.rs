//! The Segment Anything Model (Kirillov et al., 2023, <https://arxiv.org/abs/2304.02643>) in Burn.
//!
//! Each file is a block of the paper; parameter names are those of the reference
//! implementation, `segment_anything`. Nothing here knows of files, images or the browser.

pub mod attention;
pub mod config;
mod elementwise;
pub mod image_encoder;
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
