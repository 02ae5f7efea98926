//! GraySAM: the Segment Anything Model for grayscale images, natively and in the browser.

pub mod annotation;
pub mod device;
pub mod error;
pub mod evaluate;
pub mod everything;
pub mod image;
pub mod measure;
pub mod model;
pub mod page;
pub mod predictor;
mod random;
pub mod training;
pub mod weights;

pub use error::{Error, Result};
