//! Label images for the page, which has them as runs: pairs of a length and an object's number,
//! row by row.

use wasm_bindgen::prelude::*;

use super::engine::Engine;
use super::types::JsResult;
use crate::image::labels::Labels;
use crate::image::sample;

#[wasm_bindgen]
impl Engine {
    /// The bundled sample's own labels.
    pub fn sample_label_runs(&self) -> Vec<u32> {
        sample::nuclei().1.runs()
    }

    /// A 16-bit PNG file of labels.
    pub fn labels_png(&self, runs: Vec<u32>, width: usize, height: usize) -> JsResult<Vec<u8>> {
        Ok(Labels::from_runs(&runs, (width, height))?.to_png()?)
    }

    /// A TIFF file of labels, which may have pixels that are not annotated.
    pub fn labels_tiff(&self, runs: Vec<u32>, width: usize, height: usize) -> JsResult<Vec<u8>> {
        Ok(Labels::from_runs(&runs, (width, height))?.to_tiff(None)?)
    }
}
