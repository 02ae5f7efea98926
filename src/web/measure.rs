//! Work of a known size, for the benchmark.

use wasm_bindgen::prelude::*;

use super::engine::Engine;
use super::types::JsResult;
use crate::measure;

/// A large matrix product on an engine's device.
#[wasm_bindgen]
pub struct Product(measure::Product);

#[wasm_bindgen]
impl Product {
    /// A linear layer for so many rows.
    #[wasm_bindgen(constructor)]
    pub fn new(engine: &Engine, rows: usize, inputs: usize, outputs: usize) -> JsResult<Product> {
        let product = measure::Product::new([rows, inputs, outputs], engine.tensor_device())?;
        Ok(Self(product))
    }

    /// Seconds of one product, by the device's clock where it has one.
    pub async fn seconds(&self, engine: &Engine) -> JsResult<f64> {
        Ok(self.0.seconds(engine.tensor_device()).await?)
    }

    /// Multiplies once and waits for the end.
    pub async fn run(&self) -> JsResult<()> {
        Ok(self.0.run(1).await?)
    }
}
