//! What the model makes of a shape's box, and what that tells of the shape: the surer the model is,
//! and the better its mask agrees, the likelier it is an object.

use super::lesson::{Learned, Sight};
use super::network::Network;
use super::numbers;
use super::propose::Proposal;
use super::view::View;
use crate::image::shapes::{Shape, iou};

/// Numbers of a shape: those of the ranking, the IoU that it predicts for this one and for the one
/// that the model was asked about, how many shapes were the same, whether this one is the model's,
/// the model's answer, its agreement with the shape, and how many examples there were.
pub const COUNT: usize = numbers::COUNT + 9;
/// What the ranking's IoU, the model's, and the agreement of both shapes weigh.
const WEIGHTS: [f32; 3] = [0.6, 0.2, 0.2];

/// The model's answer to a box.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// In pixels of the image.
    pub shape: Option<Shape>,
    /// The mask of a fine-tuned decoder, if there is one.
    pub tuned: Option<Shape>,
    /// The IoU that the model predicts.
    pub iou: f32,
    /// The largest that it predicts for its masks of prompts that leave it open what is meant.
    pub open: f32,
    /// 0..1.
    pub stability: f32,
}

/// A shape of the image and what speaks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rated {
    pub shape: Shape,
    pub numbers: [f32; COUNT],
    /// The IoU with an object that is to be expected.
    pub score: f32,
}

/// A proposal and the masks for it, the model's own and a fine-tuned decoder's, each with its score. What
/// was learned of the model's sureness holds for its own decoder, so a fine-tuned one lends its outlines only.
pub fn rated(
    proposal: &Proposal,
    answer: &Answer,
    (view, sight, learned): (&View, &Sight, &Learned),
    network: &Network,
) -> Vec<Rated> {
    let Some(own) = view.in_image(&proposal.shape) else {
        return Vec::new();
    };
    let agreed = |mask: Option<&Shape>| iou(Some(&own), mask) as f32;
    let both = |numbers: &[f32; numbers::COUNT], score: f32, mask: Option<&Shape>| {
        let more = [
            score,
            proposal.score,
            (proposal.same as f32).ln_1p(),
            f32::from(u8::from(mask.is_some())),
            answer.iou,
            answer.open,
            answer.stability,
            agreed(mask.or(answer.shape.as_ref())),
            (learned.examples as f32).ln(),
        ];
        let mut all = [0.0; COUNT];
        let numbers = numbers.iter().chain(&more);
        all.iter_mut().zip(numbers).for_each(|(a, x)| *a = *x);
        all
    };
    let mut rated = vec![(own.clone(), both(&proposal.numbers, proposal.score, None))];
    for mask in [&answer.shape, &answer.tuned].into_iter().flatten() {
        if let Some(seen) = view.seen(mask) {
            let numbers = sight.numbers(&seen, &learned.typical);
            let score = network.of(&numbers);
            rated.push((mask.clone(), both(&numbers, score, Some(mask))));
        }
    }
    let rate = |(shape, numbers): (Shape, [f32; COUNT])| {
        let [own, model, both] = WEIGHTS;
        let agreement = numbers[numbers::COUNT + 7];
        let score = own * numbers[numbers::COUNT] + model * answer.iou + both * agreement;
        Rated {
            shape,
            numbers,
            score,
        }
    };
    rated.into_iter().map(rate).collect()
}
