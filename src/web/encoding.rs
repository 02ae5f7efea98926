//! Encoding images, a step at a time so that `cancel` is heard in between.

use js_sys::{Function, Promise};
use tsify::Ts;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::engine::{Engine, Purpose};
use super::image::{display_of, no_image, open};
use super::types::{Display, JsResult};
use crate::error::{Error, Result};
use crate::image::decode::Rgb;
use crate::image::display::Shown;
use crate::image::resize::Rows;
use crate::predictor::{Embedding, Predictor};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, milliseconds: i32);
}

#[wasm_bindgen]
impl Engine {
    /// Makes the displayed image ready for encoding and tells the key under which its embedding
    /// may have been kept.
    pub fn begin_encoding(&self, display: Ts<Display>) -> JsResult<String> {
        let image = self.image.borrow();
        let image = image.as_ref().ok_or_else(no_image)?;
        let shown = Shown::new(&image.picture, &image.display(&display)?)?;
        Ok(self.begin(&shown, Purpose::Prompting)?)
    }

    /// Makes an image of the training set ready for encoding as `begin_encoding` does the open
    /// one, which stays: a page of a file's bytes, or the bundled sample where there are none.
    pub fn begin_labelled(
        &self,
        file: Option<Vec<u8>>,
        page: usize,
        display: Ts<Display>,
    ) -> JsResult<String> {
        let picture = open(file, page)?.picture;
        let shown = Shown::new(&picture, &display_of(&display)?)?;
        Ok(self.begin(&shown, Purpose::Training)?)
    }

    /// Encodes what was made ready and lets the event loop run between the steps, so that
    /// `cancel` is heard: `false` if it was. `progress` is called with the steps done and their
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
        let finished = embedding.is_some();
        if let Some(embedding) = embedding {
            self.place(embedding, purpose).await?;
        }
        Ok(finished)
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
        let (embedding, _) = encoded.ok_or_else(not_begun)?;
        Ok(embedding.values().await?)
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

impl Engine {
    fn begin(&self, image: &impl Rows, purpose: Purpose) -> Result<String> {
        self.cancelled.set(false);
        let encoding = self.with_predictor_now(|predictor| {
            if purpose == Purpose::Prompting {
                predictor.drop_embedding();
            }
            predictor.begin_encoding(image)
        })?;
        let key = encoding.key().to_owned();
        self.encoding.set(Some((encoding, purpose)));
        Ok(key)
    }

    async fn place(&self, embedding: Embedding, purpose: Purpose) -> Result<()> {
        self.encoded.replace(Some((embedding.clone(), purpose)));
        if purpose == Purpose::Training {
            return Ok(());
        }
        self.with_predictor(async |predictor| {
            predictor.set_embedding(embedding);
            predictor.prepare()
        })
        .await
    }

    /// The embedding of the image of the training set that was encoded last.
    pub(super) fn take_labelled_embedding(&self) -> Result<Embedding> {
        match self.encoded.take() {
            Some((embedding, Purpose::Training)) => Ok(embedding),
            _ => Err(not_begun()),
        }
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
