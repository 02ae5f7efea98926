//! The search for all objects of the open image, a piece of work at a time.

use serde::Serialize;
use wasm_bindgen::prelude::*;

use super::engine::Engine;
use super::json::{JsResult, from_js, to_js};
use crate::error::Error;
use crate::everything::{Everything, Found};
use crate::image::labels::Labels;

#[derive(Serialize)]
struct Progress {
    /// 0..1
    fraction: f64,
    found: usize,
    finished: bool,
}

/// What a search found.
#[wasm_bindgen]
pub struct FoundObjects {
    labels: Labels,
    objects: Vec<Found>,
}

#[wasm_bindgen]
impl Engine {
    /// Begins a search in the open image as it is displayed, in place of the one before. Where
    /// the image is one tile, its embedding serves if it is there.
    pub async fn begin_everything(&self, display: JsValue, settings: JsValue) -> JsResult<()> {
        let settings = from_js(&settings, "search")?;
        let image = self.displayed(display)?;
        let everything = self
            .with_predictor(async |predictor| {
                Everything::new(image, settings, predictor.embedding().ok().cloned())
            })
            .await?;
        self.everything.set(Some(everything));
        Ok(())
    }

    /// Does the search's next piece of work.
    pub async fn advance_everything(&self) -> JsResult<JsValue> {
        let mut everything = self.everything.take().ok_or_else(no_search)?;
        let advanced = self
            .with_predictor(async |predictor| everything.advance(predictor).await)
            .await;
        let progress = Progress {
            fraction: everything.progress(),
            found: everything.found(),
            finished: !advanced?,
        };
        self.everything.set(Some(everything));
        to_js(&progress)
    }

    /// Ends the search: what it found.
    pub fn finish_everything(&self) -> JsResult<FoundObjects> {
        let everything = self.everything.take().ok_or_else(no_search)?;
        let (labels, objects) = everything.finish();
        Ok(FoundObjects { labels, objects })
    }

    /// Drops the search.
    pub fn drop_everything(&self) {
        self.everything.set(None);
    }
}

#[wasm_bindgen]
impl FoundObjects {
    /// Of each object its number, IoU, stability and area.
    pub fn objects(&self) -> JsResult<JsValue> {
        to_js(&self.objects)
    }

    /// The object numbers of the pixels.
    pub fn ids(self) -> Vec<u32> {
        self.labels.ids
    }
}

fn no_search() -> Error {
    Error::new("There is no search: begin one.")
}
