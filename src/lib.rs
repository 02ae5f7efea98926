//! GraySAM: the Segment Anything Model for grayscale images, natively and in the browser.

// Without the model some of its helpers are left over.
#![cfg_attr(not(feature = "model"), allow(dead_code))]

pub mod agreement;
pub mod annotation;
#[cfg(feature = "model")]
pub mod automatic_masks;
mod choice;
#[cfg(feature = "model")]
pub mod device;
pub mod error;
#[cfg(feature = "model")]
pub mod evaluate;
#[cfg(feature = "model")]
pub mod finder;
#[cfg(feature = "model")]
pub mod gpu_check;
pub mod image;
pub mod instances;
#[cfg(feature = "model")]
pub mod measure;
#[cfg(feature = "model")]
pub mod model;
#[cfg(feature = "model")]
pub mod predictor;
mod random;
pub mod scores;
#[cfg(feature = "model")]
pub mod settings;
#[cfg(feature = "model")]
pub mod tile_choice;
#[cfg(feature = "model")]
pub mod training;
#[cfg(feature = "model")]
pub mod web;
pub mod weights;

pub use error::{Error, Result};
