//! GraySAM: the Segment Anything Model for grayscale images, natively and in the browser.

// Without the model some of its helpers are left over.
#![cfg_attr(not(feature = "model"), allow(dead_code))]

pub mod annotation;
#[cfg(feature = "model")]
pub mod device;
pub mod error;
#[cfg(feature = "model")]
pub mod evaluate;
#[cfg(feature = "model")]
pub mod everything;
pub mod image;
#[cfg(feature = "model")]
pub mod measure;
#[cfg(feature = "model")]
pub mod model;
#[cfg(feature = "model")]
pub mod page;
#[cfg(feature = "model")]
pub mod predictor;
mod random;
pub mod scores;
#[cfg(feature = "model")]
pub mod training;
pub mod weights;

pub use error::{Error, Result};
