//! Evaluating a decoder on the held-out objects, one after another.

use super::calibration::Calibration;
use super::dataset::{Example, LabelledImage, Split, TrainingObject};
use crate::error::Result;
use crate::evaluate::{Scores, object_ious};
use crate::model::mask_decoder::MaskDecoder;
use crate::model::prompt_encoder::PromptEncoder;
use crate::weights::decoder_info::Thresholds;

/// A decoder and its IoUs on the objects evaluated so far.
pub struct Evaluator {
    pub decoder: MaskDecoder,
    ious: Vec<[f64; 2]>,
    calibration: Calibration,
}

impl Evaluator {
    pub fn new(decoder: MaskDecoder) -> Self {
        Self {
            decoder,
            ious: Vec::new(),
            calibration: Calibration::default(),
        }
    }

    /// How many objects it was evaluated on.
    pub fn done(&self) -> usize {
        self.ious.len()
    }

    /// Looks at the next labelled object to find the decoder's thresholds; these after the last.
    pub async fn calibrate(
        &mut self,
        encoder: &PromptEncoder,
        images: &[LabelledImage],
        split: &Split,
    ) -> Result<Option<Thresholds>> {
        let (calibration, decoder) = (&mut self.calibration, &self.decoder);
        calibration.advance(encoder, decoder, images, split).await
    }

    /// Evaluates on the next of `examples`; the scores after the last.
    pub async fn advance(
        &mut self,
        encoder: &PromptEncoder,
        images: &[LabelledImage],
        examples: &[Example],
    ) -> Result<Option<Scores>> {
        if let Some(example) = examples.get(self.ious.len()) {
            let image = &images[example.image];
            let TrainingObject { object, shape, .. } = &image.objects[example.object];
            let view = image.view(example.object);
            let decoder = &self.decoder;
            let truth = (shape, &image.unknown, image.size.0);
            let ious = object_ious(encoder, decoder, view, truth, object.point, object.bbox);
            self.ious.push(ious.await?);
        }
        let complete = self.ious.len() >= examples.len();
        Ok(complete.then(|| Scores::of(&self.ious)))
    }
}
