//! Encoding images, a step at a time so that `cancel` is heard in between.

use js_sys::{Function, Promise};
use tsify::Ts;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::Blob;

use super::engine::{Engine, Purpose};
use super::image::{no_image, open};
use super::types::{Display, JsResult, read};
use crate::error::{Error, Result};
use crate::image::decode::{Picture, Rgb};
use crate::image::display::{self, Shown};
use crate::image::labels::Labels;
use crate::image::part::Part;
use crate::image::resize::Rows;
use crate::predictor::{Embedding, Predictor};
use crate::tile_choice::TileChoice;
use crate::training::dataset::LabelledParts;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, milliseconds: i32);
}

/// An image on its way into the training set.
pub(super) struct Labelling {
    picture: Picture,
    display: display::Display,
    parts: LabelledParts,
    views: Vec<Embedding>,
}

#[wasm_bindgen]
impl Engine {
    /// Makes the displayed image, or a part of it, ready for encoding and tells the key under which
    /// its embedding may have been kept. With the whole image all embeddings before are dropped.
    pub fn begin_encoding(&self, display: Ts<Display>, part: Option<Ts<Part>>) -> JsResult<String> {
        let image = self.image.borrow();
        let image = image.as_ref().ok_or_else(no_image)?;
        let shown = Shown::new(&image.picture, &image.display(&display)?)?;
        let part = match part {
            Some(part) => part_of(read(&part, "a part of the image")?, shown.size())?,
            None => {
                self.with_predictor_now(|predictor| predictor.open_image(shown.size()))?;
                Part::whole(shown.size())
            }
        };
        Ok(self.begin(&shown, part, Purpose::Prompting)?)
    }

    /// Makes an image that is not open ready for encoding: a page of a file, or the bundled sample
    /// where there is none.
    pub fn begin_ahead(
        &self,
        file: Option<Blob>,
        page: usize,
        display: Ts<Display>,
    ) -> JsResult<String> {
        let display = read(&display, "display settings")?;
        let (picture, display) = open_displayed(file, page, display)?;
        let shown = Shown::new(&picture, &display)?;
        Ok(self.begin(&shown, Part::whole(shown.size()), Purpose::Later)?)
    }

    /// Takes an image with the runs of its labels for the training set; the open one stays. How many
    /// parts of it have to be encoded, each after `begin_labelled_part`.
    pub fn begin_labelled(
        &self,
        file: Option<Blob>,
        page: usize,
        display: Ts<Display>,
        runs: Vec<u32>,
    ) -> JsResult<usize> {
        // Two large images at a time may be too many.
        self.labelling.take();
        let display = read(&display, "display settings")?;
        let (picture, display) = open_displayed(file, page, display)?;
        let size = picture.size();
        let labels = Labels::from_runs(&runs, size)?;
        let parts = LabelledParts::new(&labels, size, TileChoice::Auto)?;
        let count = parts.parts().len();
        self.labelling.replace(Some(Labelling {
            picture,
            display,
            parts,
            views: Vec::new(),
        }));
        Ok(count)
    }

    /// Makes the next part of the image for the training set ready for encoding, as `begin_encoding`
    /// does.
    pub fn begin_labelled_part(&self) -> JsResult<String> {
        let labelling = self.labelling.borrow();
        let labelling = labelling.as_ref().ok_or_else(not_begun)?;
        let part = labelling.parts.parts().get(labelling.views.len());
        let part = *part.ok_or_else(not_begun)?;
        let shown = Shown::new(&labelling.picture, &labelling.display)?;
        Ok(self.begin(&shown, part, Purpose::Training)?)
    }

    /// Puts the image whose parts were encoded into the training set.
    pub fn add_labelled(&self) -> JsResult<()> {
        let labelling = self.labelling.take().ok_or_else(not_begun)?;
        let image = labelling.parts.with(labelling.views)?;
        self.labelled.borrow_mut().push(image);
        Ok(())
    }

    /// Encodes what was made ready and lets the event loop run between the steps, so that
    /// `cancel` is heard: `false` if it was; made ready again, it goes on from there. `progress` is called with the steps done and their
    /// total.
    pub async fn encode(
        &self,
        #[wasm_bindgen(unchecked_param_type = "(step: number, steps: number) => void")]
        progress: &Function,
    ) -> JsResult<bool> {
        let (mut encoding, purpose) = self.encoding.take().ok_or_else(not_begun)?;
        let embedding = self
            .with_predictor(async |predictor| {
                let steps = predictor.encoding_steps();
                loop {
                    if let Some(embedding) = predictor.advance(&mut encoding).await? {
                        return Ok(Some(embedding));
                    }
                    let done = encoding.steps_done();
                    let _ = progress.call2(&JsValue::NULL, &done.into(), &steps.into());
                    pause().await;
                    if self.cancelled.get() {
                        return Ok(None);
                    }
                }
            })
            .await?;
        match embedding {
            Some(embedding) => {
                self.place(embedding, purpose).await?;
                Ok(true)
            }
            None => {
                self.paused.set(Some(encoding));
                Ok(false)
            }
        }
    }

    /// Takes a kept embedding instead of encoding what was made ready.
    pub async fn restore_embedding(&self, values: Vec<f32>) -> JsResult<()> {
        let (encoding, purpose) = self.encoding.take().ok_or_else(not_begun)?;
        let embedding = self
            .with_predictor(async |predictor| predictor.restored(&encoding, values))
            .await?;
        Ok(self.place(embedding, purpose).await?)
    }

    /// The values of the embedding that came last, to be kept.
    pub async fn embedding(&self) -> JsResult<Vec<f32>> {
        let encoded = self.encoded.borrow().clone();
        Ok(encoded.ok_or_else(not_begun)?.values().await?)
    }

    /// Runs decoder and image encoder on zeros, because a GPU compiles their programs at the
    /// first use. Only while no image is open; `cancel` is heard between the steps.
    pub async fn warm_up(&self) -> JsResult<()> {
        self.cancelled.set(false);
        let work = async |predictor: &mut Predictor| {
            predictor.warm_up().await?;
            let image = Rgb::black(predictor.config().image_size());
            let mut encoding = predictor.begin_encoding(&image);
            while !self.cancelled.get() {
                if predictor.advance(&mut encoding).await?.is_some() {
                    break;
                }
                pause().await;
            }
            Ok(())
        };
        Ok(self.with_predictor(work).await?)
    }

    /// Stops an encoding after the step it is at.
    pub fn cancel(&self) {
        self.cancelled.set(true);
    }
}

/// The channels of an image that its display chooses, and how they are shown.
pub(super) fn open_displayed(
    file: Option<Blob>,
    page: usize,
    display: Display,
) -> Result<(Picture, display::Display)> {
    let page = open(file, page, &display.channels)?;
    Ok((page.picture, display.of_file(&page.voi)))
}

impl Engine {
    fn begin(&self, image: &impl Rows, part: Part, purpose: Purpose) -> Result<String> {
        self.cancelled.set(false);
        let begun = self.with_predictor_now(|predictor| predictor.begin_part(image, part))?;
        let key = begun.key().to_owned();
        let paused = self.paused.take().filter(|paused| paused.is_of(&begun));
        let encoding = paused.unwrap_or(begun);
        self.encoding.set(Some((encoding, purpose)));
        Ok(key)
    }

    async fn place(&self, embedding: Embedding, purpose: Purpose) -> Result<()> {
        self.encoded.replace(Some(embedding.clone()));
        match purpose {
            Purpose::Later => {}
            Purpose::Training => {
                if let Some(labelling) = &mut *self.labelling.borrow_mut() {
                    labelling.views.push(embedding);
                }
            }
            Purpose::Prompting => {
                self.with_predictor_now(|predictor| {
                    let part = embedding.part();
                    predictor.add_embedding(embedding);
                    predictor.prepare(&part)
                })??;
            }
        }
        Ok(())
    }
}

/// Refuses a part that does not lie in an image of this width and height.
fn part_of(part: Part, (width, height): (usize, usize)) -> Result<Part> {
    let ends = |start: usize, length: usize| start.checked_add(length);
    let inside = |end: Option<usize>, side| end.is_some_and(|end| end <= side);
    let fits = inside(ends(part.x, part.width), width) && inside(ends(part.y, part.height), height);
    match fits && part.width > 0 && part.height > 0 {
        true => Ok(part),
        false => Err(Error::new(
            "The part to be encoded does not lie in the image: open it again.",
        )),
    }
}

/// Lets the worker's event loop run once.
async fn pause() {
    let next_task = Promise::new(&mut |resolve, _| set_timeout(&resolve, 0));
    let _ = JsFuture::from(next_task).await;
}

fn not_begun() -> Error {
    Error::new("The image is not ready to be encoded: open it again.")
}
