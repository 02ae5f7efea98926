//! The prompts on the open image and their masks: 255 inside and 0 outside, of the image's own
//! size.

use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;

use super::engine::Engine;
use super::types::{JsResult, Prediction, PromptRound, read_all};
use crate::error::Result;
use crate::image::mask;
use crate::predictor;

#[wasm_bindgen]
impl Engine {
    /// Answers all of `rounds`; `undefined` without any. Those with which the list answered last
    /// began, too, are not computed again.
    pub async fn predict(&self, rounds: Vec<Ts<PromptRound>>) -> JsResult<Option<Ts<Prediction>>> {
        let rounds = read_all(&rounds, "prompts")?.into_iter();
        let rounds: Result<Vec<predictor::PromptRound>> = rounds.map(TryInto::try_into).collect();
        let rounds = rounds?;
        let answer = self
            .with_predictor(async |predictor| predictor.predict(&rounds).await)
            .await?;
        let Some(answer) = answer else {
            return Ok(None);
        };
        let prediction = Prediction {
            ious: answer.ious,
            selected: answer.selected,
            area: answer.mask.iter().filter(|inside| **inside).count(),
        };
        self.mask.replace(answer.mask);
        Ok(Some(prediction.into_ts()?))
    }

    /// The selected mask of the last prediction.
    pub fn mask(&self) -> Vec<u8> {
        bytes(&self.mask.borrow())
    }

    /// The same as a PNG file.
    pub fn mask_png(&self) -> JsResult<Vec<u8>> {
        let (width, height) = self.image_size()?;
        Ok(mask::to_png(&self.mask.borrow(), width, height)?)
    }

    /// What the model's own decoder makes of the prompts of the last prediction; `undefined`
    /// without any.
    pub async fn untouched_mask(&self) -> JsResult<Option<Vec<u8>>> {
        let mask = self
            .with_predictor(async |predictor| predictor.untouched_mask().await)
            .await?;
        Ok(mask.as_deref().map(bytes))
    }

    /// The mask for a single point, whatever the prompts are; they stay.
    pub async fn preview(&self, x: f32, y: f32) -> JsResult<Vec<u8>> {
        let mask = self
            .with_predictor(async |predictor| predictor.preview(x, y).await)
            .await?;
        Ok(bytes(&mask))
    }
}

fn bytes(mask: &[bool]) -> Vec<u8> {
    let byte = |inside: &bool| if *inside { 255 } else { 0 };
    mask.iter().map(byte).collect()
}
