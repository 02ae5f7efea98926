//! Images around the model: reading files, the display window, resizing, masks, label images
//! and the bundled sample.
//!
//! Images are row-major with the origin at the top left, x to the right and y down.

mod channels;
pub mod components;
mod content;
pub mod decode;
mod dicom;
pub mod display;
pub(crate) mod distance;
pub(crate) mod encode;
mod jpeg;
mod jpeg_2000;
mod jpeg_scan;
mod label_numbers;
pub mod labels;
pub mod levels;
pub mod mask;
pub mod part;
pub mod pixel_size;
pub mod planes;
mod png;
pub mod pyramid;
pub mod resize;
pub mod sample;
pub mod shapes;
mod stored;
pub mod tiff;
pub mod unknown;
pub mod voi;
