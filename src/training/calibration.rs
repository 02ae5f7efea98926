//! From which predicted IoU and stability on the masks of a trained decoder are objects. Training
//! on a few objects moves both: the untouched model's thresholds would leave out all or nothing.

use super::dataset::{Example, LabelledImage, Split, TrainingObject};
use super::prompts::point_inside;
use crate::automatic_masks::{AutomaticMaskSettings, STABILITY_OFFSET, stability};
use crate::device;
use crate::error::Result;
use crate::image::shapes;
use crate::model::mask_decoder::{MASK_TOKENS, MaskDecoder};
use crate::model::prompt_encoder::PromptEncoder;
use crate::predictor::{Prompt, answer};
use crate::random::Random;
use crate::weights::decoder_info::Thresholds;

/// Objects that are looked at, those held out first.
const MOST: usize = 48;
/// Points in each: what a person would click, and random ones.
const POINTS: usize = 4;
/// IoU with its object from which on a mask counts.
const FOUND: f64 = 0.5;
/// The part of the labelled objects' masks that may lie below what the thresholds are taken from.
const BELOW: f64 = 0.1;
/// The thresholds in parts of what those masks reach: it was trained on most of them, and is less
/// sure of other objects.
const IOU_PART: f32 = 0.86;
const STABILITY_PART: f32 = 0.8;

/// What a decoder makes of the objects that were looked at so far.
#[derive(Default)]
pub struct Calibration {
    objects: usize,
    ious: Vec<f32>,
    stabilities: Vec<f32>,
}

impl Calibration {
    /// Looks at the next object; the thresholds after the last.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn advance(
        &mut self,
        encoder: &PromptEncoder,
        decoder: &MaskDecoder,
        images: &[LabelledImage],
        split: &Split,
    ) -> Result<Option<Thresholds>> {
        let mut all = split.held_out.iter().chain(&split.training).take(MOST);
        if let Some(example) = all.nth(self.objects) {
            self.objects += 1;
            self.look(encoder, decoder, images, *example).await?;
            return Ok(None);
        }
        Ok(Some(match self.ious.is_empty() {
            true => AutomaticMaskSettings::default().thresholds(),
            false => Thresholds {
                iou: IOU_PART * quantile(&mut self.ious),
                stability: STABILITY_PART * quantile(&mut self.stabilities),
            },
        }))
    }

    /// Of each point's candidates the one that is most like the object counts.
    async fn look(
        &mut self,
        encoder: &PromptEncoder,
        decoder: &MaskDecoder,
        images: &[LabelledImage],
        example: Example,
    ) -> Result<()> {
        let image = &images[example.image];
        let view = image.view(example.object);
        let TrainingObject { object, shape, .. } = &image.objects[example.object];
        let mut random = Random::new(self.objects as u64);
        let ((x, y), positive) = (object.point, true);
        let mut prompts = vec![[Prompt::Point { x, y, positive }]];
        prompts.extend((1..POINTS).map(|_| [point_inside(shape, &mut random)]));
        let prompts: Vec<&[Prompt]> = prompts.iter().map(|prompt| &prompt[..]).collect();
        let (masks, ious) = answer(encoder, decoder, view, &prompts, None);
        let (masks, ious) = (device::read(masks).await?, device::read(ious).await?);
        let pixels = masks.len() / ious.len();
        let candidates: Vec<_> = masks.chunks_exact(pixels).zip(ious).collect();
        for of_point in candidates.chunks_exact(MASK_TOKENS) {
            let iou_with_object = |(logits, _): &&(&[f32], f32)| {
                let mask = view.shape(logits);
                let mask = mask.and_then(|mask| image.unknown.cut_from(mask, image.size.0));
                shapes::iou(mask.as_ref(), Some(shape))
            };
            let rated = of_point[1..].iter().map(|c| (iou_with_object(&c), c));
            let best = rated.max_by(|a, b| a.0.total_cmp(&b.0));
            // What is no mask of the object need not pass.
            let Some((_, (logits, iou))) = best.filter(|(iou, _)| *iou >= FOUND) else {
                continue;
            };
            let enlarged = view.enlarge(logits, -STABILITY_OFFSET);
            let stable = enlarged.map_or(0.0, |enlarged| stability(&enlarged, STABILITY_OFFSET));
            self.ious.push(*iou);
            self.stabilities.push(stable);
        }
        Ok(())
    }
}

/// The value that a part of [`BELOW`] of them lies below, 0..1.
fn quantile(values: &mut [f32]) -> f32 {
    values.sort_by(f32::total_cmp);
    let place = (BELOW * values.len() as f64) as usize;
    values.get(place).map_or(0.0, |value| value.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_the_masks_lies_below() {
        let mut values: Vec<f32> = (0..40).map(|i| ((7 * i) % 40) as f32 / 40.0).collect();
        let least = quantile(&mut values);
        assert_eq!(values.iter().filter(|value| **value < least).count(), 4);
        assert_eq!(quantile(&mut [0.5]), 0.5);
        assert_eq!(quantile(&mut [-0.5, f32::NAN, 7.0]), 0.0);
        assert_eq!(quantile(&mut []), 0.0);
    }
}
