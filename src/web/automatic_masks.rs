//! The search for all objects of the open image, a piece of work at a time.

use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;

use super::engine::Engine;
use super::types::{AutomaticMaskProgress, Display, JsResult, read};
use crate::automatic_masks::{AutomaticMaskSettings, AutomaticMasks, FoundObject};
use crate::error::Error;

/// What a search found.
#[wasm_bindgen]
pub struct FoundObjects {
    runs: Vec<u32>,
    objects: Vec<FoundObject>,
}

#[wasm_bindgen]
impl Engine {
    /// Begins a search in the open image as it is displayed, in place of the one before. Where
    /// the image is one tile, its embedding serves if it is there.
    pub async fn begin_automatic_masks(
        &self,
        display: Ts<Display>,
        settings: Ts<AutomaticMaskSettings>,
    ) -> JsResult<()> {
        let settings = read(&settings, "settings of the search")?;
        let image = self.displayed(&display)?;
        let search = self
            .with_predictor(async |predictor| {
                AutomaticMasks::new(image, settings, predictor.embedding().ok().cloned())
            })
            .await?;
        self.automatic_masks.set(Some(search));
        Ok(())
    }

    /// Does the search's next piece of work.
    pub async fn advance_automatic_masks(&self) -> JsResult<Ts<AutomaticMaskProgress>> {
        let mut search = self.automatic_masks.take().ok_or_else(no_search)?;
        let advanced = self
            .with_predictor(async |predictor| search.advance(predictor).await)
            .await;
        let progress = AutomaticMaskProgress {
            fraction: search.progress(),
            found: search.found(),
            finished: !advanced?,
        };
        self.automatic_masks.set(Some(search));
        Ok(progress.into_ts()?)
    }

    /// Ends the search: what it found.
    pub fn finish_automatic_masks(&self) -> JsResult<FoundObjects> {
        let search = self.automatic_masks.take().ok_or_else(no_search)?;
        let (labels, objects) = search.finish();
        let runs = labels.runs();
        Ok(FoundObjects { runs, objects })
    }

    /// Drops the search.
    pub fn drop_automatic_masks(&self) {
        self.automatic_masks.set(None);
    }
}

#[wasm_bindgen]
impl FoundObjects {
    pub fn objects(&self) -> JsResult<Vec<Ts<FoundObject>>> {
        let objects: Result<Vec<_>, _> = self.objects.iter().map(Tsify::into_ts).collect();
        Ok(objects?)
    }

    /// The runs of the labels, with which this is used up.
    pub fn runs(self) -> Vec<u32> {
        self.runs
    }
}

fn no_search() -> Error {
    Error::new("No search for objects is running: start one.")
}
