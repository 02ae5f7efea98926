//! The search for all objects of the open image, a piece of work at a time.

use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;

use super::engine::Engine;
use super::image::no_image;
use super::types::{AutomaticMaskProgress, Display, JsResult, read};
use crate::automatic_masks::{AutomaticMaskSettings, AutomaticMasks, Found, FoundObject};
use crate::error::{Error, Result};
use crate::image::display::{self, Shown};

/// A search under way in the open image.
pub(super) struct Search {
    masks: AutomaticMasks,
    display: display::Display,
}

/// What a search found.
#[wasm_bindgen]
pub struct FoundObjects(Found);

#[wasm_bindgen]
impl Engine {
    /// Begins a search in the open image as it is displayed, in place of the one before. Where the
    /// settings choose no tile, a large image's tiles have the side `side`, in pixels of the image;
    /// 0: none is given. Where the image is one tile, its embedding serves if it is there.
    pub async fn begin_automatic_masks(
        &self,
        display: Ts<Display>,
        settings: Ts<AutomaticMaskSettings>,
        side: usize,
    ) -> JsResult<()> {
        let settings = read(&settings, "settings of the search")?;
        let display = {
            let image = self.image.borrow();
            image.as_ref().ok_or_else(no_image)?.display(&display)?
        };
        let (size, side) = (self.image_size()?, (side > 0).then_some(side));
        let masks = self
            .with_predictor(async |predictor| {
                let embedding = predictor.embedding().ok().cloned();
                AutomaticMasks::new(size, settings, side, embedding)
            })
            .await?;
        self.automatic_masks.set(Some(Search { masks, display }));
        Ok(())
    }

    /// Does the search's next piece of work.
    pub async fn advance_automatic_masks(&self) -> JsResult<Ts<AutomaticMaskProgress>> {
        let mut search = self.automatic_masks.take().ok_or_else(no_search)?;
        let advanced = self.advance_search(&mut search).await;
        let progress = AutomaticMaskProgress {
            fraction: search.masks.progress(),
            found: search.masks.found(),
            finished: !advanced?,
        };
        self.automatic_masks.set(Some(search));
        Ok(progress.into_ts()?)
    }

    /// Ends the search: what it found.
    pub fn finish_automatic_masks(&self) -> JsResult<FoundObjects> {
        let search = self.automatic_masks.take().ok_or_else(no_search)?;
        Ok(FoundObjects(search.masks.finish()?))
    }

    /// Drops the search.
    pub fn drop_automatic_masks(&self) {
        self.automatic_masks.set(None);
    }
}

impl Engine {
    async fn advance_search(&self, search: &mut Search) -> Result<bool> {
        let Search { masks, display } = search;
        if !masks.wants_image() {
            let go_on = self.with_predictor(async |predictor| masks.go_on(predictor).await);
            return go_on.await;
        }
        // Its table takes longer to make than some batches of points take.
        let image = self.image.borrow();
        let shown = Shown::new(&image.as_ref().ok_or_else(no_image)?.picture, display)?;
        self.with_predictor_now(|predictor| masks.begin_tile(predictor, &shown))??;
        Ok(true)
    }
}

#[wasm_bindgen]
impl FoundObjects {
    pub fn objects(&self) -> JsResult<Vec<Ts<FoundObject>>> {
        let objects: std::result::Result<Vec<_>, _> =
            self.0.objects.iter().map(Tsify::into_ts).collect();
        Ok(objects?)
    }

    /// The runs of the labels, with which this is used up.
    pub fn runs(self) -> Vec<u32> {
        self.0.runs
    }
}

fn no_search() -> Error {
    Error::new("No search for objects is running: start one.")
}
