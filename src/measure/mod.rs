//! How fast a device is: kernels by themselves, and a model's encoder, clicks and training steps.

mod kernels;
mod model;
mod product;
#[cfg(test)]
mod tests;
mod tiles;
mod timing;

pub use kernels::{Rate, Rates, rates};
pub use model::{Measured, measured};
pub use product::Product;
pub use tiles::fastest_tiles;
