//! The prompts on the open image and their masks.

use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;

use super::engine::Engine;
use super::types::{JsResult, Prediction, PromptRound, read_all};
use crate::error::Result;
use crate::image::part::Part;
use crate::image::{mask, shapes};
use crate::predictor::{self, Reply};

/// A mask, or what has to be encoded before there is one.
#[wasm_bindgen]
pub struct MaskReply(Reply);

#[wasm_bindgen]
impl MaskReply {
    /// The part of the image whose embedding is missing; `undefined`: there is a mask.
    pub fn needs(&self) -> JsResult<Option<Ts<Part>>> {
        match &self.0 {
            Reply::Needs(part) => Ok(Some(part.into_ts()?)),
            Reply::Answer(_) => Ok(None),
        }
    }

    pub fn prediction(&self) -> JsResult<Option<Ts<Prediction>>> {
        let Reply::Answer(answer) = &self.0 else {
            return Ok(None);
        };
        let prediction = Prediction {
            ious: answer.ious.clone(),
            selected: answer.selected,
            area: answer.mask.as_ref().map_or(0, |mask| mask.area),
            part: answer.part,
        };
        Ok(Some(prediction.into_ts()?))
    }

    /// Left, top, right and bottom of the mask in pixels of the image, the last two just outside;
    /// all zero where it has no pixel.
    pub fn bounds(&self) -> Vec<u32> {
        let Some(mask) = self.mask() else {
            return vec![0; 4];
        };
        let (right, bottom) = (mask.x + mask.width, mask.y + mask.height);
        [mask.x, mask.y, right, bottom].map(|at| at as u32).to_vec()
    }

    /// The mask within its bounds, row by row: 255 inside and 0 outside. With it this is used up.
    pub fn bits(self) -> Vec<u8> {
        let byte = |inside: &bool| if *inside { 255 } else { 0 };
        let mask = self.mask();
        mask.map_or_else(Vec::new, |mask| mask.bits.iter().map(byte).collect())
    }

    fn mask(&self) -> Option<&shapes::Shape> {
        match &self.0 {
            Reply::Answer(answer) => answer.mask.as_deref(),
            Reply::Needs(_) => None,
        }
    }
}

#[wasm_bindgen]
impl Engine {
    /// Answers all of `rounds`; `undefined` without any. Those with which the list answered last
    /// began, too, are not computed again.
    pub async fn predict(&self, rounds: Vec<Ts<PromptRound>>) -> JsResult<Option<MaskReply>> {
        let rounds = read_all(&rounds, "prompts")?.into_iter();
        let rounds: Result<Vec<predictor::PromptRound>> = rounds.map(TryInto::try_into).collect();
        let rounds = rounds?;
        let reply = self
            .with_predictor(async |predictor| predictor.predict(&rounds).await)
            .await?;
        if let Some(Reply::Answer(answer)) = &reply {
            self.mask.replace(answer.mask.clone());
        }
        Ok(reply.map(MaskReply))
    }

    /// The selected mask of the last prediction as a PNG file of the image's size: 255 inside and
    /// 0 outside.
    pub fn mask_png(&self) -> JsResult<Vec<u8>> {
        let (width, height) = self.image_size()?;
        let inside = shapes::plane(self.mask.borrow().as_deref(), (width, height));
        Ok(mask::to_png(&inside, width, height)?)
    }

    /// What the model's own decoder makes of the prompts of the last prediction; `undefined`
    /// without any.
    pub async fn untouched_mask(&self) -> JsResult<Option<MaskReply>> {
        let reply = self
            .with_predictor(async |predictor| predictor.untouched().await)
            .await?;
        Ok(reply.map(MaskReply))
    }

    /// The mask for a single point, looked at in parts of `side`, whatever the prompts are; they
    /// stay.
    pub async fn preview(&self, x: f32, y: f32, side: usize) -> JsResult<MaskReply> {
        let reply = self
            .with_predictor(async |predictor| predictor.preview(x, y, side).await)
            .await?;
        Ok(MaskReply(reply))
    }

    /// The part that is best encoded next for clicks between the corners `bounds`: left, top, right
    /// and bottom in pixels of the image, looked at in parts of `side`; `undefined`: none.
    pub fn missing_part(&self, side: usize, bounds: &[f32]) -> JsResult<Option<Ts<Part>>> {
        let &[x0, y0, x1, y1] = bounds else {
            return Ok(None);
        };
        let missing =
            self.with_predictor_now(|predictor| predictor.missing(side, [x0, y0, x1, y1]))?;
        Ok(missing.map(|part| part.into_ts()).transpose()?)
    }
}
