//! The search for all objects of the open image, a piece of work at a time: automatic masks, or what
//! the model's decoder of instances finds.

use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;

use super::engine::Engine;
use super::image::no_image;
use super::types::{AutomaticMaskProgress, Display, JsResult, read};
use crate::automatic_masks::{AutomaticMaskSettings, AutomaticMasks, Found, FoundObject};
use crate::error::{Error, Result};
use crate::image::display::{self, Shown};
use crate::instances::search::{InstanceSearch, InstanceSettings, Method};
use crate::predictor::Predictor;

/// A search under way in the open image.
pub(super) struct Search {
    kind: Kind,
    display: display::Display,
}

enum Kind {
    Grid(AutomaticMasks),
    Instances(InstanceSearch),
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
        let size = self.image_size()?;
        self.begin_search(&display, |predictor| {
            let embedding = predictor.embedding().ok().cloned();
            let masks = AutomaticMasks::new(size, settings, given(side), embedding)?;
            Ok(Kind::Grid(masks))
        })
    }

    /// Begins a search by the model's decoder of instances, as [`Self::begin_automatic_masks`].
    pub async fn begin_instances(
        &self,
        display: Ts<Display>,
        method: Ts<Method>,
        settings: Ts<InstanceSettings>,
        side: usize,
    ) -> JsResult<()> {
        let settings = read(&settings, "settings of the search")?;
        let method = read(&method, "a way to find instances")?;
        let size = self.image_size()?;
        self.begin_search(&display, |predictor| {
            let embedding = predictor.embedding().ok().cloned();
            let search = InstanceSearch::new(size, given(side), method, settings, embedding)?;
            Ok(Kind::Instances(search))
        })
    }

    /// Does the search's next piece of work.
    pub async fn advance_automatic_masks(&self) -> JsResult<Ts<AutomaticMaskProgress>> {
        let mut search = self.automatic_masks.take().ok_or_else(no_search)?;
        let advanced = self.advance_search(&mut search).await;
        let (fraction, found) = match &search.kind {
            Kind::Grid(masks) => (masks.progress(), masks.found()),
            Kind::Instances(instances) => (instances.progress(), instances.found()),
        };
        let progress = AutomaticMaskProgress {
            fraction,
            found,
            finished: !advanced?,
        };
        self.automatic_masks.set(Some(search));
        Ok(progress.into_ts()?)
    }

    /// Ends the search: what it found.
    pub fn finish_automatic_masks(&self) -> JsResult<FoundObjects> {
        let search = self.automatic_masks.take().ok_or_else(no_search)?;
        Ok(FoundObjects(match search.kind {
            Kind::Grid(masks) => masks.finish()?,
            // No IoU is predicted for them.
            Kind::Instances(instances) => Found {
                runs: instances.finish()?.runs(),
                objects: Vec::new(),
            },
        }))
    }

    /// Drops the search.
    pub fn drop_automatic_masks(&self) {
        self.automatic_masks.set(None);
    }
}

impl Engine {
    fn begin_search(
        &self,
        display: &Ts<Display>,
        begin: impl FnOnce(&Predictor) -> Result<Kind>,
    ) -> JsResult<()> {
        let display = {
            let image = self.image.borrow();
            image.as_ref().ok_or_else(no_image)?.display(display)?
        };
        let kind = self.with_predictor_now(|predictor| begin(predictor))??;
        self.automatic_masks.set(Some(Search { kind, display }));
        Ok(())
    }

    async fn advance_search(&self, search: &mut Search) -> Result<bool> {
        let Search { kind, display } = search;
        let wants_image = match kind {
            Kind::Grid(masks) => masks.wants_image(),
            Kind::Instances(instances) => instances.wants_image(),
        };
        if !wants_image {
            let go_on = async |predictor: &mut Predictor| match kind {
                Kind::Grid(masks) => masks.go_on(predictor).await,
                Kind::Instances(instances) => instances.go_on(predictor).await,
            };
            return self.with_predictor(go_on).await;
        }
        // Its table takes longer to make than some batches of points take.
        let image = self.image.borrow();
        let shown = Shown::new(&image.as_ref().ok_or_else(no_image)?.picture, display)?;
        self.with_predictor_now(|predictor| match kind {
            Kind::Grid(masks) => masks.begin_tile(predictor, &shown),
            Kind::Instances(instances) => instances.begin_part(predictor, &shown),
        })??;
        Ok(true)
    }
}

#[wasm_bindgen]
impl FoundObjects {
    /// Those whose IoU the model predicts.
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

fn given(side: usize) -> Option<usize> {
    (side > 0).then_some(side)
}

fn no_search() -> Error {
    Error::new("No search for objects is running: start one.")
}
