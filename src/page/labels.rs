//! Label images for the page.

use wasm_bindgen::prelude::*;

use super::engine::Engine;
use super::json::JsResult;
use crate::image::labels::Labels;
use crate::image::sample;

#[wasm_bindgen]
impl Engine {
    /// The object numbers of a label image for the open image, row-major, 0 in the background.
    pub fn label_ids(&self, file: &[u8]) -> JsResult<Vec<u32>> {
        let labels = Labels::decode(file)?;
        labels.objects_on(self.image_size()?, 1)?;
        Ok(labels.ids)
    }

    /// The bundled sample's own labels.
    pub fn sample_labels(&self) -> Vec<u32> {
        sample::nuclei().1.ids
    }

    /// A 16-bit PNG file of `width × height` object numbers.
    pub fn labels_png(&self, ids: Vec<u32>, width: usize, height: usize) -> JsResult<Vec<u8>> {
        Ok(Labels { width, height, ids }.to_png()?)
    }
}
